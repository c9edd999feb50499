// Each definition of docs/measuring.md on a few operations whose figures can be told by hand. Times in ms.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { causesOf } from './causes.ts'
import type { Ack, DrillFiles, FinalReadsFile, Op, OperationLine } from './files.ts'
import { figuresOf } from './figures.ts'
import { longestGap } from './gaps.ts'
import { incidentOf, sharedIds, splitBrain, windowOf } from './loss.ts'
import { restoredIn, type AreaQuestion } from './restored.ts'

const ns = (ms: number): number => Math.round(ms * 1e6)

function op(intendedMs: number, more: Partial<Op> = {}): Op {
  const intended = ns(intendedMs)
  const common = { area: 'na', seq: 0, isWrite: true, key: `k${intendedMs}`, started: intended, sent: intended }
  const answer = {
    done: intended + ns(10),
    outcome: 'ok' as const,
    status: 201,
    orderId: `o${intendedMs}`,
    epoch: 1,
    shed: false,
  }
  return { ...common, intended, ...answer, ...more }
}
const failed = (intendedMs: number): Op => op(intendedMs, { outcome: 'failed', orderId: null, epoch: null })
const ack = (intendedMs: number, epoch: number, more: Partial<Op> = {}): Ack =>
  op(intendedMs, { epoch, ...more }) as Ack

/** From t0 = 10 s on, one each 500 ms; those in [10 s, 12 s) fail. */
function question(more: Partial<AreaQuestion> = {}): AreaQuestion {
  const operations = Array.from({ length: 20 }, (_, index) => 10_250 + index * 500).map((at) =>
    at < 12_000 ? failed(at) : op(at),
  )
  return {
    operations,
    writes: operations,
    t0: ns(10_000),
    horizons: [ns(20_000)],
    thresholds: { successRate: 0.99, p99: ns(500) },
    newAcks: [],
    ...more,
  }
}

void test('service came back between the last bad operation and the first good one', () => {
  const restored = restoredIn(question())
  assert.deepEqual(restored, { kind: 'time', at: ns(2000), resolution: ns(250), horizon: ns(20_000) })
})

void test('service that was never gone is back at once, as far as operations tell', () => {
  const operations = question().operations.map((each) => op(each.intended / 1e6))
  const restored = restoredIn(question({ operations }))
  assert.deepEqual(restored, { kind: 'time', at: 0, resolution: ns(250), horizon: ns(20_000) })
})

void test('an outage that outlasts the heal is measured to its end', () => {
  const restored = restoredIn(question({ horizons: [ns(11_500), ns(14_000), ns(20_000)] }))
  assert.equal(restored.kind === 'time' && restored.at, ns(2000))
  assert.equal(restored.kind === 'time' && restored.horizon, ns(20_000))
})

void test('service that is bad to the end is still out, and too few operations tell nothing', () => {
  const operations = question().operations.map((each) => failed(each.intended / 1e6))
  assert.deepEqual(restoredIn(question({ operations })), { kind: 'out', atLeast: ns(9750) })
  assert.deepEqual(restoredIn(question({ operations: operations.slice(0, 4) })), { kind: 'few' })
})

void test('one bad operation and a few good ones after it do not make an outage that never ends', () => {
  const operations = [failed(10_500), op(12_000), op(14_000), op(16_000), op(18_000)]
  assert.deepEqual(restoredIn(question({ operations })), { kind: 'few' })
})

void test('an area is not back before its own first ack under the new epoch', () => {
  const newAcks = [op(12_250, { epoch: 2, done: ns(12_400), area: 'eu' }), op(13_000, { epoch: 2, done: ns(13_100) })]
  const restored = restoredIn(question({ newAcks }))
  assert.deepEqual(restored, {
    kind: 'time',
    at: ns(3100),
    resolution: ns(3100 - 2750),
    horizon: ns(20_000),
  })
})

void test('a gap that is open at the end of the load is the longest, and ends nowhere else', () => {
  const operations = [op(1000), op(2000), failed(3500), failed(8000)]
  const span = { from: 0, to: ns(9000) }
  assert.deepEqual(longestGap(operations, span, ns(9000)), {
    from: ns(2010),
    to: ns(9000),
    resolution: ns(1490),
    isOpen: true,
  })
})

void test('a gap that began before a span counts from its beginning, and is cut where the span ends', () => {
  const operations = [op(1000), failed(3000), op(9000)]
  const gap = longestGap(operations, { from: ns(2000), to: ns(4000) }, ns(10_000))
  assert.deepEqual([gap?.from, gap?.to, gap?.isOpen], [ns(1010), ns(4000), false])
})

void test('a lost write belongs to the fault or order that replaced its epoch', () => {
  const causes = [10_000, 20_000].map((at) => ({ cause: 'fault' as const, t0Ns: `${ns(at)}`, t0: ns(at) }))
  const acks = [ack(8000, 1), ack(9000, 1), ack(12_000, 2), ack(19_500, 2), ack(20_200, 2), ack(25_000, 3)]
  const [first, , , late, later] = acks as [Ack, Ack, Ack, Ack, Ack, Ack]
  assert.equal(incidentOf(first, acks, causes), causes[0])
  assert.equal(incidentOf(late, acks, causes), causes[1])
  assert.equal(windowOf([first], ns(10_000)), ns(10_000 - 8010))
  assert.equal(windowOf([late, later], ns(20_000)), ns(700))
  assert.equal(incidentOf(ack(30_000, 3), acks, causes), causes[1])
  assert.equal(incidentOf(ack(15_000, 3), acks, causes), causes[1])
})

void test('split brain and shared ids are counted', () => {
  const acks = [ack(1000, 1), ack(2000, 2), ack(2005, 1), ack(2011, 1), ack(3000, 1, { orderId: 'o1000' })]
  assert.equal(splitBrain(acks), 2)
  assert.equal(sharedIds(acks), 1)
})

const noReads: FinalReadsFile = { postgres: { ids: [], keys: [] }, kafka: null, redis: null }

function line(seq: number, intendedMs: number): OperationLine {
  const times = {
    intendedNs: `${ns(intendedMs)}`,
    startedNs: `${ns(intendedMs)}`,
    sentNs: `${ns(intendedMs)}`,
    doneNs: `${ns(intendedMs + 10)}`,
  }
  return {
    area: 'na',
    seq,
    kind: 'write',
    key: `k${seq}`,
    ...times,
    outcome: 'ok',
    status: 201,
    orderId: `o${seq}`,
    epoch: 1,
  }
}

function drill(
  operations: readonly OperationLine[],
  planned: number,
  more: Partial<DrillFiles['record']> = {},
): DrillFiles {
  const runbook = { method: [], 'steady-state-hypothesis': { 'success-rate': 0.99, p99: 500 }, load: { timeout: 3000 } }
  const load = { fromNs: '0', toNs: `${ns(10_000)}`, areas: { na: { planned } } }
  const record = { runbook, originNs: '0', load, epochBefore: { epoch: 1 }, faults: [], steps: [], stalls: [], ...more }
  return { record, finalReads: noReads, operations, timeline: [] }
}

void test('what is missing makes lost writes unknown, and what was found is told as at least', () => {
  const { values, atLeast } = figuresOf(drill([line(0, 1000), line(0, 1000), line(2, 3000), line(5, 12_000)], 3))
  assert.deepEqual(
    ['planned', 'collected', 'missing', 'repeated'].map((name) => values[`collection.na.${name}`]),
    [3, 2, 1, 1],
  )
  assert.equal(values['rpo.postgres.lostCount'], null)
  assert.equal(atLeast['rpo.postgres.lostCount'], 2)
  assert.equal(values['rpo.kafka.lostCount'], null)
  // The missing one may have been acked in it.
  assert.equal(values['outage.longestMs'], null)
})

void test('a row goes on over background faults, and ends at any other step', () => {
  const fault = (id: string, at: number, background = false) => ({
    id,
    background,
    firstNs: `${ns(at)}`,
    healBeganNs: null,
    endedNs: null,
  })
  const method = [
    { fault: { id: 'b1' } },
    { fault: { id: 'f1' } },
    { fault: { id: 'b2' } },
    { fault: { id: 'f2' } },
    {},
    { fault: { id: 'f3' } },
    { parallel: [[{ fault: { id: 'f4' } }], { fault: { id: 'f5' } }] },
  ]
  const faults = [
    fault('b1', 1000, true),
    fault('f2', 2500),
    fault('f1', 3000),
    fault('b2', 2000, true),
    fault('f3', 5000),
    fault('f4', 6000),
    fault('f5', 6500),
  ]
  const steps = [{ fromNs: `${ns(7000)}`, action: 'failback' as const }]
  const runbook = { method, 'steady-state-hypothesis': { 'success-rate': 0.99, p99: 500 }, load: { timeout: 3000 } }
  const causes = causesOf(drill([], 0, { runbook, faults, steps }), ns(10_000))
  assert.deepEqual(
    causes.map(({ cause, t0 }) => [cause, t0 / 1e6]),
    [
      ['fault', 2500],
      ['fault', 5000],
      ['fault', 6000],
      ['fault', 6500],
      ['failback', 7000],
    ],
  )
})

void test('a fault that ended before its heal is told, one that was meant to run out or never whole is not', () => {
  const early = (more: object, heal: string | null = 'f', isRollback = false): number | null | undefined => {
    const fault = { id: 'f', background: false, firstNs: `${ns(1000)}`, healBeganNs: `${ns(5000)}`, endedNs: null }
    const steps = heal === null ? [] : [{ parallel: [[{ heal }]] }]
    const rest = { 'steady-state-hypothesis': { 'success-rate': 0.99, p99: 500 }, load: { timeout: 3000 } }
    const runbook = { method: isRollback ? [] : steps, rollback: isRollback ? steps : [], ...rest }
    return figuresOf(drill([], 0, { runbook, faults: [{ ...fault, ...more }] })).values[
      'faults ended before their heal'
    ]
  }
  const ended = { endedNs: `${ns(3000)}`, endedBy: 'its time was over (2 s)' }
  assert.equal(early({}), 0)
  assert.equal(early(ended), 1)
  assert.equal(early({ ...ended, healBeganNs: `${ns(3000)}` }), 0)
  assert.equal(early({ ...ended, healBeganNs: null }, null), 0)
  assert.equal(early({ ...ended, healBeganNs: null }, 'f', true), 1)
  assert.equal(early({ ...ended, endedBy: 'somebody healed it', healBeganNs: null }, null), 1)
  assert.equal(early({ ...ended, momentary: true }), 0)
  assert.equal(early({ endedNs: `${ns(1000)}`, endedBy: 'it was not shown to be whole' }), null)
  assert.equal(early({ blindMs: 10_001 }), null)
})
