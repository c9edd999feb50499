// One thing at a time (rule 2), and a way for a higher promise to end the waits of whoever holds the lock.
import { Superseded } from './refused.ts'

export class Lock {
  #tail: Promise<unknown> = Promise.resolve()
  #holder: AbortController | null = null

  /** Runs `work` once all earlier work has ended. Its waits should end when `signal` is aborted. */
  async run<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const turn = this.#tail.then(async () => {
      const holder = new AbortController()
      this.#holder = holder
      try {
        return await work(holder.signal)
      } finally {
        this.#holder = null
      }
    })
    this.#tail = turn.catch(() => undefined)
    return turn
  }

  /** Ends the waits of the present holder. */
  interrupt(epoch: number): void {
    this.#holder?.abort(new Superseded(epoch))
  }
}
