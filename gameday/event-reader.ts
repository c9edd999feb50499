// The one reader of a host's events: takes each, follows a host that was restarted, and says in the end whether it heard all.
import { setTimeout as sleep } from 'node:timers/promises'
import type { z } from 'zod'
import type { eventsReply, TimelineEvent } from '#protocol/timeline.ts'
import { messageOf } from '#runtime/message-of.ts'
import { oneAtATime } from './one-at-a-time.ts'

const retryMs = 250

export interface EventReaderOptions {
  readonly host: string
  /** Rejects if the host does not answer. */
  readonly fetch: (from: number) => Promise<z.infer<typeof eventsReply>>
  /** May be given an event again. */
  readonly keep: (event: TimelineEvent) => void
  /** Older events are of no matter. */
  readonly sinceNs: bigint
}

export class EventReader {
  readonly #options: EventReaderOptions
  #next = 0
  #heardUpToNs: bigint
  #dropped = false
  /** Takes all that were there before the call. Rejects if the host does not answer. */
  readonly read: () => Promise<void>

  constructor(options: EventReaderOptions) {
    this.#options = options
    this.#heardUpToNs = options.sinceNs
    this.read = oneAtATime(() => this.#fetch())
  }

  /** Reads to the end once more; tries again until `giveUpAtMs` (by `performance.now()`). @returns why events are missing, or null */
  async finish(giveUpAtMs: number): Promise<string | null> {
    const { host } = this.#options
    for (;;) {
      const failure = await this.read().then(
        () => null,
        (error: unknown) => messageOf(error),
      )
      if (failure === null) return this.#dropped ? `${host} had dropped events before they could be fetched` : null
      if (performance.now() >= giveUpAtMs) return `${host} does not answer (${failure})`
      await sleep(retryMs)
    }
  }

  async #fetch(): Promise<void> {
    const from = this.#next
    try {
      const { next, events } = await this.#options.fetch(from)
      // A restarted process counts from 0 again.
      this.#next = next < from ? 0 : next
      this.#take(events, next - events.length > from)
    } catch (error) {
      this.#next = 0
      throw error
    }
  }

  /** @param isCut the host does not keep all any more that were asked for; what was heard before is no loss */
  #take(events: readonly TimelineEvent[], isCut: boolean): void {
    const [oldest] = events
    if (isCut && (oldest === undefined || BigInt(oldest.atNs) > this.#heardUpToNs)) this.#dropped = true
    for (const event of events) {
      const atNs = BigInt(event.atNs)
      if (atNs > this.#heardUpToNs) this.#heardUpToNs = atNs
      this.#options.keep(event)
    }
  }
}
