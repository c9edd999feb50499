// Looks at a runbook's abort conditions all the time, beside its steps, and ends the method once one is met.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Check } from '#protocol/journal.ts'
import type { AbortConditions } from '#protocol/runbook.ts'
import { limitsOf, reachedLimit, type AbortView, type Reached } from './abort.ts'
import { formatMs } from './measure/objectives.ts'

const lookEveryMs = 500
/** A stop loss that can't see is none; a pause as short as this says nothing. */
const longestBlindMs = 10_000

export interface StopLossOptions {
  readonly conditions: AbortConditions | undefined
  /** What is known now. @throws Error if the world can't be asked */
  readonly view: () => Promise<AbortView>
  /** Told once, before the method is ended. */
  readonly reached: (reached: Reached) => Promise<unknown>
}

export class StopLoss {
  readonly #options: StopLossOptions
  readonly #aborting = new AbortController()
  readonly #stopping = new AbortController()
  #reached: Reached | null = null
  #running: Promise<void> = Promise.resolve()
  #blindMs = 0
  #started = false

  constructor(options: StopLossOptions) {
    this.#options = options
  }

  /** Aborted with the reason once a condition is met. */
  get signal(): AbortSignal {
    return this.#aborting.signal
  }

  start(): void {
    const { conditions } = this.#options
    this.#started = true
    if (conditions !== undefined) this.#running = this.#watch(conditions)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  /** None without conditions, and none of a method that never began. */
  checks(): readonly Check[] {
    const { conditions } = this.#options
    if (conditions === undefined || !this.#started) return []
    const name = 'stop loss'
    if (this.#reached !== null)
      return [{ name, status: 'fail', reason: `${this.#reached.condition}: ${this.#reached.reason}` }]
    if (this.#blindMs > longestBlindMs)
      return [{ name, status: 'unknown', reason: `nobody could look for ${formatMs(this.#blindMs)}` }]
    return [{ name, status: 'pass', reason: `none of these was met: ${limitsOf(conditions).join('; ')}` }]
  }

  async #watch(conditions: AbortConditions): Promise<void> {
    const { signal } = this.#stopping
    let sawAtMs = performance.now()
    while (!signal.aborted) {
      try {
        const reached = reachedLimit(conditions, await this.#options.view())
        sawAtMs = performance.now()
        if (reached !== null) return await this.#abort(reached)
      } catch {
        // The world does not say; how long it did not is kept.
        this.#blindMs = Math.max(this.#blindMs, performance.now() - sawAtMs)
      }
      await sleep(lookEveryMs, undefined, { signal }).catch(() => {})
    }
  }

  async #abort(reached: Reached): Promise<void> {
    if (this.#stopping.signal.aborted) return
    this.#reached = reached
    await this.#options.reached(reached).catch(() => {})
    this.#aborting.abort(new Error(`stop loss: ${reached.condition}: ${reached.reason}`))
  }
}
