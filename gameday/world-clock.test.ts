import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WorldClock } from './world-clock.ts'

/** The harness's clock, and a WAN whose clock is `aheadNs` ahead and whose answers take `tripNs`, half of it each way. */
function createClocks(aheadNs: bigint, tripNs: bigint) {
  const state = { ownNs: 1_000n, gone: false }
  const ask = (): Promise<bigint> => {
    if (state.gone) return Promise.reject(new Error('the gateway is gone'))
    state.ownNs += tripNs / 2n
    const atNs = state.ownNs + aheadNs
    state.ownNs += tripNs / 2n
    return Promise.resolve(atNs)
  }
  return { state, clock: new WorldClock(ask, () => state.ownNs) }
}

void test('while the WAN answers, its own word is taken', async () => {
  const { clock } = createClocks(5_000_000n, 400n)
  assert.deepEqual(await clock.now(), { atNs: 5_001_200n, errorNs: 0n })
})

void test('once the WAN is gone, its clock is carried on by the harness, with half the round trip as error', async () => {
  const { clock, state } = createClocks(5_000_000n, 400n)
  await clock.ask()
  state.gone = true
  state.ownNs += 60_000n
  assert.deepEqual(await clock.now(), { atNs: state.ownNs + 5_000_000n, errorNs: 200n })
  await assert.rejects(clock.ask(), /the gateway is gone/)
})

void test('the mapping is that of the last answer: the two clocks may drift apart', async () => {
  let aheadNs = 0n
  let gone = false
  const clock = new WorldClock(
    () => (gone ? Promise.reject(new Error('gone')) : Promise.resolve(100n + aheadNs)),
    () => 100n,
  )
  await clock.ask()
  aheadNs = 70n
  await clock.ask()
  gone = true
  assert.deepEqual(await clock.now(), { atNs: 170n, errorNs: 0n })
})

void test('a WAN that never answered has no time', async () => {
  const { clock, state } = createClocks(0n, 0n)
  state.gone = true
  await assert.rejects(clock.now(), /the gateway is gone/)
})
