// Chance from a seed: what the simulator and fuzz draw, they draw here. One seed and stream give the same draws on every machine.
import { createRandom, type Random } from './random.ts'

export class Chance {
  readonly #random: Random

  /** @param stream tells apart what is drawn from one seed: options and faults, delays of the run */
  constructor(seed: number, stream: number) {
    this.#random = createRandom(seed, stream)
  }

  /** A multiple of `step` above `low`, up to `high`, both included. */
  between(low: number, high: number, step = 1): number {
    return low + step * Math.floor(this.#random() * (Math.floor((high - low) / step) + 1))
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
