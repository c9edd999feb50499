// Chance from a seed: what the simulator draws, it draws here.
import { createRandom, type Random } from '#runtime/random.ts'

export class Chance {
  readonly #random: Random

  /** @param stream tells apart what is drawn from one seed: options and faults, delays of the run */
  constructor(seed: number, stream: number) {
    this.#random = createRandom(seed, stream)
  }

  /** From `low` to `high`, whole numbers, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.#random() * (high - low + 1))
  }

  is(probability: number): boolean {
    return probability > 0 && this.#random() < probability
  }

  /** Exponentially distributed, at least 1. */
  around(mean: number): number {
    return Math.max(1, Math.round(-Math.log(1 - this.#random()) * mean))
  }

  /** Log-uniform: as likely short as long. */
  spread(low: number, high: number): number {
    return Math.round(low * (high / low) ** this.#random())
  }

  pick<Value>(from: readonly Value[]): Value {
    const found = from[Math.floor(this.#random() * from.length)]
    if (found === undefined) throw new RangeError('expected something to pick from, saw an empty list')
    return found
  }

  shuffle<Value>(from: readonly Value[]): Value[] {
    const mixed = [...from]
    for (let at = mixed.length - 1; at > 0; at -= 1) {
      const other = this.between(0, at)
      const value = mixed[at] as Value
      mixed[at] = mixed[other] as Value
      mixed[other] = value
    }
    return mixed
  }
}
