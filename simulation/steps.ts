// Work that takes simulated time: a generator that gives the milliseconds to wait until it goes on, as `await` does in the real code.
import type { Process } from './process.ts'
import { Violation } from './violation.ts'

export type Steps<Result> = Generator<number, Result, void>

/** What an AbortSignal is in the real code: waits look at it where the real ones do. */
export class Stop {
  reason: Error | null = null

  abort(reason: Error): void {
    this.reason ??= reason
  }

  throwIfAborted(): void {
    if (this.reason !== null) throw this.reason
  }
}

/** Runs the steps in a process; if that dies, they end where they are and nobody hears of it. */
export function runSteps<Result>(
  process: Process,
  steps: Steps<Result>,
  done: (result: Result) => void,
  failed: (error: Error) => void,
): void {
  const advance = (): void => {
    let next: IteratorResult<number, Result>
    try {
      next = steps.next()
    } catch (error) {
      // No failure of theirs: it ends the schedule.
      if (error instanceof Violation) throw error
      return failed(error as Error)
    }
    if (next.done === true) done(next.value)
    else process.after(next.value, advance)
  }
  advance()
}

/** One piece of work at a time, as the agent's lock. */
export class StepLock {
  readonly #process: Process
  #queue: (() => void)[] = []
  #holder: Stop | null = null
  /** Also while it is handed on, which a late process does late. */
  #isTaken = false

  constructor(process: Process) {
    this.#process = process
  }

  run<Result>(
    work: (stop: Stop) => Steps<Result>,
    done: (result: Result) => void,
    failed: (error: Error) => void,
  ): void {
    const begin = (): void => {
      const stop = new Stop()
      this.#holder = stop
      const end = (): void => {
        this.#holder = null
        const next = this.#queue.shift()
        if (next === undefined) this.#isTaken = false
        else this.#process.after(0, next)
      }
      runSteps(
        this.#process,
        work(stop),
        (result) => {
          end()
          done(result)
        },
        (error) => {
          end()
          failed(error)
        },
      )
    }
    if (this.#isTaken) this.#queue.push(begin)
    else {
      this.#isTaken = true
      begin()
    }
  }

  interrupt(reason: Error): void {
    this.#holder?.abort(reason)
  }

  /** The process has died. */
  forget(): void {
    this.#queue = []
    this.#holder = null
    this.#isTaken = false
  }
}
