// The longest time in which no write was acknowledged.
import type { ClientOperation } from './history.ts'
import { measured, unknownTiming, type Timing } from './timing.ts'

/** Writes of all areas, prepared once. */
export interface Writes {
  /** Times of acks, ascending. */
  readonly ackMs: readonly number[]
  /** Intended times of all writes, ascending. */
  readonly intendedMs: readonly number[]
}

export function writesOf(operations: readonly ClientOperation[]): Writes {
  const writes = operations.filter(({ kind }) => kind === 'write')
  const acked = writes.filter(({ outcome, orderId, epoch }) => outcome === 'ok' && orderId !== null && epoch !== null)
  return {
    ackMs: acked.map(({ doneMs }) => doneMs).toSorted((left, right) => left - right),
    intendedMs: writes.map(({ intendedMs }) => intendedMs).toSorted((left, right) => left - right),
  }
}

export interface Gap {
  /** `ms` is the time without acks itself, `lowMs` what it says at least of the service. */
  readonly timing: Timing
  readonly fromMs: number
  readonly toMs: number
  /** No ack ended it. */
  readonly open: boolean
}

export function firstAbove(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? 0) > value) high = middle
    else low = middle + 1
  }
  return low
}

function firstAtOrAbove(sorted: readonly number[], value: number): number {
  let index = firstAbove(sorted, value)
  while (index > 0 && sorted[index - 1] === value) index -= 1
  return index
}

/**
 * The last ack at or before the span opens its first gap (without any, the span's beginning does). The last gap ends with the span; at
 * the end of the load it ends with the first ack after it. Without one it is open, if a write was intended in it.
 * @returns null if no write was intended in the span
 */
export function longestGap(writes: Writes, fromMs: number, toMs: number, isEndOfLoad: boolean): Gap | null {
  const { ackMs, intendedMs } = writes
  if ((intendedMs[firstAtOrAbove(intendedMs, fromMs)] ?? Number.POSITIVE_INFINITY) > toMs) return null
  const begin = firstAbove(ackMs, fromMs)
  const end = firstAbove(ackMs, toMs)
  const after = isEndOfLoad ? ackMs[end] : undefined
  const points = [ackMs[begin - 1] ?? fromMs, ...ackMs.slice(begin, end), Math.max(after ?? toMs, toMs)]
  let longest: Omit<Gap, 'timing'> = { fromMs, toMs: fromMs, open: false }
  let lowMs = 0
  for (let index = 1; index < points.length; index += 1) {
    const [left = 0, right = 0] = [points[index - 1], points[index]]
    const isLast = index === points.length - 1
    const firstWrite = intendedMs[firstAbove(intendedMs, left)]
    const isWaiting = firstWrite !== undefined && firstWrite < right
    if (isWaiting) lowMs = Math.max(lowMs, right - firstWrite)
    if (right - left > longest.toMs - longest.fromMs)
      longest = { fromMs: left, toMs: right, open: isWaiting && isLast && isEndOfLoad && after === undefined }
  }
  const ms = longest.toMs - longest.fromMs
  return { ...longest, timing: measured(ms, Math.min(lowMs, ms), ms) }
}

/** Where no write is recorded. @param missing why there may have been some all the same; null: there were none */
export function nothingWritten(missing: string | null): Timing {
  return unknownTiming(missing ?? 'no write was planned')
}
