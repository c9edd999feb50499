// The longest time without an acked write that meets a span.
import { isAck, type Op } from './files.ts'
import type { Span } from './collected.ts'

export interface Gap extends Span {
  /** How much shorter the outage behind it may have been. */
  readonly resolution: number
  readonly isOpen: boolean
}

/**
 * A gap that began before the span counts as a whole; it is cut where the span ends, unless the load
 * ends there too and an ack came after that. Null: no write was intended in the span, so nothing
 * can be told. Operations of all areas.
 */
export function longestGap(operations: readonly Op[], span: Span, loadEnd: number): Gap | null {
  const writes = operations.filter(({ isWrite }) => isWrite)
  if (!writes.some(({ intended }) => intended >= span.from && intended <= span.to)) return null
  const acks = writes.filter((op) => isAck(op)).map(({ done }) => done)
  const before = acks.filter((at) => at < span.from)
  const from = before.reduce((latest, at) => Math.max(latest, at), -Infinity)
  const inside = acks.filter((at) => at >= span.from && at <= span.to).sort((left, right) => left - right)
  const after = acks.filter((at) => at > span.to).reduce((earliest, at) => Math.min(earliest, at), Infinity)
  const isLast = span.to === loadEnd && after !== Infinity
  const ends = [from === -Infinity ? span.from : from, ...inside, isLast ? after : span.to]
  let longest: Span = { from: 0, to: -1 }
  for (const [index, to] of ends.entries()) {
    const begin = ends[index - 1]
    if (begin !== undefined && to - begin > longest.to - longest.from) longest = { from: begin, to }
  }
  const { from: begin, to } = longest
  // Of each gap: from the first write intended in it to its end. The longest of these is what is sure.
  const times = writes.map(({ intended }) => intended).sort((left, right) => left - right)
  const waitedIn = (gap: Span): number => gap.to - Math.min(gap.to, times.find((at) => at > gap.from) ?? gap.to)
  const sure = ends
    .slice(1)
    .reduce((most, end, index) => Math.max(most, waitedIn({ from: ends[index] ?? end, to: end })), 0)
  const isOpen = to === loadEnd && inside.at(-1) !== loadEnd && waitedIn(longest) > 0
  return { from: begin, to, resolution: to - begin - sure, isOpen }
}
