// The controller's timeline: kept in memory for GET /events?from=N, and logged.
import type { TimelineEvent } from '#protocol/timeline.ts'
import type { Region } from '#protocol/sites.ts'
import { monotonicNs } from '#runtime/clock.ts'
import type { Log } from '#runtime/log.ts'
import type { Announcement } from '../core/effects.ts'

/** Older ones are dropped; indices stay. */
const keep = 20_000

export class Events {
  readonly #site: Region
  readonly #dataSet: string
  readonly #log: Log
  #first = 0
  #events: TimelineEvent[] = []

  constructor(site: Region, dataSet: string, log: Log) {
    this.#site = site
    this.#dataSet = dataSet
    this.#log = log
  }

  add(announcement: Announcement): void {
    const event: TimelineEvent = {
      atNs: monotonicNs().toString(),
      source: 'controller',
      site: this.#site,
      dataSet: this.#dataSet,
      kind: announcement.kind,
      reason: announcement.reason,
      ...(announcement.epoch === undefined ? {} : { epoch: announcement.epoch }),
      ...(announcement.detail === undefined ? {} : { detail: { ...announcement.detail } }),
    }
    this.#events.push(event)
    if (this.#events.length > keep) {
      this.#events.shift()
      this.#first += 1
    }
    this.#log.info({ kind: event.kind, epoch: event.epoch, detail: event.detail }, event.reason)
  }

  from(index: number): { next: number; events: TimelineEvent[] } {
    return { next: this.#first + this.#events.length, events: this.#events.slice(Math.max(0, index - this.#first)) }
  }
}
