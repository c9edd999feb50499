// RTO, restored: when success rate and latency came back within the steady-state hypothesis, to stay.
import type { ClientOperation } from './history.ts'

export interface Thresholds {
  /** Share of operations that must succeed, 0..1. */
  readonly successRate: number
  /** 99th percentile (nearest rank) of the latency of those that did, from the intended send. */
  readonly p99Ms: number
}

export const restoredWindowMs = 3000

/** Nearest-rank percentile of unsorted values; null of none. */
export function percentile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null
}

/** An empty set of operations meets nothing: silence is no service. */
export function meets(operations: readonly ClientOperation[], thresholds: Thresholds): boolean {
  const succeeded = operations.filter((each) => each.outcome === 'ok')
  if (operations.length === 0 || succeeded.length / operations.length < thresholds.successRate) return false
  const p99 = percentile(
    succeeded.map((each) => each.doneMs - each.intendedMs),
    0.99,
  )
  return p99 !== null && p99 <= thresholds.p99Ms
}

export interface Restored {
  /** From t0 to the start of the first window that is good and after which every window is, and not before the first ack. */
  readonly ms: number | null
  /** `short`: the hold ended before one window fitted, so nothing can be said. `broken`: it was not restored by its end. */
  readonly why: 'measured' | 'short' | 'broken'
}

/**
 * Windows are 3 s of intended sends. One starts at t0 and one right after each operation, since only there the content changes.
 * @param operations of one area
 * @param untilMs end of the hold
 */
export function restored(
  operations: readonly ClientOperation[],
  t0Ms: number,
  untilMs: number,
  thresholds: Thresholds,
): Restored {
  const inside = operations
    .filter((each) => each.intendedMs >= t0Ms && each.intendedMs < untilMs)
    .toSorted((left, right) => left.intendedMs - right.intendedMs)
  const starts = [t0Ms, ...inside.map((each) => each.intendedMs)].filter((at) => at + restoredWindowMs <= untilMs)
  if (starts.length === 0) return { ms: null, why: 'short' }
  let firstGood: number | null = null
  let first = 0
  let end = 0
  for (const [index, start] of starts.entries()) {
    // The first window includes an operation at t0 itself, the others begin right after theirs.
    if (index > 0) first = inside.findIndex((each) => each.intendedMs > start)
    if (first === -1) first = inside.length
    while (end < inside.length && (inside[end]?.intendedMs ?? 0) < start + restoredWindowMs) end += 1
    if (!meets(inside.slice(first, end), thresholds)) firstGood = null
    else firstGood ??= start
  }
  return firstGood === null ? { ms: null, why: 'broken' } : { ms: firstGood - t0Ms, why: 'measured' }
}

/**
 * Windows go by intended sends, so a good one may begin before its first write is acked, or hold nothing but reads. Where a new
 * epoch had to bring writes back, service is not restored before an area's first ack under it.
 * @param firstWriteMs of the same area, from t0; null: none was acked
 */
export function notBeforeFirstWrite(seen: Restored, firstWriteMs: number | null): Restored {
  if (seen.ms === null) return seen
  return firstWriteMs === null ? { ms: null, why: 'broken' } : { ...seen, ms: Math.max(seen.ms, firstWriteMs) }
}
