// Which links a partition of each shape cuts, as directed pairs of sites.
import type { World } from '../world.ts'

export type Sides = readonly (readonly [from: number, to: number])[]

const both = (from: number, to: number): Sides => [
  [from, to],
  [to, from],
]

const sites = (world: World): number[] => Array.from({ length: world.network.siteCount }, (_, at) => at)

export const sidesOf = {
  pair: both,

  /** A region from all other regions and all client areas. */
  isolate: (world: World, site: number): Sides =>
    sites(world).flatMap((other) => (other === site ? [] : both(site, other))),

  /** A region from all other regions; its clients stay. */
  fromRegions: (world: World, site: number): Sides =>
    [...world.regions.keys()].flatMap((other) => (other === site ? [] : both(site, other))),

  /** The regions of a group from the others; each client area stays with the regions of its own side. */
  groups: (world: World, group: readonly number[]): Sides => {
    const isInside = (site: number): boolean => group.includes(site % world.regions.length)
    return sites(world).flatMap((from) =>
      sites(world).flatMap((to) => (isInside(from) && !isInside(to) ? both(from, to) : [])),
    )
  },

  /** Two halves that only one region can reach. */
  bridge: (world: World, site: number): Sides => {
    const others = [...world.regions.keys()].filter((each) => each !== site)
    const half = others.slice(0, Math.ceil(others.length / 2))
    const rest = others.slice(half.length)
    return half.flatMap((from) => rest.flatMap((to) => both(from, to)))
  },
} as const
