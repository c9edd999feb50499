// Random numbers that a seed determines, so that a drill's load can be drawn again.

/** Uniform numbers in [0, 1) with 53 random bits. */
export type Random = () => number

/** SplitMix32 (after Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014): spreads a seed over a state. */
function splitMix32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
}

const rotateLeft = (value: number, count: number): number => (value << count) | (value >>> (32 - count))

/** xoshiro128** 1.1 (Blackman and Vigna, prng.di.unimi.it, public domain): 32-bit outputs from a state that is not all zero. */
export function xoshiro128(initial: readonly [number, number, number, number]): () => number {
  let [zero, one, two, three] = initial
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(one, 5), 7), 9)
    const shifted = one << 9
    two ^= zero
    three ^= one
    one ^= two
    zero ^= three
    two ^= shifted
    three = rotateLeft(three, 11)
    return result >>> 0
  }
}

/**
 * @param seed any integer; the lower 53 bits count
 * @param stream tells apart several sources that have the same seed
 */
export function createRandom(seed: number, stream: number): Random {
  const high = Math.floor(seed / 2 ** 32)
  const spreadHigh = splitMix32(high)
  const spread = splitMix32((seed - high * 2 ** 32) ^ spreadHigh() ^ (stream << 24))
  const next32 = xoshiro128([spread(), spread(), spread(), spread()])
  return () => ((next32() >>> 5) * 67_108_864 + (next32() >>> 6)) / 9_007_199_254_740_992
}
