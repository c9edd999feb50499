// The fence device's memory and rules: which regions are cut off, under which epochs, by data set. Pure.
import { z } from 'zod'
import { regions, type Region } from '#protocol/sites.ts'
import type { fenceRequest } from '#protocol/wan.ts'

/** What is kept on disk. `epoch` is the highest one seen for the data set. */
export const fenceMemory = z.array(
  z.object({ dataSet: z.string(), epoch: z.number().int(), fenced: z.array(z.enum(regions)) }),
)
export type FenceMemory = z.infer<typeof fenceMemory>

export type FenceVerdict =
  | { readonly accepted: true; readonly memory: FenceMemory }
  | { readonly accepted: false; readonly epoch: number; readonly reason: string }

/**
 * Fences or unfences one region. Refused are an epoch below the highest one seen for the data set, and a fence that would leave no
 * majority of regions with their links: etcd would have no quorum, so nobody could ever give them back.
 */
export function decideFence(
  memory: FenceMemory,
  order: 'fence' | 'unfence',
  { site, epoch, dataSet }: z.infer<typeof fenceRequest>,
): FenceVerdict {
  const known = memory.find((each) => each.dataSet === dataSet) ?? { dataSet, epoch: 0, fenced: [] }
  if (epoch < known.epoch) {
    const reason = `data set ${dataSet}: expected epoch ${known.epoch} or higher, saw ${epoch}: ask under a newer epoch`
    return { accepted: false, epoch: known.epoch, reason }
  }
  const cut = [...fencedRegions(memory)].filter((each) => each !== site)
  if (order === 'fence' && 2 * (cut.length + 1) >= regions.length) {
    const reason = `expected a majority of regions to keep its links, saw ${site} asked for while ${cut.join(', ')} is fenced already: wait for the lease instead`
    return { accepted: false, epoch: known.epoch, reason }
  }
  const others = known.fenced.filter((each) => each !== site)
  const changed = { dataSet, epoch, fenced: order === 'fence' ? [...others, site] : others }
  return { accepted: true, memory: [...memory.filter((each) => each.dataSet !== dataSet), changed] }
}

/** Lifts the region's fence for every data set; the epochs seen stay. */
export function clearFence(memory: FenceMemory, site: Region): FenceMemory {
  return memory.map((each) => ({ ...each, fenced: each.fenced.filter((fenced) => fenced !== site) }))
}

/** A region is cut off while any data set has it fenced. */
export function fencedRegions(memory: FenceMemory): ReadonlySet<Region> {
  return new Set(memory.flatMap((each) => each.fenced))
}
