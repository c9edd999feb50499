// The app's own timeline: the last events, in memory and in the log.
import type { Region } from '#protocol/sites.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { monotonicNs } from '#runtime/clock.ts'
import type { Log } from '#runtime/log.ts'

const kept = 1000

export class EventLog {
  readonly #site: Region
  readonly #log: Log
  readonly #events: TimelineEvent[] = []
  /** Index of the oldest event that is kept. */
  #first = 0

  constructor(site: Region, log: Log) {
    this.#site = site
    this.#log = log
  }

  add(kind: string, epoch: number, reason: string): void {
    const event: TimelineEvent = { atNs: String(monotonicNs()), source: 'app', site: this.#site, kind, epoch, reason }
    this.#events.push(event)
    if (this.#events.length > kept) {
      this.#events.shift()
      this.#first += 1
    }
    this.#log.info({ kind, epoch }, reason)
  }

  from(index: number): { next: number; events: readonly TimelineEvent[] } {
    return {
      next: this.#first + this.#events.length,
      events: this.#events.slice(Math.max(0, index - this.#first)),
    }
  }
}
