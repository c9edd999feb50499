// When service met the steady-state hypothesis, in one area: windows over its operations, each looked at once.
import { decidedMs, type ClientOperation } from './history.ts'
import { measured, type Timing } from './timing.ts'

export interface Thresholds {
  /** Share of operations that must succeed, 0..1. */
  readonly successRate: number
  /** 99th percentile (nearest rank) of the latency of those that did, from the intended send. */
  readonly p99Ms: number
}

/** A window holds the operations intended in so long, and goes on until it holds so many. */
export const windowMs = 3000
export const leastInWindow = 5

/** Nearest-rank percentile of unsorted values; null of none. */
export function percentile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null
}

/** An empty set of operations meets nothing: silence is no service. */
export function meets(operations: readonly ClientOperation[], thresholds: Thresholds): boolean {
  return new Service(operations, thresholds).meetsBetween(0, operations.length)
}

/** A stretch in which every window met the thresholds: service came back in [fromMs, byMs]. */
export interface Stretch {
  readonly fromMs: number
  readonly byMs: number
  /** It was there from the beginning on. */
  readonly undisturbed: boolean
  /** The end of the first window that did not; null: all did, up to the horizon. */
  readonly brokenByMs: number | null
}

/** What windows up to a horizon say. */
export interface Seen {
  /** In order of time. */
  readonly stretches: readonly Stretch[]
  /** No window fitted. */
  readonly isShort: boolean
}

interface Window {
  readonly startMs: number
  readonly first: number
  readonly end: number
  /** A horizon before this does not hold it. */
  readonly untilMs: number
}

export class Service {
  readonly operations: readonly ClientOperation[]
  readonly thresholds: Thresholds
  readonly #intended: Float64Array
  readonly #before = new Map<number, Service>()
  /** Sums up to, and without, each index. */
  readonly #ok: Uint32Array
  readonly #slow: Uint32Array

  /** @param operations of one area, any order */
  constructor(operations: readonly ClientOperation[], thresholds: Thresholds) {
    this.operations = operations.toSorted((left, right) => left.intendedMs - right.intendedMs)
    this.thresholds = thresholds
    this.#intended = Float64Array.from(this.operations, ({ intendedMs }) => intendedMs)
    this.#ok = new Uint32Array(this.operations.length + 1)
    this.#slow = new Uint32Array(this.operations.length + 1)
    for (const [index, each] of this.operations.entries()) {
      const isOk = each.outcome === 'ok'
      this.#ok[index + 1] = (this.#ok[index] ?? 0) + Number(isOk)
      this.#slow[index + 1] = (this.#slow[index] ?? 0) + Number(isOk && this.#isSlow(each))
    }
  }

  #isSlow({ intendedMs, doneMs }: ClientOperation): boolean {
    return doneMs - intendedMs > this.thresholds.p99Ms
  }

  /** Failed, unknown, or slower than the bound. */
  isBad(index: number): boolean {
    const each = this.operations[index]
    return each !== undefined && (each.outcome !== 'ok' || this.#isSlow(each))
  }

  /** Of the operations from index `first` to before `end`. */
  meetsBetween(first: number, end: number): boolean {
    const all = end - first
    const ok = (this.#ok[end] ?? 0) - (this.#ok[first] ?? 0)
    const fast = ok - ((this.#slow[end] ?? 0) - (this.#slow[first] ?? 0))
    return ok > 0 && ok / all >= this.thresholds.successRate && fast >= Math.ceil(0.99 * ok)
  }

  /** Without what was decided at a time or after it. */
  decidedBefore(ms: number): Service {
    const { operations, thresholds } = this
    const before =
      this.#before.get(ms) ??
      new Service(
        operations.filter((each) => decidedMs(each, thresholds.p99Ms) < ms),
        thresholds,
      )
    this.#before.set(ms, before)
    return before
  }

  /** Index of the first operation intended at or after a time; `after`: after it. */
  indexAt(ms: number, after = false): number {
    let [low, high] = [0, this.#intended.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const at = this.#intended[middle] ?? 0
      if (at < ms || (after && at === ms)) low = middle + 1
      else high = middle
    }
    return low
  }

  /** One window at t0, and one right after each operation, since only there the content changes; in order of time. */
  *windows(t0Ms: number, horizonMs: number): Generator<Window, void, undefined> {
    const from = this.indexAt(t0Ms)
    const until = this.indexAt(horizonMs)
    let end = from
    for (let index = from - 1; index < until; index += 1) {
      const startMs = index < from ? t0Ms : (this.#intended[index] ?? t0Ms)
      const first = index + 1
      // Of several operations at one time the last begins the window.
      if (index >= from && this.#intended[first] === startMs) continue
      end = Math.max(end, first)
      while (end < until && (this.#intended[end] ?? 0) < startMs + windowMs) end += 1
      if (end - first >= leastInWindow) {
        if (startMs + windowMs <= horizonMs) yield { startMs, first, end, untilMs: startMs + windowMs }
      } else if (first + leastInWindow <= until) {
        const long = this.#withTies(first + leastInWindow)
        yield { startMs, first, end: long, untilMs: this.#intended[long - 1] ?? startMs }
      }
    }
  }

  /** Those intended at the same time as the last of a window belong to it. */
  #withTies(end: number): number {
    let last = end
    while (last < this.#intended.length && this.#intended[last] === this.#intended[end - 1]) last += 1
    return last
  }

  /** When the last bad operation before a time was intended; null: none was since `fromMs`. */
  lastBadMs(fromMs: number, untilMs: number): number | null {
    for (let index = this.indexAt(untilMs) - 1; index >= 0; index -= 1) {
      const at = this.#intended[index] ?? 0
      if (at < fromMs) return null
      if (this.isBad(index)) return at
    }
    return null
  }

  /** When service was there, from t0 to the horizon. */
  see(t0Ms: number, horizonMs: number): Seen {
    const stretches: Stretch[] = []
    let good: Window | null = null
    let isShort = true
    for (const window of this.windows(t0Ms, horizonMs)) {
      isShort = false
      if (this.meetsBetween(window.first, window.end)) good ??= window
      else if (good !== null) {
        stretches.push(this.#stretchFrom(good, t0Ms, window.untilMs))
        good = null
      }
    }
    if (good !== null) stretches.push(this.#stretchFrom(good, t0Ms, null))
    return { stretches, isShort }
  }

  /** Bad operations at its beginning are passed over. */
  #stretchFrom(good: Window, t0Ms: number, brokenByMs: number | null): Stretch {
    let first = good.first
    while (this.isBad(first) && first + 1 < good.end) first += 1
    const fromMs = Math.max(good.startMs, first > good.first ? (this.#intended[first - 1] ?? 0) : good.startMs)
    const undisturbed = good.startMs === t0Ms && first === good.first
    return { fromMs, byMs: this.#intended[first] ?? fromMs, undisturbed, brokenByMs }
  }
}

/** From t0 to the return of service, which lies between the last operation without it and the next one with it. */
export function restoredTiming({ fromMs, byMs, undisturbed }: Stretch, t0Ms: number): Timing {
  const [lowMs, highMs] = [fromMs - t0Ms, byMs - t0Ms]
  return undisturbed ? measured(0, 0, highMs) : measured((lowMs + highMs) / 2, lowMs, highMs)
}
