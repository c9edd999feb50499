// The world's clock as a drill needs it: asked of the WAN, and carried on by the harness's own monotonic clock once the WAN is gone.
import { monotonicNs } from '#runtime/clock.ts'

/** `errorNs`: how far `atNs` may be from the WAN's clock either way, if the two clocks run alike; 0 if the WAN itself said it. */
export interface WorldInstant {
  readonly atNs: bigint
  readonly errorNs: bigint
}

export class WorldClock {
  readonly #ask: () => Promise<bigint>
  readonly #own: () => bigint
  /** World's clock minus the harness's, from the last answer. */
  #mapping: { readonly offsetNs: bigint; readonly errorNs: bigint } | null = null

  /** @param ask reads the WAN's clock; @param own the harness's monotonic clock, both in nanoseconds */
  constructor(ask: () => Promise<bigint>, own: () => bigint = monotonicNs) {
    this.#ask = ask
    this.#own = own
  }

  /** @throws Error if the WAN does not answer */
  async ask(): Promise<bigint> {
    const beforeNs = this.#own()
    const atNs = await this.#ask()
    const halfTripNs = (this.#own() - beforeNs) / 2n
    this.#mapping = { offsetNs: atNs - beforeNs - halfTripNs, errorNs: halfTripNs }
    return atNs
  }

  /** @throws Error if the WAN does not answer, and never did */
  async now(): Promise<WorldInstant> {
    try {
      return { atNs: await this.ask(), errorNs: 0n }
    } catch (error) {
      if (this.#mapping === null) throw error
      return { atNs: this.#own() + this.#mapping.offsetNs, errorNs: this.#mapping.errorNs }
    }
  }
}
