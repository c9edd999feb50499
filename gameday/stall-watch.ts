// Reads the harness's clocks and the WAN's while a drill runs, and tells where the measuring stood still.
import { uptime } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Stall } from '#protocol/journal.ts'
import { clockNs } from '#chaos/wan-calls.ts'
import { monotonicNs } from '#runtime/clock.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { Stalls } from './stalls.ts'

const readEveryMs = 100
const lookEveryMs = 500
/** Linux tells its uptime in hundredths of a second, other systems in seconds. */
const bootResolutionMs = process.platform === 'linux' ? 10 : 1000

export class StallWatch {
  readonly #world: RunningWorld
  readonly #stalls = new Stalls(bootResolutionMs)
  readonly #stopping = new AbortController()
  #ticker: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()

  constructor(world: RunningWorld) {
    this.#world = world
  }

  start(): void {
    this.#read()
    this.#ticker = setInterval(() => this.#read(), readEveryMs)
    this.#looking = this.#lookOnAndOn()
  }

  /** Idempotent. @returns what was seen, on the WAN's clock; none if the WAN never answered */
  async stop(): Promise<readonly Stall[]> {
    clearInterval(this.#ticker)
    this.#stopping.abort()
    await this.#looking
    return this.#stalls.spans()
  }

  #read(): void {
    // What was moved between two of these three calls is seen by the next reading.
    this.#stalls.read({ monotonicNs: monotonicNs(), bootMs: uptime() * 1000, wallMs: Date.now() })
  }

  async #lookOnAndOn(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const askedNs = monotonicNs()
      const wanNs = await clockNs(this.#world).catch(() => null)
      this.#stalls.look({ askedNs, answeredNs: monotonicNs(), wanNs })
      await sleep(lookEveryMs, undefined, { signal }).catch(() => {})
    }
  }
}
