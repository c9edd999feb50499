// What the agent saw and did, for people and for reports: logged, and kept in memory for GET /events.
import type { Log } from '#runtime/log.ts'
import { monotonicNs } from '#runtime/clock.ts'
import { ordersDataSet } from '#protocol/epoch.ts'
import type { Region } from '#protocol/sites.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'

const kept = 10_000

export class Events {
  readonly #region: Region
  readonly #log: Log
  #dropped = 0
  #events: TimelineEvent[] = []

  constructor(region: Region, log: Log) {
    this.#region = region
    this.#log = log
  }

  add(kind: string, epoch: number, reason: string, detail?: Readonly<Record<string, unknown>>): void {
    const event: TimelineEvent = {
      atNs: monotonicNs().toString(),
      source: 'agent',
      site: this.#region,
      kind,
      dataSet: ordersDataSet,
      epoch,
      reason,
      ...(detail === undefined ? {} : { detail }),
    }
    this.#events.push(event)
    if (this.#events.length > kept) {
      this.#events.shift()
      this.#dropped += 1
    }
    this.#log.info({ kind, epoch, ...detail }, reason)
  }

  /** Events from index `from` on; the oldest ones may be gone. */
  since(from: number): { next: number; events: TimelineEvent[] } {
    return {
      next: this.#dropped + this.#events.length,
      events: this.#events.slice(Math.max(0, from - this.#dropped)),
    }
  }
}
