// What the report's plot shows: success rate and latency in slices of the load's time. Pure.
import type { Operation } from '#protocol/operation.ts'
import { sinceMs, toClientOperation } from '../measure/history.ts'
import { percentile } from '../measure/restored.ts'

export interface Slice {
  /** Middle of the slice, seconds since the load began. */
  readonly atS: number
  /** Share of this slice's operations that succeeded; null if none was intended in it. */
  readonly successRate: number | null
  readonly p50Ms: number | null
  readonly p99Ms: number | null
}

/** About 300 slices, none shorter than half a second. */
export function slicesOf(operations: readonly Operation[], fromNs: bigint, toNs: bigint): readonly Slice[] {
  const lengthMs = sinceMs(fromNs, toNs)
  const sliceMs = Math.max(500, Math.ceil(lengthMs / 300 / 500) * 500)
  const buckets = new Map<number, { latencies: number[]; all: number }>()
  for (const each of operations) {
    const { intendedMs, doneMs, outcome } = toClientOperation(each, fromNs)
    if (intendedMs < 0 || intendedMs > lengthMs) continue
    const index = Math.floor(intendedMs / sliceMs)
    const bucket = buckets.get(index) ?? { latencies: [], all: 0 }
    bucket.all += 1
    if (outcome === 'ok') bucket.latencies.push(doneMs - intendedMs)
    buckets.set(index, bucket)
  }
  return Array.from({ length: Math.ceil(lengthMs / sliceMs) }, (_, index) => {
    const bucket = buckets.get(index)
    return {
      atS: ((index + 0.5) * sliceMs) / 1000,
      successRate: bucket === undefined ? null : bucket.latencies.length / bucket.all,
      p50Ms: percentile(bucket?.latencies ?? [], 0.5),
      p99Ms: percentile(bucket?.latencies ?? [], 0.99),
    }
  })
}
