// Links get slow, lossy or narrow, for all traffic or one class of hosts.
import { z } from 'zod'
import type { FaultSpec } from '#protocol/faults.ts'
import { linkClasses } from '#protocol/sites.ts'
import { linkSetting, type LedgerEntry, type LinkChange, type LinkSetting } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { proveBandwidth, proveDelay, proveShare, seeRoundTrip, type Sample } from './degrade-proof.ts'
import { FaultUnproven, type FaultHandler } from './fault.ts'
import { endsOf, runningNames } from './inside.ts'
import { lastsMs } from './lease.ts'
import { linksStay } from './sight.ts'
import { eachLink, linkName, linksOf } from './targets.ts'
import { effectiveOn } from './traffic.ts'
import { changeLinks, linkChanges, linksState, removeLinkChange } from './wan-calls.ts'

const degradeDetail = z.object({
  target: z.string(),
  class: z.enum(linkClasses).optional(),
  set: linkSetting,
  expiresInMs: z.number(),
})
type Degrade = z.infer<typeof degradeDetail>

/** The first link of each direction between whose ends packets of the class can go. */
async function samplesOf(world: RunningWorld, detail: Degrade): Promise<readonly Sample[]> {
  const running = await runningNames(world)
  const usable = { source: (name: string) => running.has(name), host: (name: string) => running.has(name) }
  return linksOf(detail.target).flatMap((set): readonly Sample[] => {
    for (const link of eachLink([set])) {
      const ends = endsOf(link, detail.class, usable)
      if (ends !== null) return [{ link, ends, class: detail.class }]
    }
    return []
  })
}

/** The handshake covers both directions, the counters are those of one. */
async function prove(world: RunningWorld, entry: LedgerEntry): Promise<string> {
  const detail = degradeDetail.parse(entry.detail)
  const { set } = detail
  const samples = await samplesOf(world, detail)
  const [first] = samples
  if (first === undefined)
    throw new FaultUnproven(`expected running containers at both ends of ${entry.target}, saw none to measure with`)
  const state = await linksState(world)
  const seen: string[] = []
  for (const sample of samples) {
    const effective = effectiveOn(state, sample.link, sample.ends.class)
    for (const [field, value] of Object.entries(set)) {
      const found = effective?.[field as keyof LinkSetting]
      if (found !== value)
        throw new FaultUnproven(
          `expected ${field} ${String(value)} on ${linkName(sample.link)}, saw ${String(found)}: another change lies above`,
        )
    }
    if (set.loss !== undefined && set.loss > 0) seen.push(await proveShare(world, sample, 'dropped', set.loss))
    if (set.reorder !== undefined && set.reorder > 0)
      seen.push(await proveShare(world, sample, 'reordered', set.reorder))
    if (set.bandwidthBps !== undefined) seen.push(await proveBandwidth(world, sample, set.bandwidthBps))
  }
  if (set.delayMs !== undefined || (set.jitter !== undefined && set.jitter > 0))
    seen.unshift(await proveDelay(world, first, set))
  return seen.length === 0 ? `the WAN applies it to ${entry.target}` : seen.join('; ')
}

function words(spec: Extract<FaultSpec, { kind: 'link-degrade' }>): string {
  const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`
  return [
    ...(spec.delay === undefined ? [] : [`${spec.delay} ms one way`]),
    ...(spec.jitter === undefined ? [] : [`delay that varies by ${percent(spec.jitter)}`]),
    ...(spec.loss === undefined ? [] : [`${percent(spec.loss)} of packets lost`]),
    ...(spec.reorder === undefined ? [] : [`${percent(spec.reorder)} of packets ahead of others`]),
    ...(spec.bandwidth === undefined ? [] : [`${spec.bandwidth / 1000} kbit/s at most`]),
  ].join(', ')
}

export const linkDegrade: FaultHandler<'link-degrade'> = {
  summary: 'links get slow, jittery, lossy, narrow, or let packets overtake each other',
  endsBy: 'the WAN',
  expected: (spec) => `${words(spec)}${spec.class === undefined ? '' : `, for class ${spec.class} only`}`,
  touches: (spec) => (spec.target === 'all' ? ['all links'] : eachLink(linksOf(spec.target)).map(linkName)),

  // Changes of links lie above each other: the healing of one leaves the others.
  holds: () => [],

  detail(spec) {
    const set: LinkSetting = {
      ...(spec.delay === undefined ? {} : { delayMs: spec.delay }),
      ...(spec.jitter === undefined ? {} : { jitter: spec.jitter }),
      ...(spec.loss === undefined ? {} : { loss: spec.loss }),
      ...(spec.reorder === undefined ? {} : { reorder: spec.reorder }),
      ...(spec.bandwidth === undefined ? {} : { bandwidthBps: spec.bandwidth }),
    }
    return {
      target: spec.target,
      set,
      expiresInMs: lastsMs(spec),
      ...(spec.class === undefined ? {} : { class: spec.class }),
    }
  },

  async inject(world, entry) {
    const detail = degradeDetail.parse(entry.detail)
    const changes = linksOf(detail.target).map((link): LinkChange => ({
      id: entry.id,
      ...link,
      set: detail.set,
      expiresInMs: detail.expiresInMs,
      ...(detail.class === undefined ? {} : { class: detail.class }),
    }))
    const atNs = await changeLinks(world, changes)
    return { firstNs: atNs, lastNs: atNs }
  },

  prove,

  endedIn: (entry, sight) => linksStay(entry, linksOf(degradeDetail.parse(entry.detail).target).length, sight),

  heal: (world, entry) => removeLinkChange(world, entry.id),

  async isHealed(world, entry) {
    const changes = await linkChanges(world)
    if (changes.some((change) => change.id === entry.id)) return null
    const [sample] = await samplesOf(world, degradeDetail.parse(entry.detail))
    const seen = sample === undefined ? null : await seeRoundTrip(world, sample)
    if (seen?.fits === false) return null
    return `the links ${entry.target} have their own settings again${seen === null ? '' : `; ${seen.sentence}`}`
  },
}
