// A region loses power: its links go dark at one instant, then every container is killed. Disks (volumes) survive.
import type { ContainerFacts } from '#world/running-world.ts'
import { notRunning } from './containers.ts'
import { FaultUnproven, type FaultHandler } from './fault.ts'
import { heldWords, holdOn, nothingHeld, released } from './held.ts'
import { lastsMs } from './lease.ts'
import { containersStay, linksStay, together } from './sight.ts'
import { cutChanges, describeCut, proveCut, seeDelivery } from './cut.ts'
import { containersOf, cutOf, eachLink, linkName, nameOf, regionOf, type Link } from './targets.ts'
import { changeLinks, clockNs, linkChanges, removeLinkChange } from './wan-calls.ts'
import { isRegion, type Region } from '#protocol/sites.ts'

function notIn(facts: readonly ContainerFacts[], region: Region, states: readonly string[]): readonly string[] {
  return facts.filter((each) => each.site === region && !states.includes(each.state)).map(nameOf)
}

/** Somebody whose beats can be seen to be dropped. */
function isAnybodyElse(facts: readonly ContainerFacts[], region: Region): boolean {
  return facts.some(({ site, state }) => site !== null && isRegion(site) && site !== region && state === 'running')
}

/** The beats of regions show what becomes of their links, so nothing has to be sent in the midst of a failover. */
const isBetweenRegions = ({ from, to }: Link): boolean => isRegion(from) && isRegion(to)

export const powerLoss: FaultHandler<'power-loss'> = {
  summary: 'a region loses power: its links go dark, then its containers are killed; disks survive',
  endsBy: 'the WAN (links) and the guard (containers)',
  expected: (spec) =>
    `${spec.target} is dark: nothing in it runs or is reached; if it was primary, another region takes over`,
  touches: (spec) => {
    const links = eachLink(cutOf(spec.target, 'cut').cut).map(linkName)
    return [...containersOf(regionOf(spec.target)).map(nameOf), ...links]
  },

  holds: (target) => containersOf(regionOf(target)).map(holdOn('dead')),

  detail: (spec) => describeCut(cutOf(spec.target, 'cut'), { expiresInMs: lastsMs(spec) }),

  async inject(world, entry) {
    const region = regionOf(entry.target)
    const firstNs = await changeLinks(world, cutChanges(entry))
    await world.kill(containersOf(region))
    return { firstNs, lastNs: await clockNs(world) }
  },

  async prove(world, entry) {
    const region = regionOf(entry.target)
    const facts = await world.containers()
    const alive = notIn(facts, region, ['exited', 'dead'])
    if (alive.length > 0)
      throw new FaultUnproven(`expected region ${region} without power, saw ${alive.join(', ')} run`)
    const cut = isAnybodyElse(facts, region)
      ? await proveCut(world, entry, isBetweenRegions)
      : 'and no other region is there to send to it'
    return `no container of region ${region} runs, ${cut}`
  },

  endedIn: (entry, sight) =>
    together([
      linksStay(entry, cutChanges(entry).length, sight),
      containersStay(containersOf(regionOf(entry.target)), 'dead', sight),
    ]),

  async heal(world, entry, held = nothingHeld) {
    await removeLinkChange(world, entry.id)
    await world.start(released(containersOf(regionOf(entry.target)), 'dead', held))
  },

  async isHealed(world, entry, held = nothingHeld) {
    const region = regionOf(entry.target)
    const all = containersOf(region)
    const free = released(all, 'dead', held)
    if ((await notRunning(world, free)) !== null) return null
    const changes = await linkChanges(world)
    if (changes.some((change) => change.id === entry.id)) return null
    const delivery = await seeDelivery(world, entry, isBetweenRegions)
    if (delivery === null) return null
    const containers = free.length === all.length ? 'all containers' : 'all other containers'
    return `${containers} of region ${region} run, ${delivery}${heldWords(all, 'dead', held)}`
  },
}
