// The load of one client area, second by second, from what became of each operation. Time is the world's monotonic clock.
import type { Operation } from '#protocol/operation.ts'
import { percentile } from '../measure/service.ts'
import type { LoadState } from './model/state.ts'

export const shownSeconds = 90
/** What ended in a second is known for sure a little later: operations are fetched now and then. */
const settleSeconds = 2
const rateSeconds = 5

interface Second {
  ok: number
  bad: number
  latenciesMs: number[]
}

export interface SeriesView extends Omit<LoadState, 'running' | 'inFlight' | 'ackedAtMs'> {
  readonly ackedNs: bigint | null
}

function wholePercentile(values: readonly number[], share: number): number | null {
  const value = percentile(values, share)
  return value === null ? null : Math.round(value)
}

export class LoadSeries {
  readonly #seconds = new Map<number, Second>()
  #ackedNs: bigint | null = null
  #sinceSecond: number | null = null
  running = false
  inFlight = 0

  /** Seconds before it are not known, rather than empty. */
  watchFrom(nowNs: bigint): void {
    this.#sinceSecond ??= Number(nowNs / 1_000_000_000n)
  }

  /** Nobody has looked for a while: what was missed is not known. */
  forget(): void {
    this.#seconds.clear()
    this.#sinceSecond = null
  }

  add(operations: readonly Operation[]): void {
    for (const each of operations) {
      const doneNs = BigInt(each.doneNs)
      const second = Number(doneNs / 1_000_000_000n)
      const bucket = this.#seconds.get(second) ?? { ok: 0, bad: 0, latenciesMs: [] }
      this.#seconds.set(second, bucket)
      if (each.outcome === 'ok') {
        bucket.ok += 1
        bucket.latenciesMs.push(Number(doneNs - BigInt(each.intendedNs)) / 1e6)
        if (each.kind === 'write' && (this.#ackedNs === null || doneNs > this.#ackedNs)) this.#ackedNs = doneNs
      } else {
        bucket.bad += 1
      }
    }
  }

  view(nowNs: bigint): SeriesView {
    const end = Number(nowNs / 1_000_000_000n) - settleSeconds
    for (const second of this.#seconds.keys()) if (second <= end - shownSeconds) this.#seconds.delete(second)
    const since = this.#sinceSecond ?? end + 1
    const seconds = Array.from({ length: shownSeconds }, (_, index) => end - shownSeconds + 1 + index)
    const at = (second: number): Second | null =>
      second < since ? null : (this.#seconds.get(second) ?? { ok: 0, bad: 0, latenciesMs: [] })
    const recent = seconds.slice(-rateSeconds).flatMap((second) => at(second) ?? [])
    const ok = recent.reduce((sum, each) => sum + each.ok, 0)
    const bad = recent.reduce((sum, each) => sum + each.bad, 0)
    return {
      endSecond: end,
      ok: seconds.map((second) => at(second)?.ok ?? null),
      bad: seconds.map((second) => at(second)?.bad ?? null),
      p99Ms: seconds.map((second) => wholePercentile(at(second)?.latenciesMs ?? [], 0.99)),
      perSecond: recent.length === 0 ? 0 : Math.round(((ok + bad) / recent.length) * 10) / 10,
      successShare: ok + bad === 0 ? null : ok / (ok + bad),
      latencyMs: wholePercentile(
        recent.flatMap((each) => each.latenciesMs),
        0.5,
      ),
      ackedNs: this.#ackedNs,
    }
  }
}
