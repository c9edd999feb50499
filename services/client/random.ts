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

/**
 * xoshiro128** 1.1 (Blackman and Vigna, prng.di.unimi.it, public domain).
 * @param seed any integer; the lower 53 bits count
 * @param stream tells apart several sources that have the same seed
 */
export function createRandom(seed: number, stream: number): Random {
  const spread = splitMix32((seed % 2 ** 32) ^ Math.imul(Math.trunc(seed / 2 ** 32) + 1, 0x85ebca6b) ^ (stream << 24))
  const state = Int32Array.of(spread(), spread(), spread(), spread())
  const next32 = (): number => {
    const [zero, one, two, three] = state as unknown as [number, number, number, number]
    const result = Math.imul(rotateLeft(Math.imul(one, 5), 7), 9)
    state[2] = two ^ zero
    state[3] = three ^ one
    state[1] = one ^ state[2]
    state[0] = zero ^ state[3]
    state[2] ^= one << 9
    state[3] = rotateLeft(state[3], 11)
    return result >>> 0
  }
  return () => ((next32() >>> 5) * 67_108_864 + (next32() >>> 6)) / 9_007_199_254_740_992
}
