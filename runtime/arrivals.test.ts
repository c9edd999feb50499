import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { areas } from '#protocol/sites.ts'
import { arrivals, plannedBefore } from './arrivals.ts'
import { createRandom, xoshiro128 } from '#runtime/random.ts'

const anySeed = fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER })
const plan = { seed: 1, rate: 100, reads: 0.5, durationMs: 100_000 }

void describe('random numbers', () => {
  void it('follow the reference sequence of xoshiro128** 1.1', () => {
    // State 1, 2, 3, 4; first outputs of the C program at prng.di.unimi.it/xoshiro128starstar.c.
    const next = xoshiro128([1, 2, 3, 4])
    assert.deepEqual([next(), next(), next(), next()], [11_520, 0, 5_927_040, 70_819_200])
  })
  void it('lie in [0, 1) and are determined by seed and stream', () => {
    fc.assert(
      fc.property(anySeed, fc.nat(7), (seed, stream) => {
        const [one, same, other] = [
          createRandom(seed, stream),
          createRandom(seed, stream),
          createRandom(seed, stream + 1),
        ]
        const numbers = Array.from({ length: 50 }, () => one())
        assert.deepEqual(
          Array.from({ length: 50 }, () => same()),
          numbers,
        )
        assert.notDeepEqual(
          Array.from({ length: 50 }, () => other()),
          numbers,
        )
        assert.ok(numbers.every((number) => number >= 0 && number < 1))
      }),
    )
  })
  void it('differ between seeds that differ in one bit', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), fc.nat(52), (seed, bit) => {
        const changed = Number(BigInt(seed) ^ (1n << BigInt(bit)))
        assert.notEqual(createRandom(seed, 0)(), createRandom(changed, 0)())
      }),
    )
  })
})

void describe('arrivals', () => {
  void it('are the same for the same seed and area, and other ones for another area', () => {
    fc.assert(
      fc.property(anySeed, fc.constantFrom(...areas), (seed, area) => {
        const drawn = [...arrivals({ ...plan, seed, durationMs: 500 }, area)]
        assert.deepEqual([...arrivals({ ...plan, seed, durationMs: 500 }, area)], drawn)
        const elsewhere = areas.find((each) => each !== area)!
        assert.notDeepEqual([...arrivals({ ...plan, seed, durationMs: 500 }, elsewhere)], drawn)
      }),
    )
  })
  void it('are numbered from 0, in order of time, within the duration', () => {
    fc.assert(
      fc.property(anySeed, (seed) => {
        const drawn = [...arrivals({ ...plan, seed, durationMs: 1000 }, 'eu')]
        for (const [index, arrival] of drawn.entries()) {
          assert.equal(arrival.seq, index)
          assert.ok(arrival.offsetNs >= (drawn[index - 1]?.offsetNs ?? 0n) && arrival.offsetNs <= 1_000_000_000n)
        }
      }),
    )
  })
  void it('come at the rate, with exponential gaps, and with the share of reads', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const drawn = [...arrivals({ ...plan, seed, reads: 0.3 }, 'na')]
      // 10,000 expected; six standard deviations of a Poisson count are 600.
      assert.ok(Math.abs(drawn.length - 10_000) < 600, `${drawn.length} arrivals`)
      const gaps = drawn.map((each, index) => Number(each.offsetNs - (drawn[index - 1]?.offsetNs ?? 0n)) / 1e6)
      const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
      const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length)
      assert.ok(Math.abs(deviation / mean - 1) < 0.1, `coefficient of variation ${deviation / mean}`)
      const reads = drawn.filter((each) => each.kind === 'read').length / drawn.length
      assert.ok(Math.abs(reads - 0.3) < 0.03, `share of reads ${reads}`)
    }
  })
  void it('can be all writes or all reads', () => {
    assert.ok([...arrivals({ ...plan, reads: 0 }, 'na')].every((each) => each.kind === 'write'))
    assert.ok([...arrivals({ ...plan, reads: 1 }, 'na')].every((each) => each.kind === 'read'))
  })
})

void describe('the number of planned arrivals', () => {
  void it('is that of the arrivals which a client turns to before the instant, at every instant', () => {
    const startNs = 5_000_000_000n
    fc.assert(
      fc.property(anySeed, fc.constantFrom(...areas), fc.integer({ min: 0, max: 12_000 }), (seed, area, ms) => {
        const timed = { ...plan, seed, durationMs: 10_000, startNs: `${startNs}` }
        const untilNs = startNs + BigInt(ms) * 1_000_000n
        const before = [...arrivals(timed, area)].filter(({ offsetNs }) => startNs + offsetNs < untilNs)
        assert.equal(plannedBefore(timed, area, untilNs), before.length)
      }),
      { numRuns: 30 },
    )
  })
  void it('leaves out the arrival of that very instant, and is 0 before the start', () => {
    const [first] = arrivals(plan, 'na')
    assert.ok(first !== undefined)
    const at = (ns: bigint): number => plannedBefore({ ...plan, startNs: '100' }, 'na', 100n + ns)
    assert.deepEqual([at(first.offsetNs), at(first.offsetNs + 1n), at(-50n)], [0, 1, 0])
  })
})
