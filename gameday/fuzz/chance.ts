// Chance that a seed determines: the same seed and stream give the same draws on every machine.

export class Chance {
  #state: number

  /** @param stream tells apart several sources of one seed, such as the runs of a session */
  constructor(seed: number, stream: number) {
    this.#state = seed | 0
    this.#state = Math.trunc(this.unit() * 2 ** 32) ^ stream
  }

  /** Uniform in [0, 1), by SplitMix32 (after Steele, Lea, Flood, 2014). */
  unit(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }

  happens(probability: number): boolean {
    return this.unit() < probability
  }

  /** A multiple of `step` from `least` to `most`, both included. */
  between(least: number, most: number, step = 1): number {
    const steps = Math.floor((most - least) / step) + 1
    return least + step * Math.floor(this.unit() * steps)
  }

  /** @throws RangeError if there is nothing to pick from */
  pick<Value>(among: readonly Value[]): Value {
    if (among.length === 0) throw new RangeError('expected something to pick from, saw nothing')
    return among[Math.floor(this.unit() * among.length)] as Value
  }

  shuffled<Value>(values: readonly Value[]): readonly Value[] {
    return values
      .map((value) => ({ value, rank: this.unit() }))
      .toSorted((left, right) => left.rank - right.rank)
      .map(({ value }) => value)
  }
}
