// A load on the client's own clock: what it turns to, when, and where it ends.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LoadPlan, Operation } from '#protocol/operation.ts'
import { arrivals, plannedBefore } from '#runtime/arrivals.ts'
import { monotonicNs } from '#runtime/clock.ts'
import type { Ending } from './classify.ts'
import { startLoad, type Load } from './load.ts'
import { createOperationLog } from './operation-log.ts'

const hanging = (): Promise<Ending> => new Promise(() => {})

/** Answers at once, unless `attempt` says otherwise. */
function begin(fields: Partial<LoadPlan> = {}, attempt?: () => Promise<Ending>) {
  const operations: Operation[] = []
  const plan: LoadPlan = {
    drill: 'drill',
    seed: 11,
    rate: 500,
    reads: 0,
    steering: 'glb',
    startNs: String(monotonicNs() + 20_000_000n),
    durationMs: 60_000,
    timeoutMs: 3000,
    maxInFlight: 1000,
    ...fields,
  }
  const answered = (): Promise<Ending> =>
    Promise.resolve({ sentNs: monotonicNs(), status: 503, body: null, error: null })
  const load: Load = startLoad({
    area: 'na',
    plan,
    log: { ...createOperationLog(), append: (each) => operations.push(each) },
    locate: () => Promise.resolve('http://glb.na'),
    attempt: attempt ?? answered,
  })
  return { load, plan, operations }
}

void describe('a load', () => {
  void it('has each arrival before its end and none at or after it, whenever it was told', async () => {
    const { load, plan, operations } = begin()
    const all = [...arrivals({ ...plan, durationMs: 1000 }, 'na')]
    const hundredth = all[100]
    assert.ok(hundredth !== undefined)
    const untilNs = BigInt(plan.startNs) + hundredth.offsetNs
    load.endAt(untilNs)
    load.endAt(untilNs + 1_000_000_000n)
    await load.ended
    assert.deepEqual(
      operations.map(({ seq }) => seq).sort((one, other) => one - other),
      [...Array(100).keys()],
    )
    assert.equal(plannedBefore(plan, 'na', untilNs), 100)
    assert.deepEqual(load.status(), { running: false, planned: 100, inFlight: 0, done: 100 })
  })
  void it('says of each arrival when it turned to it: not before it was intended, not after it was sent', async () => {
    const { load, plan, operations } = begin()
    load.endAt(BigInt(plan.startNs) + 100_000_000n)
    await load.ended
    assert.ok(operations.length > 20)
    for (const { intendedNs, startedNs, sentNs } of operations) {
      assert.ok(startedNs !== null && sentNs !== null)
      assert.ok(BigInt(intendedNs) <= BigInt(startedNs) && BigInt(startedNs) <= BigInt(sentNs))
    }
  })
  void it('is late, and says so, when its own loop stood still', async () => {
    const { load, plan, operations } = begin()
    const stillUntilNs = BigInt(plan.startNs) + 150_000_000n
    while (monotonicNs() < stillUntilNs);
    load.endAt(stillUntilNs)
    await load.ended
    assert.ok(operations.length > 20)
    for (const { startedNs } of operations) assert.ok(BigInt(startedNs ?? 0) >= stillUntilNs)
  })
  void it('ends at once when nothing is to be turned to any more, but waits for what is in flight', async () => {
    let answer = (_ending: Ending): void => {}
    const answered = new Promise<Ending>((resolve) => {
      answer = resolve
    })
    const { load, operations } = begin({}, () => answered)
    while (load.status().inFlight === 0) await new Promise(setImmediate)
    load.endAt(0n)
    assert.equal(load.status().running, true)
    answer({ sentNs: 1n, status: 503, body: null, error: null })
    await load.ended
    assert.equal(operations.length, load.status().planned)
  })
  void it('calls what it could not try its own doing: too many under way, or no socket left', async () => {
    const shed = begin({ maxInFlight: 3 }, hanging)
    while (shed.operations.length < 5) await new Promise(setImmediate)
    shed.load.endAt(0n)
    assert.ok(shed.operations.every(({ shed, outcome, sentNs }) => shed && outcome === 'failed' && sentNs === null))
    for (const [error, isShed] of [
      ['EMFILE', true],
      ['no address: queryA EADDRNOTAVAIL', true],
      ['ECONNREFUSED', false],
    ] as const) {
      const short = begin({}, () => Promise.resolve({ sentNs: null, status: null, body: null, error }))
      while (short.operations.length === 0) await new Promise(setImmediate)
      short.load.endAt(0n)
      assert.equal(short.operations[0]?.shed, isShed, error)
    }
  })
})
