// Links are cut while everything keeps running: of a region, one way, between groups, around a bridge, all the time or flapping.
import type { FaultHandler } from './fault.ts'
import { cutChanges, describeCut, proveCut, seeDelivery } from './cut.ts'
import { lastsMs } from './lease.ts'
import { linksStay } from './sight.ts'
import { cutOf, eachLink, linkName } from './targets.ts'
import { changeLinks, linkChanges, removeLinkChange } from './wan-calls.ts'

export const partition: FaultHandler<'partition'> = {
  summary: 'links are cut: of a region, one way, between groups, or around a bridge; flapping if wanted',
  endsBy: 'the WAN',

  expected(spec) {
    const packets = spec.class === undefined ? 'packets' : `packets of class ${spec.class}`
    const when = spec.flap === undefined ? '' : `, ${spec.flap.down} ms down and ${spec.flap.up} ms up in turns`
    const stay = spec.clients === 'stay' ? ' Client areas still reach it.' : ''
    return `${packets} vanish without a word${when}: open connections hang, nothing is refused.${stay}`
  },

  touches: (spec) => eachLink(cutOf(spec.target, spec.clients ?? 'cut').cut).map(linkName),

  // Changes of links lie above each other: the healing of one leaves the others.
  holds: () => [],

  detail: (spec) =>
    describeCut(cutOf(spec.target, spec.clients ?? 'cut'), {
      class: spec.class,
      turns: spec.flap === undefined ? undefined : { onMs: spec.flap.down, offMs: spec.flap.up },
      expiresInMs: lastsMs(spec),
    }),

  async inject(world, entry) {
    const atNs = await changeLinks(world, cutChanges(entry))
    return { firstNs: atNs, lastNs: atNs }
  },

  prove: proveCut,

  endedIn: (entry, sight) => linksStay(entry, cutChanges(entry).length, sight),

  heal: (world, entry) => removeLinkChange(world, entry.id),

  async isHealed(world, entry) {
    const changes = await linkChanges(world)
    return changes.some((change) => change.id === entry.id) ? null : await seeDelivery(world, entry)
  },
}
