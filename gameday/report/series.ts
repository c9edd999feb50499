// What the report's plots show: success rate and latency in slices of the load's time, and how far standbys lagged. Pure.
import { lsnToBigInt } from '#protocol/epoch.ts'
import type { Operation } from '#protocol/operation.ts'
import type { Sample } from '#protocol/sample.ts'
import type { Region } from '#protocol/sites.ts'
import { sinceMs, toClientOperation } from '../measure/history.ts'
import { percentile } from '../measure/service.ts'

export interface Slice {
  /** Middle of the slice, seconds since the load began. */
  readonly atS: number
  /** Share of this slice's operations that succeeded; null if none was intended in it. */
  readonly successRate: number | null
  readonly p50Ms: number | null
  readonly p99Ms: number | null
}

/** About 240 slices, none shorter than a second. */
export function slicesOf(operations: readonly Operation[], fromNs: bigint, toNs: bigint): readonly Slice[] {
  const lengthMs = sinceMs(fromNs, toNs)
  const sliceMs = Math.max(1000, Math.ceil(lengthMs / 240 / 500) * 500)
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

/** The node that took writes: of two that think so, the one of the later epoch. */
export function primaryOf({ nodes }: Sample): Region | null {
  const primaries = Object.entries(nodes).filter(([, node]) => node.state === 'primary' && node.epochCommitted)
  const last = primaries.toSorted(([, left], [, right]) => (right.epoch ?? 0) - (left.epoch ?? 0))[0]
  return last === undefined ? null : (last[0] as Region)
}

/** Bytes of WAL that a standby had not replayed; null where it, or the primary, did not say. */
export function lagBytes(sample: Sample, region: Region): number | null {
  const primary = primaryOf(sample)
  if (primary === null || primary === region) return null
  const written = sample.nodes[primary]?.lsn ?? null
  const replayed = sample.nodes[region]?.lsn ?? null
  if (written === null || replayed === null) return null
  return Math.max(0, Number(lsnToBigInt(written) - lsnToBigInt(replayed)))
}
