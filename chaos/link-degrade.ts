// Links get slow, lossy or narrow, for all traffic or one class of hosts.
import { z } from 'zod'
import { linkClasses } from '#protocol/sites.ts'
import { linkSetting, type LinkChange, type LinkSetting } from '#protocol/wan.ts'
import { FaultUnproven, type FaultHandler } from './fault.ts'
import { linksOf } from './targets.ts'
import { changeLinks, linkChanges, removeLinkChange } from './wan-calls.ts'

const degradeDetail = z.object({
  target: z.string(),
  class: z.enum(linkClasses).optional(),
  set: linkSetting,
  expiresInMs: z.number(),
})

export const linkDegrade: FaultHandler<'link-degrade'> = {
  summary: 'links get slow, jittery, lossy, narrow, or let packets overtake each other',
  endsBy: 'the WAN',
  expected: (spec) => `${spec.target}: a link's own settings change`,
  touches: (spec) => [spec.target],

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
      expiresInMs: spec.for,
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

  async prove(world, entry) {
    const changes = await linkChanges(world)
    if (!changes.some((change) => change.id === entry.id))
      throw new FaultUnproven(`expected the WAN to list link change ${entry.id}, saw ${changes.length} others`)
    return `the WAN applies it to ${entry.target}`
  },

  async heal(world, entry) {
    await removeLinkChange(world, entry.id)
  },

  async isHealed(world, entry) {
    const changes = await linkChanges(world)
    return changes.some((change) => change.id === entry.id)
      ? null
      : `the links ${entry.target} have their own settings again`
  },
}
