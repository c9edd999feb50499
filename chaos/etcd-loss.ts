// Members of etcd die by kill -9; heal starts them with the disk that they had.
import { z } from 'zod'
import { ports, regions, type Region } from '#protocol/sites.ts'
import { Etcd } from '#runtime/etcd.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { FaultUnproven, type FaultHandler } from './fault.ts'
import { heldWords, holdOn, nothingHeld, released } from './held.ts'
import { containersStay } from './sight.ts'
import { reachableRegions, runningNames, runningTargets } from './stores.ts'
import { nameOf, servicesOf } from './targets.ts'
import { between } from './wan-calls.ts'

const lossDetail = z.object({ target: z.string() })
const majority = Math.floor(regions.length / 2) + 1
const askTimeoutMs = 2000
/** The others elect a leader within 1 to 2 s if the dead member was it; a busy machine takes longer. */
const electionWithinMs = 15_000

function regionsOf(target: string): readonly Region[] {
  return servicesOf(target).map((each) => each.site as Region)
}

/** What a member says of its leader: its id, null for none, undefined if the member does not answer. */
async function leaderSeenBy(world: RunningWorld, region: Region): Promise<string | null | undefined> {
  const forward = await world.wayIn.forward(`etcd.${region}`, ports.etcd)
  const etcd = new Etcd([`127.0.0.1:${forward.port}`], () => performance.now())
  try {
    return await etcd.leader(askTimeoutMs)
  } catch {
    return undefined
  } finally {
    await etcd.close()
    await forward.close()
  }
}

/** What those that are left say, once they agree on a leader or would have had the time to. */
async function told(world: RunningWorld, others: readonly Region[]): Promise<string> {
  if (others.length === 0) return 'no member is left'
  const names = others.map((region) => `etcd.${region}`).join(' and ')
  if (others.length < majority) return `${names} alone is no quorum`
  const deadline = performance.now() + electionWithinMs
  for (;;) {
    const leaders = new Set(await Promise.all(others.map((region) => leaderSeenBy(world, region))))
    const [leader] = leaders
    if (leaders.size === 1 && typeof leader === 'string') return `${names} follow one leader`
    if (performance.now() > deadline) return `${names} have no leader in common, which other faults must explain`
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** A sentence once the member takes part again, or would but for other faults; null before. */
async function isBack(world: RunningWorld, region: Region, running: ReadonlySet<string>): Promise<string | null> {
  const leader = await leaderSeenBy(world, region)
  if (leader === undefined) return null
  if (leader !== null) return `etcd.${region} answers and knows its leader`
  const reached = await reachableRegions(world, region, 'control')
  const peers = reached.filter((each) => running.has(`etcd.${each}`)).length
  return peers + 1 < majority ? `etcd.${region} answers; other faults leave it without a quorum` : null
}

export const etcdLoss: FaultHandler<'etcd-loss'> = {
  summary: 'members of etcd die by kill -9 and come back with their disk; two of three are a quorum',
  expected: (spec) => {
    const left = regions.length - new Set(regionsOf(spec.target)).size
    return left >= majority
      ? `${spec.target} is gone; the ${left} others are a quorum, with a leader within 2 s: failovers and permits go on`
      : `${spec.target} is gone and ${left} of ${regions.length} members are no quorum: no epoch can be taken, no permit renewed, until it is back`
  },
  touches: (spec) => servicesOf(spec.target).map(nameOf),
  holds: (target) => servicesOf(target).map(holdOn('dead')),

  detail: (spec) => ({ target: spec.target }),

  async inject(world, entry) {
    const targets = await runningTargets(world, lossDetail.parse(entry.detail).target)
    return between(world, () => world.kill(targets))
  },

  async prove(world, entry) {
    const lost = regionsOf(lossDetail.parse(entry.detail).target)
    for (const region of lost)
      if ((await leaderSeenBy(world, region)) !== undefined)
        throw new FaultUnproven(`expected etcd.${region} to be dead, saw it answer`)
    const running = await runningNames(world)
    const others = regions.filter((region) => !lost.includes(region) && running.has(`etcd.${region}`))
    const names = lost.map((region) => `etcd.${region}`).join(' and ')
    return `${names}: no answer; ${await told(world, others)}`
  },

  endedIn: (entry, sight) => containersStay(servicesOf(lossDetail.parse(entry.detail).target), 'dead', sight),

  async heal(world, entry, held = nothingHeld) {
    await world.start(released(servicesOf(lossDetail.parse(entry.detail).target), 'dead', held))
  },

  async isHealed(world, entry, held = nothingHeld) {
    const running = await runningNames(world)
    const members = servicesOf(lossDetail.parse(entry.detail).target)
    const free = released(members, 'dead', held)
    const seen = await Promise.all(free.map(({ site }) => isBack(world, site as Region, running)))
    return seen.includes(null) ? null : `${seen.join('; ')}${heldWords(members, 'dead', held)}`.replace(/^; /, '')
  },
}
