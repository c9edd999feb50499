// What has ended here, and why: kept for a while, so that whoever watches a fault learns when it ended, to the nanosecond.
import type { Ending } from '#protocol/wan.ts'

/** Far more than a drill has faults; who looks once a second misses none. */
const mostKept = 500

export class Endings {
  #kept: readonly Ending[] = []

  /** Each id once, however many changes it had. */
  note(ids: readonly string[], why: Ending['why'], atNs: bigint): void {
    const news = [...new Set(ids)].map((id) => ({ id, why, atNs: atNs.toString() }))
    if (news.length > 0) this.#kept = [...this.#kept, ...news].slice(-mostKept)
  }

  latest(): Ending[] {
    return [...this.#kept]
  }
}
