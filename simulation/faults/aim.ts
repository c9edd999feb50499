// Whom a fault hits: the region that was drawn, or one that plays a part when the fault begins.
import type { World } from '../world.ts'
import type { Aim, Fault } from './kinds.ts'

/** The fault with its regions turned so that `site` is the one that is aimed at; the others keep their places beside it. */
export function aimed(world: World, fault: Fault, struck: number | null): Fault {
  const site = target(world, fault, struck)
  const count = world.regions.length
  const turned = (region: number): number => (region + site - fault.site + count) % count
  return { ...fault, site, other: turned(fault.other), group: fault.group.map(turned) }
}

function target(world: World, { aim, site, other }: Fault, struck: number | null): number {
  const count = world.regions.length
  const parts: Readonly<Record<Aim, () => number | null>> = {
    site: () => site,
    struck: () => struck,
    primary: () => primary(world),
    standby: () => ((primary(world) ?? site) + other - site + count) % count,
    successor: () =>
      found(world.agents.findIndex((each, at) => at !== struck && each.status().state === 'promoting')) ??
      found(world.agents.findIndex((each, at) => at !== struck && each.isPrimary)) ??
      primary(world),
    mover: () => found(world.controllers.findIndex((each) => each.process.isAtWork && each.state.move !== null)),
  }
  return parts[aim]() ?? site
}

function found(at: number): number | null {
  return at === -1 ? null : at
}

/** The one that the record names, or named last. */
function primary({ etcd, regions }: World): number | null {
  const region = etcd.record?.primary ?? etcd.record?.previous ?? null
  return region === null ? null : regions.indexOf(region)
}
