// A measured time as an interval that is sure to hold the true one, or why there is none. Objectives are judged by its ends.

/** All in ms. */
export interface Timing {
  /** Null: unknown, or not over when the load ended. */
  readonly ms: number | null
  /** The true time lies between these. */
  readonly lowMs: number
  readonly highMs: number
  /** It was not over when the load ended, after so long; null: it was, or nothing is known. */
  readonly stillOutMs: number | null
  /** Why nothing is known; null: something is. */
  readonly unknown: string | null
}

export function measured(ms: number, lowMs = ms, highMs = ms): Timing {
  return { ms, lowMs: Math.min(lowMs, ms), highMs: Math.max(highMs, ms), stillOutMs: null, unknown: null }
}

export function stillOut(afterMs: number): Timing {
  return { ms: null, lowMs: afterMs, highMs: Number.POSITIVE_INFINITY, stillOutMs: afterMs, unknown: null }
}

export function unknownTiming(reason: string): Timing {
  return { ms: null, lowMs: 0, highMs: Number.POSITIVE_INFINITY, stillOutMs: null, unknown: reason }
}

/** How far the figure may be from the truth, either way; null without a figure. */
export function resolutionOf({ ms, lowMs, highMs }: Timing): number | null {
  if (ms === null) return null
  // What is still open has no upper end.
  return highMs === Number.POSITIVE_INFINITY ? ms - lowMs : Math.max(ms - lowMs, highMs - ms)
}

/** The later of two, each with its doubt. What is unknown of either is unknown of both. */
export function laterOf(left: Timing, right: Timing): Timing {
  if (left.unknown !== null) return left
  if (right.unknown !== null) return right
  if (left.ms === null || right.ms === null) {
    return stillOut(Math.max(left.stillOutMs ?? left.highMs, right.stillOutMs ?? right.highMs))
  }
  return measured(Math.max(left.ms, right.ms), Math.max(left.lowMs, right.lowMs), Math.max(left.highMs, right.highMs))
}

const rank = ({ ms, unknown }: Timing): number => (unknown !== null ? 2 : ms === null ? 1 : 0)

/** Whether `left` is worse: unknown is worse than still out, still out is worse than any time. */
export function isWorse(left: Timing, right: Timing): boolean {
  if (rank(left) !== rank(right)) return rank(left) > rank(right)
  return (left.ms ?? left.stillOutMs ?? 0) > (right.ms ?? right.stillOutMs ?? 0)
}

/** Null of none. */
export function worstOf(timings: readonly Timing[]): Timing | null {
  return timings.reduce<Timing | null>((worst, each) => (worst === null || isWorse(each, worst) ? each : worst), null)
}

export type Judged = 'met' | 'missed' | 'unknown'

/** `unknown` where the demand lies within the doubt. */
export function judgeTiming(timing: Timing, demandedMs: number): Judged {
  if (timing.unknown !== null) return 'unknown'
  if (timing.highMs <= demandedMs) return 'met'
  return timing.lowMs > demandedMs ? 'missed' : 'unknown'
}
