// The longest time in which no write was acknowledged.

/**
 * Longest gap between acks, of those gaps that touch the span. The last ack before the span opens the first gap (without any, the
 * span's start does); the last gap ends with the first ack after the span, or where there is none at the span's end.
 * @param ackMs times of acks, any order
 * @returns ms; null without any ack at all, since then nothing was measured
 */
export function longestGapMs(ackMs: readonly number[], fromMs: number, toMs: number): number | null {
  if (ackMs.length === 0) return null
  const sorted = ackMs.toSorted((left, right) => left - right)
  const before = sorted.findLast((at) => at <= fromMs) ?? fromMs
  const after = sorted.find((at) => at >= toMs) ?? toMs
  const points = [before, ...sorted.filter((at) => at > fromMs && at < toMs), after]
  return points.slice(1).reduce((longest, at, index) => Math.max(longest, at - (points[index] ?? at)), 0)
}
