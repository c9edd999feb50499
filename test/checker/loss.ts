// Acked writes that are gone, by store and by incident; writes acked under an epoch that was over; ids that several keys share.
import type { Cause } from './causes.ts'
import type { Ack, FinalReadsFile } from './files.ts'

export const stores = ['postgres', 'kafka', 'redis'] as const
export type Store = (typeof stores)[number]

const regions = ['a', 'b', 'c']

/** Kafka and Redis are read in every region, Postgres in the primary. */
export function isWholeRead(store: Store, reads: FinalReadsFile): boolean {
  if (store === 'postgres') return reads.postgres !== null
  return regions.every((region) => reads[store]?.[region] !== undefined)
}

/** Null: the store was read nowhere. */
export function lostWrites(store: Store, acks: readonly Ack[], reads: FinalReadsFile): readonly Ack[] | null {
  const file = reads[store]
  if (file === null || Object.keys(file).length === 0) return null
  const held = 'ids' in file ? [new Set(file.ids as readonly string[])] : regionsOf(file)
  return acks.filter(({ orderId }) => held.some((ids) => !ids.has(orderId)))
}

function regionsOf(file: Readonly<Record<string, { readonly orderIds: readonly string[] }>>): readonly Set<string>[] {
  return Object.values(file).map(({ orderIds }) => new Set(orderIds))
}

export function firstAckAbove(acks: readonly Ack[], epoch: number): number {
  return acks.reduce((first, ack) => (ack.epoch > epoch ? Math.min(first, ack.done) : first), Infinity)
}

/** The fault or order by which the write was lost; undefined: there was none. */
export function incidentOf(lost: Ack, acks: readonly Ack[], causes: readonly Cause[]): Cause | undefined {
  const replaced = firstAckAbove(acks, lost.epoch)
  if (replaced !== Infinity) return causes.findLast(({ t0 }) => t0 <= replaced)
  return causes.find(({ t0 }) => t0 > lost.done) ?? causes.at(-1)
}

/** From the ack of the oldest to t0, or to the ack of the newest. */
export function windowOf(lost: readonly Ack[], t0: number): number {
  const times = lost.map(({ done }) => done)
  const oldest = times.reduce((least, each) => Math.min(least, each), Infinity)
  const newest = times.reduce((most, each) => Math.max(most, each), -Infinity)
  return lost.length === 0 ? 0 : Math.max(t0, newest) - oldest
}

export function splitBrain(acks: readonly Ack[]): number {
  const epochs = [...new Set(acks.map(({ epoch }) => epoch))]
  const begins = epochs.map((epoch) => ({
    epoch,
    at: acks.reduce((first, ack) => (ack.epoch === epoch ? Math.min(first, ack.done) : first), Infinity),
  }))
  return acks.filter((ack) => begins.some(({ epoch, at }) => epoch > ack.epoch && ack.sent > at)).length
}

export function sharedIds(acks: readonly Ack[]): number {
  const keys = new Map<string, Set<string>>()
  for (const { orderId, key } of acks) keys.set(orderId, (keys.get(orderId) ?? new Set()).add(key))
  return [...keys.values()].filter(({ size }) => size > 1).length
}

export function duplicates(reads: FinalReadsFile): {
  delivered: number | null
  appliedTwice: number | null
} {
  const kafka = isWholeRead('kafka', reads) ? reads.kafka : null
  const redis = isWholeRead('redis', reads) ? reads.redis : null
  const sum = (counts: readonly number[]): number => counts.reduce((total, each) => total + each, 0)
  const applied = redis === null ? [null] : Object.values(redis).map((region) => region.applied)
  return {
    delivered:
      kafka === null ? null : sum(Object.values(kafka).map(({ eventIds }) => eventIds.length - new Set(eventIds).size)),
    appliedTwice: applied.includes(null)
      ? null
      : sum(applied.map((each) => (each === null ? 0 : each.count - each.distinct))),
  }
}
