// Whom a fault hits: the region that was drawn, or one that plays a part when the fault begins.
import type { World } from '../world.ts'
import type { Fault } from './kinds.ts'

/** The fault with its regions turned so that `site` is the one that is aimed at; the others keep their places beside it. */
export function aimed(world: World, fault: Fault, struck: number | null): Fault {
  const site = target(world, fault, struck)
  const count = world.regions.length
  const turned = (region: number): number => (region + site - fault.site + count) % count
  return { ...fault, site, other: turned(fault.other), group: fault.group.map(turned) }
}

function target(world: World, { aim, site }: Fault, struck: number | null): number {
  if (aim === 'struck') return struck ?? site
  if (aim === 'primary') {
    const { record } = world.etcd
    const primary = record?.primary ?? record?.previous ?? null
    return primary === null ? site : world.regions.indexOf(primary)
  }
  const mover = world.controllers.findIndex((each) => each.process.isUp && each.state.move !== null)
  return aim === 'mover' && mover !== -1 ? mover : site
}
