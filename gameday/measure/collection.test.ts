// Operations that are missing, twice, late or shed: what they make unknown, and what not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Journal } from '#protocol/journal.ts'
import type { Operation } from '#protocol/operation.ts'
import { goodOperations, goodRecord, ns, recordOf, regularOperations, t0Ms, write } from './histories.ts'
import type { ClientOperation } from './history.ts'
import { measure } from './measure.ts'
import type { DrillRecord } from './record.ts'

function statusOf(journal: Journal, name: string): string | undefined {
  return [...journal.objectives, ...journal.checks].find((each) => each.name === name)?.status
}

function without(
  record: DrillRecord,
  dropped: (operation: Operation) => boolean,
  reason = 'client.na was killed',
): DrillRecord {
  const areas = { ...record.load?.areas }
  for (const area of new Set(record.operations.filter(dropped).map((each) => each.area)))
    areas[area] = { planned: areas[area]?.planned ?? 0, sent: null, reason }
  return {
    ...record,
    load: record.load && { ...record.load, areas },
    operations: record.operations.filter((each) => !dropped(each)),
  }
}

const sinceOutage = (operation: Operation): boolean =>
  operation.area === 'na' && BigInt(operation.intendedNs) >= BigInt(ns(t0Ms))

void test('an area whose operations are missing from the outage on makes all unknown that they could change', () => {
  const record = goodRecord()
  const { postgres } = record.finalReads
  assert.ok(postgres)
  const journal = measure(without(record, sinceOutage))
  assert.equal(journal.verdict, 'unknown')
  assert.equal(journal.collection.na?.missing, 250)
  assert.equal(journal.collection.na?.planned, 300)
  assert.equal(journal.collection.eu?.missing, 0)
  for (const path of [
    'rpo.postgres.lostCount',
    'rpo.kafka.lostCount',
    'splitBrain.count',
    'requests.failed',
    'rto.restoredMs',
    'rto.firstWriteMs',
    'failback.failed',
    'incidents[0].areas.na.restoredMs',
  ])
    assert.match(journal.unknown[path] ?? '', /250 operations of na \(client\.na was killed\)/, path)
  assert.equal(journal.rpo.postgres.lostCount, null)
  assert.equal(journal.rto.areas.eu?.restoredMs, 1050)
  assert.equal(statusOf(journal, 'load as planned'), 'unknown')
  assert.equal(statusOf(journal, 'acked writes survive'), 'unknown')
})

void test('what was found all the same fails: at least so many are lost', () => {
  const record = goodRecord()
  const { postgres } = record.finalReads
  assert.ok(postgres)
  const ids = new Set([...postgres.ids].filter((id) => id !== 'eu-30'))
  const spoiled = { ...record, finalReads: { ...record.finalReads, postgres: { ...postgres, ids } } }
  const journal = measure(without(spoiled, sinceOutage))
  assert.equal(journal.rpo.postgres.lostCount, null)
  assert.equal(journal.atLeast['rpo.postgres.lostCount'], 1)
  assert.equal(statusOf(journal, 'rpo'), 'missed')
  assert.equal(journal.verdict, 'fail')
})

void test('operations that are missing outside of an incident leave its times known', () => {
  const early = (operation: Operation): boolean => operation.area === 'na' && operation.seq >= 10 && operation.seq < 14
  const journal = measure(without(goodRecord(), early))
  assert.equal(journal.rto.restoredMs, 1050)
  assert.equal(journal.rpo.postgres.lostCount, null)
  assert.deepEqual(journal.collection.na?.spans, [{ kind: 'missing', fromNs: ns(900), toNs: ns(1400), count: 4 }])
})

void test('a tail that was never collected is missing, though nothing comes after it', () => {
  const journal = measure(without(goodRecord(), (each) => each.area === 'ap' && each.seq >= 290))
  assert.equal(journal.collection.ap?.missing, 10)
  assert.equal(journal.failback.failed, null)
  assert.equal(journal.verdict, 'unknown')
})

void test('an operation that stands there twice counts once, and is told', () => {
  const record = goodRecord()
  const journal = measure({ ...record, operations: [...record.operations, ...record.operations.slice(0, 7)] })
  assert.deepEqual(journal.requests, { ok: 870, failed: 0, unknown: 30 })
  assert.equal(statusOf(journal, 'each operation once'), 'unknown')
  assert.equal(journal.verdict, 'unknown')
})

function late(
  operations: readonly Operation[],
  lateMs: number,
  of: (each: Operation) => boolean,
): readonly Operation[] {
  return operations.map((each) =>
    of(each)
      ? {
          ...each,
          startedNs: (BigInt(each.intendedNs) + BigInt(lateMs * 1e6)).toString(),
          sentNs: each.sentNs === null ? null : (BigInt(each.sentNs) + BigInt(lateMs * 1e6)).toString(),
          doneNs: (BigInt(each.doneNs) + BigInt(lateMs * 1e6)).toString(),
        }
      : each,
  )
}

void test('a client that stands still is told, and beyond its share the service is not blamed', () => {
  const record = goodRecord()
  const inSpan = (each: Operation): boolean => each.area === 'eu' && each.seq >= 60 && each.seq < 90
  const journal = measure({ ...record, operations: late(record.operations, 2000, inSpan) })
  assert.equal(journal.collection.eu?.late, 30)
  assert.equal(statusOf(journal, 'load as planned'), 'unknown')
  assert.match(journal.unknown['incidents[0].areas.eu.restoredMs'] ?? '', /a client stood still or was late/)
  assert.equal(journal.verdict, 'unknown')
  const little = measure({
    ...record,
    operations: late(record.operations, 150, (each) => each.area === 'eu' && each.seq === 200),
  })
  assert.equal(little.verdict, 'pass')
})

void test('arrivals that the client shed are told, and are not the service’s failures beyond their share', () => {
  const record = goodRecord()
  const operations = record.operations.map((each): Operation =>
    each.area === 'eu' && each.seq >= 52 && each.seq < 60
      ? { ...each, shed: true, sentNs: null, outcome: 'failed', reason: 'shed: 1000 operations in flight' }
      : each,
  )
  const journal = measure({ ...record, operations })
  assert.equal(journal.collection.eu?.shed, 8)
  assert.equal(statusOf(journal, 'load as planned'), 'unknown')
})

void test('acks of several writes that name one order are found', () => {
  const one = goodOperations().map((each): ClientOperation =>
    each.orderId === null ? each : { ...each, orderId: 'the-one' },
  )
  const journal = measure(goodRecord(one))
  assert.equal(statusOf(journal, 'one order id per write'), 'fail')
  assert.equal(journal.verdict, 'fail')
})

void test('an expectation waits for what hangs, and zero operations meet nothing', () => {
  const plan = [
    [0, { hold: '5s' }],
    [5000, { fault: { id: 'cut', kind: 'partition', target: 'region a' } }],
    [6000, { hold: '2s', expect: { failed: 0 } }],
    [8000, { hold: '12s' }],
  ] as const
  const hanging = regularOperations({ everyMs: 100, endMs: 20_000 }).map((each): ClientOperation =>
    each.sentMs >= 5000 && each.sentMs < 8000
      ? { ...each, outcome: 'unknown', doneMs: each.sentMs + 3000, orderId: null, epoch: null, status: null }
      : each,
  )
  assert.equal(statusOf(measure(recordOf(plan, hanging)), 'step 3: failed'), 'missed')
  const silent = regularOperations({ everyMs: 100, endMs: 20_000 }).filter(
    ({ sentMs }) => sentMs < 5000 || sentMs >= 8000,
  )
  assert.equal(statusOf(measure(recordOf(plan, silent)), 'step 3: failed'), 'unknown')
})

void test('what the machine stood still in an outage makes its figures unknown; elsewhere it is only told', () => {
  const record = goodRecord()
  const stall = (fromMs: number, ms: number) =>
    ({ part: 'machine', kind: 'suspend', fromNs: ns(fromMs), toNs: ns(fromMs + ms), ms }) as const
  const inside = measure({ ...record, stalls: [stall(t0Ms + 200, 600)] })
  assert.match(
    inside.unknown['rto.restoredMs'] ?? '',
    /a client stood still or was late, or the WAN did not answer, for 0\.60 s/,
  )
  const outside = measure({ ...record, stalls: [stall(1000, 600)] })
  assert.equal(outside.verdict, 'pass')
  assert.equal(outside.stalls.length, 1)
})

void test('without a word of the controllers the false failovers are unknown, not invented and not none', () => {
  const journal = measure({ ...goodRecord(), unheard: ['controller.b: the gateway is gone'] })
  assert.equal(journal.falseFailovers, null)
  assert.equal(statusOf(journal, 'no false failover'), 'unknown')
})

void test('stores of two regions that differ fail the drill; ones that could not be compared leave it unknown', () => {
  const agree = {
    store: 'postgres',
    regions: ['a', 'b', 'c'],
    rows: 900,
    differing: 0,
    differences: [],
    unread: null,
  } as const
  const others = goodRecord().agreement.filter(({ store }) => store !== 'postgres')
  const of = (more: object): Journal => measure({ ...goodRecord(), agreement: [{ ...agree, ...more }, ...others] })
  assert.equal(of({}).verdict, 'pass')
  assert.equal(of({ differing: 1, differences: ['order x: b has 2, c has 3'] }).verdict, 'fail')
  assert.equal(of({ unread: 'region c does not answer' }).verdict, 'unknown')
  assert.equal(of({ regions: ['a', 'b'] }).verdict, 'unknown')
  const without = (agreement: DrillRecord['agreement'], interruption: string | null = null): string | undefined =>
    statusOf(measure({ ...goodRecord(), agreement, interruption }), 'stores of all regions agree')
  assert.deepEqual([without(others), without([]), without([], 'SIGINT')], ['unknown', 'unknown', undefined])
  const record = goodRecord()
  const ids = new Set([...(record.finalReads.postgres?.ids ?? [])].filter((id) => id !== 'eu-30'))
  const lossy = (commit: 'async' | 'quorum', differing: number): string | undefined =>
    statusOf(
      measure({
        ...record,
        runbook: { ...record.runbook, topology: { ...record.runbook.topology, commit } },
        finalReads: { ...record.finalReads, postgres: { ids, keys: new Set() } },
        agreement: record.agreement.map((each) =>
          each.store === 'redis' ? { ...each, differing, differences: ['order eu-30: of no row'] } : each,
        ),
      }),
      'stores of all regions agree',
    )
  assert.deepEqual([lossy('async', 3), lossy('async', 4), lossy('quorum', 1)], ['pass', 'fail', 'fail'])
})

void test('a longest gap in which the WAN did not answer is unknown, whichever incident it lies in; beside it, it is not', () => {
  const record = recordOf(
    [[0, { hold: '20s' }]],
    regularOperations({ everyMs: 100, endMs: 20_000, out: [[8000, 11_000]] }),
  )
  const silent = (fromMs: number): Journal => {
    const stall = { part: 'wan', kind: 'stall', fromNs: ns(fromMs), toNs: ns(fromMs + 2000), ms: 2000 } as const
    return measure({ ...record, stalls: [stall] })
  }
  assert.equal(silent(8500).outage.longestMs, null)
  assert.match(silent(8500).unknown['outage.longestMs'] ?? '', /the WAN did not answer, for 2\.00 s of 3\.1/)
  assert.ok((silent(14_000).outage.longestMs ?? 0) > 3000)
})

void test('a write acked late by an old epoch keeps its own number', () => {
  const record = goodRecord([...goodOperations(), write(29_950, 29_990, 3, { orderId: 'last', area: 'eu' })])
  assert.equal(measure(record).collection.eu?.planned, 301)
})

void test('a write that is missing from before a gap, within the time-out, leaves the gap unknown: it may have been acked in it', () => {
  const record = recordOf(
    [[0, { hold: '20s' }]],
    regularOperations({ everyMs: 100, endMs: 20_000, out: [[8000, 11_000]] }),
  )
  const longest = (seq: number): number | null =>
    measure(without(record, (each) => each.area === 'na' && each.seq === seq)).outage.longestMs
  assert.equal(longest(70), null)
  assert.notEqual(longest(20), null)
})

void test('operations outside of the plan count nowhere, and the load was not as planned', () => {
  const record = goodRecord()
  const [first] = record.operations
  assert.ok(first !== undefined)
  const loadEnd = String(record.load?.toNs)
  for (const more of [
    { ...first, seq: 99_999 },
    { ...first, seq: -1 },
    { ...first, intendedNs: loadEnd, startedNs: loadEnd, sentNs: loadEnd, doneNs: loadEnd },
  ]) {
    const journal = measure({ ...record, operations: [...record.operations, more] })
    assert.deepEqual(journal.requests, measure(record).requests)
    assert.equal(journal.collection[first.area]?.outside, 1)
    assert.equal(statusOf(journal, 'load as planned'), 'unknown')
    assert.equal(journal.verdict, 'unknown')
  }
})

void test('an area that nothing was planned of may lack anything', () => {
  const record = goodRecord()
  const { eu: _, ...areas } = record.load?.areas ?? {}
  const journal = measure({
    ...record,
    load: record.load && { ...record.load, areas },
    operations: record.operations.filter(({ area, seq }) => area !== 'eu' || seq < 60),
  })
  assert.equal(journal.requests.ok, null)
  assert.match(journal.unknown['rto.restoredMs'] ?? '', /60 operations of eu \(the record does not say how many/)
  assert.equal(measure({ ...record, load: null }).verdict, 'unknown')
})

void test('an operation that can not have been so is none', () => {
  const record = goodRecord()
  const before = (ns: string | null, ms: number): string => (BigInt(ns ?? 0) - BigInt(ms * 1e6)).toString()
  for (const spoil of [
    (each: Operation): Operation => ({ ...each, doneNs: before(each.intendedNs, 5000) }),
    (each: Operation): Operation => ({ ...each, sentNs: before(each.intendedNs, 1) }),
    (each: Operation): Operation => ({ ...each, sentNs: null, outcome: 'ok' }),
    (each: Operation): Operation => ({ ...each, orderId: null }),
    (each: Operation): Operation => ({ ...each, epoch: null }),
  ]) {
    const operations = record.operations.map((each) => (each.area === 'na' && each.seq === 70 ? spoil(each) : each))
    const journal = measure({ ...record, operations })
    assert.equal(journal.collection.na?.missing, 1)
    assert.match(journal.unknown['requests.ok'] ?? '', /1 operation of na \(1 contradict themselves\)/)
  }
})

void test('of a number that came twice the first line says all, also that it was shed', () => {
  const record = goodRecord()
  const again = record.operations
    .filter(({ area, seq }) => area === 'eu' && seq < 3)
    .map((each) => ({ ...each, shed: true }))
  const journal = measure({ ...record, operations: [...record.operations, ...again] })
  assert.deepEqual([journal.collection.eu?.repeated, journal.collection.eu?.shed], [3, 0])
})

void test('a plan of any size is counted at once', () => {
  const record = goodRecord()
  const planned = { planned: 1e12, sent: null, reason: 'x' }
  const journal = measure({
    ...record,
    load: record.load && { ...record.load, areas: { ...record.load.areas, na: planned } },
  })
  assert.equal(journal.collection.na?.missing, 1e12 - 300)
})
