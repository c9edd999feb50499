// A load client in memory for tests: a log of operations that can be cut off, dropped, restarted and asked slowly.
import type { LoadStatus, Operation } from '#protocol/operation.ts'
import type { ClientAccess, OperationsPage } from './load.ts'
import { toOperation, write } from './measure/histories.ts'

export const fakeDrill = 'drill'

export class FakeClient implements ClientAccess {
  readonly log: Operation[] = []
  /** The oldest that is kept. */
  first = 0
  /** At most so many at once. */
  pageSize = 1000
  /** The error of whatever is asked; null: it answers. */
  failure: string | null = null
  /** Fails that many fetches after they were answered: the answer is lost on its way. */
  answersToLose = 0
  /** Awaited by each fetch, after what it gives is settled. */
  beforeAnswer: () => Promise<void> = () => Promise.resolve()
  fetches = 0
  fetchesAtOnce = 0
  mostAtOnce = 0
  endedAtNs: bigint | null = null
  /** Arrivals turned to; null: as many as have ended. */
  turnedTo: number | null = null
  inFlight = 0
  #run = 'run-1'
  #drill: string | null = fakeDrill
  #processSinceNs = 0n

  /** Operations with these numbers end, 1 ms after another. */
  end(...numbers: readonly number[]): void {
    for (const seq of numbers) {
      const doneMs = this.log.length + 1
      this.log.push(toOperation(write(doneMs - 1, doneMs, 1), seq))
    }
  }

  /** As after kill -9. */
  restart(atMs: number): void {
    this.#forget('run-2', null)
    this.#processSinceNs = BigInt(atMs * 1e6)
  }

  takeOtherLoad(): void {
    this.#forget('run-2', 'another-drill')
  }

  #forget(run: string, drill: string | null): void {
    this.#run = run
    this.#drill = drill
    this.log.length = 0
    this.first = 0
    this.turnedTo = null
  }

  async operations(from: number): Promise<OperationsPage> {
    if (this.failure !== null) throw new Error(this.failure)
    this.fetches += 1
    this.fetchesAtOnce += 1
    this.mostAtOnce = Math.max(this.mostAtOnce, this.fetchesAtOnce)
    const common = { run: this.#run, end: this.log.length }
    const operations = this.log.slice(from, from + this.pageSize)
    await this.beforeAnswer()
    this.fetchesAtOnce -= 1
    if (this.answersToLose > 0) {
      this.answersToLose -= 1
      throw new Error('the connection broke')
    }
    if (from > common.end) return { ...common, operations: [], next: 0, dropped: false }
    if (from < this.first) return { ...common, operations: [], next: this.first, dropped: true }
    return { ...common, operations, next: from + operations.length, dropped: false }
  }

  async status(): Promise<LoadStatus> {
    if (this.failure !== null) throw new Error(this.failure)
    return {
      running: this.inFlight > 0 || (this.#drill !== null && this.endedAtNs === null),
      planned: this.turnedTo ?? this.log.length,
      inFlight: this.inFlight,
      done: this.log.length,
      run: this.#run,
      processSinceNs: `${this.#processSinceNs}`,
      drill: this.#drill,
      timeoutMs: 3000,
    }
  }

  async endAt(drill: string, untilNs: bigint): Promise<void> {
    if (this.failure !== null) throw new Error(this.failure)
    if (drill !== this.#drill) throw new Error('409')
    this.endedAtNs = untilNs
  }
}
