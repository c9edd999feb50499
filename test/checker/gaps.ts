// The longest time without an acked write that meets a span.
import { isAck, type Op } from './files.ts'
import type { Span } from './collected.ts'

export interface Gap extends Span {
  /** How much shorter the outage behind all gaps of the span may have been. */
  readonly resolution: number
  readonly isOpen: boolean
}

/** For gaps in order of time: from the first write intended in each to its end; nothing where there was none. */
function waitedIn(writes: readonly Op[], gaps: readonly Span[]): readonly number[] {
  const intended = writes.map((op) => op.intended).sort((left, right) => left - right)
  let next = 0
  return gaps.map(({ from, to }) => {
    while (next < intended.length && (intended[next] ?? 0) <= from) next += 1
    return to - Math.min(intended[next] ?? to, to)
  })
}

/**
 * A gap that began before the span counts as a whole; it is cut where the span ends, unless the load ends there too and an ack came after
 * that. Null: no write was intended in the span, so nothing can be told. Operations of all areas.
 */
export function longestGap(operations: readonly Op[], span: Span, loadEnd: number): Gap | null {
  const writes = operations.filter(({ isWrite }) => isWrite)
  if (!writes.some(({ intended }) => intended >= span.from && intended <= span.to)) return null
  const acks = writes.filter((op) => isAck(op)).map(({ done }) => done)
  const before = acks.filter((at) => at < span.from).reduce((latest, at) => Math.max(latest, at), -Infinity)
  const inside = acks.filter((at) => at >= span.from && at <= span.to).sort((left, right) => left - right)
  const after = acks.filter((at) => at > span.to).reduce((earliest, at) => Math.min(earliest, at), Infinity)
  const isClosed = span.to !== loadEnd || after !== Infinity
  const last = span.to === loadEnd && isClosed ? after : span.to
  const ends = [before === -Infinity ? span.from : before, ...inside, last]
  const gaps = ends.slice(1).map((to, index) => ({ from: ends[index] ?? to, to }))
  const longest = gaps.reduce((best, gap) => (gap.to - gap.from > best.to - best.from ? gap : best))
  const waited = waitedIn(writes, gaps)
  const least = waited.reduce((most, each) => Math.max(most, each), 0)
  const isOpen = !isClosed && longest === gaps.at(-1) && (waited.at(-1) ?? 0) > 0
  return { ...longest, resolution: longest.to - longest.from - least, isOpen }
}
