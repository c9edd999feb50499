// The one reader of a client area's operations: takes each number once, fetches again what a cut connection kept back, and says in the
// end which numbers it never got, and why.
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadStatus, Operation } from '#protocol/operation.ts'
import type { Area } from '#protocol/sites.ts'
import { messageOf } from '#runtime/message-of.ts'
import type { ClientAccess } from './load.ts'
import { formatMs } from './measure/objectives.ts'
import type { AreaLoad } from './measure/record.ts'
import { missingInWords } from './missing-words.ts'
import { oneAtATime } from './one-at-a-time.ts'

const retryMs = 100

export interface OperationReaderOptions {
  readonly area: Area
  readonly client: ClientAccess
  /** Rejects if the gateway does not answer: then it is not the client that doesn't. */
  readonly gateway: () => Promise<unknown>
  /** Given each operation once, as it comes. */
  readonly keep: (batch: readonly Operation[]) => void
  /** Told once, with the reason, when nothing more can come before the load has ended. */
  readonly lost: (why: string) => void
}

export interface ReaderEnd {
  readonly untilNs: bigint
  /** How many arrivals are intended before it: asked last, since counting them takes its time and the client is to hear of the end. */
  readonly planned: () => number
  /** By `performance.now()`. */
  readonly giveUpAtMs: number
}

/** Where a reader's operations come from: one plan, in one process of the client. */
interface Source {
  readonly run: string
  readonly processSinceNs: string
}

export class OperationReader {
  readonly #options: OperationReaderOptions
  readonly #numbers = new Set<number>()
  /** In the order in which they ended. */
  readonly #ended: Operation[] = []
  #drill: string | null = null
  #fromNs = 0n
  #source: Source | null = null
  #next = 0
  #dropped = false
  #repeated = 0
  /** Why nothing more can come; null: it can. */
  #lost: string | null = null
  /** Takes all that has ended before the call. Rejects if the client does not answer. */
  readonly read: () => Promise<void>

  constructor(options: OperationReaderOptions) {
    this.#options = options
    this.read = oneAtATime(() => this.#fetchToEnd())
  }

  /** From now on the client's operations of `drill` are taken, whose load begins at `fromNs`. */
  begin(drill: string, fromNs: bigint): void {
    this.#drill = drill
    this.#fromNs = fromNs
  }

  /** Operations that came more than once, and were left out. */
  get repeated(): number {
    return this.#repeated
  }

  /** Those that ended at `ns` or later. */
  endedSince(ns: bigint): readonly Operation[] {
    let [low, high] = [0, this.#ended.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (BigInt(this.#ended[middle]!.doneNs) < ns) low = middle + 1
      else high = middle
    }
    return this.#ended.slice(low)
  }

  /** Ends the load, waits for what is in flight and reads the client's log to its end; tries again until `giveUpAtMs`. Never rejects. */
  async finish(end: ReaderEnd): Promise<AreaLoad> {
    const { sent, failed } = await this.#endAndRead(end)
    const planned = end.planned()
    const missing: number[] = []
    for (let number = 0; number < planned; number += 1) if (!this.#numbers.has(number)) missing.push(number)
    if (missing.length === 0) return { planned, sent, reason: null }
    const why = failed ?? this.#whyMissing(sent ?? 0, planned)
    return { planned, sent, reason: `${why}: ${missingInWords(missing)}` }
  }

  /** `failed`: why the log could not be read to its end. */
  async #endAndRead(end: ReaderEnd): Promise<{ readonly sent: number | null; readonly failed: string | null }> {
    const { client, area } = this.#options
    let isTold = false
    let status: LoadStatus | null = null
    for (;;) {
      if (this.#lost !== null) return { sent: null, failed: this.#lost }
      let failure: unknown = null
      try {
        status = await client.status()
        this.#recognize(status)
        if (this.#source === null)
          return { sent: null, failed: this.#lost ?? `client.${area} knows no load of this drill` }
        if (!isTold) {
          await client.endAt(this.#drill ?? '', end.untilNs)
          isTold = true
          continue
        }
        await this.read()
        if (!status.running) return { sent: this.#lost === null ? status.planned : null, failed: this.#lost }
      } catch (error) {
        failure = error
      }
      if (performance.now() >= end.giveUpAtMs) {
        const failed = failure === null ? `client.${area} has not ended its load` : await this.#unanswered(failure)
        return { sent: failure === null ? (status?.planned ?? null) : null, failed }
      }
      await sleep(retryMs)
    }
  }

  #whyMissing(sent: number, planned: number): string {
    const { area } = this.#options
    if (this.#dropped) return `client.${area} had dropped its oldest operations before they could be fetched`
    if (sent < planned) return `client.${area} was made to end its load before the drill did`
    return `client.${area} did not tell what became of them`
  }

  async #unanswered(failure: unknown): Promise<string> {
    const reached = await this.#options.gateway().then(
      () => null,
      (error: unknown) => messageOf(error),
    )
    if (reached !== null) return `the gateway is gone (${reached})`
    return `client.${this.#options.area} does not answer (${messageOf(failure)})`
  }

  /** Finds out which log is this drill's, and whether the client still has it. */
  #recognize({ run, drill, processSinceNs }: LoadStatus): void {
    if (this.#lost !== null) return
    if (this.#source === null) {
      if (drill !== null && drill === this.#drill) this.#source = { run, processSinceNs }
      return
    }
    if (this.#source.run === run) return
    const at = formatMs(Number(BigInt(processSinceNs) - this.#fromNs) / 1e6)
    const { area } = this.#options
    const isOtherProcess = processSinceNs !== this.#source.processSinceNs
    this.#lost = isOtherProcess
      ? `client.${area} was restarted ${at} into the load`
      : `client.${area} was given another load`
    this.#source = null
    this.#options.lost(this.#lost)
  }

  async #fetchToEnd(): Promise<void> {
    const { client } = this.#options
    if (this.#drill === null || this.#lost !== null) return
    if (this.#source === null) this.#recognize(await client.status())
    while (this.#source !== null) {
      const page = await client.operations(this.#next)
      if (page.run !== this.#source.run) {
        this.#recognize(await client.status())
        return
      }
      const isAtEnd = page.next >= page.end || page.next === this.#next
      this.#dropped ||= page.dropped
      this.#next = page.next
      this.#take(page.operations)
      if (isAtEnd) return
    }
  }

  #take(operations: readonly Operation[]): void {
    const fresh = operations.filter(({ seq }) => {
      if (this.#numbers.has(seq)) return false
      this.#numbers.add(seq)
      return true
    })
    this.#repeated += operations.length - fresh.length
    if (fresh.length === 0) return
    for (const each of fresh) this.#ended.push(each)
    this.#options.keep(fresh)
  }
}
