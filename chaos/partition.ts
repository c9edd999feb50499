// A region is cut off while everything in it keeps running: from all sites, from the other regions only, or for one class of hosts.
import type { FaultHandler } from './fault.ts'
import { cutChanges, cutDetail, describeCut, proveCut } from './cut.ts'
import { regionOf } from './targets.ts'
import { changeLinks, linkChanges, removeLinkChange } from './wan-calls.ts'

export const partition: FaultHandler<'partition'> = {
  summary:
    'links are cut while everything keeps running: a region from all others, one way, groups, a bridge, flapping',
  endsBy: 'the WAN',
  expected: (spec) =>
    `packets vanish on ${spec.target}${spec.class === undefined ? '' : `, of class ${spec.class} only`}`,
  touches: (spec) => [spec.target],

  detail: (spec) => describeCut(regionOf(spec.target), spec.clients === 'cut', spec.class, spec.for),

  async inject(world, entry) {
    const atNs = await changeLinks(world, cutChanges(entry))
    return { firstNs: atNs, lastNs: atNs }
  },

  prove: proveCut,

  async heal(world, entry) {
    await removeLinkChange(world, entry.id)
  },

  async isHealed(world, entry) {
    const { region } = cutDetail.parse(entry.detail)
    const changes = await linkChanges(world)
    return changes.some((change) => change.id === entry.id) ? null : `the links of region ${region} are up`
  },
}
