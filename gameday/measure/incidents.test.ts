// Every outage is measured and judged: the second, the one that its heal ends, the one that never ends, and those that nobody began.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Journal } from '#protocol/journal.ts'
import { goodRecord, ns, recordOf, regularOperations, write } from './histories.ts'
import type { ClientOperation } from './history.ts'
import { measure } from './measure.ts'
import type { DrillRecord } from './record.ts'

const every = { everyMs: 100, endMs: 90_000 }
const cut = (id: string, more: Record<string, unknown> = {}) => ({
  fault: { id, kind: 'partition', target: 'region a', ...more },
})

function statusOf(journal: Journal, name: string): string | undefined {
  return [...journal.objectives, ...journal.checks].find((each) => each.name === name)?.status
}

/** Region a at 8 s, b at 40 s; failback at 80 s. */
function twoOutages(secondUntilMs: number): DrillRecord {
  return recordOf(
    [
      [0, { hold: '8s' }],
      [8000, cut('one')],
      [9000, { hold: '10s' }],
      [20_000, { heal: 'one' }],
      [40_000, { ...cut('two') }],
      [41_000, { hold: '30s' }],
      [70_000, { heal: 'two' }],
      [80_000, { action: 'failback' }],
      [81_000, { hold: '8s' }],
    ],
    regularOperations({
      ...every,
      out: [
        [8000, 9800],
        [40_000, secondUntilMs],
      ],
      epochs: [9800, secondUntilMs, 80_000],
    }),
    { objectives: { rto: '10s', 'rto-first-write': '5s', 'failback-failed': 0 } },
  )
}

void test('a second outage is measured to its end, also beyond its heal, and the worst is the headline', () => {
  const journal = measure(twoOutages(71_600))
  assert.deepEqual(
    journal.incidents.map(({ id, cause }) => `${cause} ${id}`),
    ['fault one', 'fault two', 'failback failback'],
  )
  assert.equal(journal.rto.incident, 'two')
  assert.ok(
    Math.abs((journal.rto.restoredMs ?? 0) - 31_600) <= (journal.rto.resolutionMs ?? 0),
    `${journal.rto.restoredMs}`,
  )
  assert.ok((journal.rto.resolutionMs ?? 1000) <= 150)
  assert.equal(statusOf(journal, 'rto'), 'missed')
  assert.equal(statusOf(journal, 'rto-first-write'), 'missed')
  assert.equal(journal.verdict, 'fail')
  const [objective] = journal.objectives
  assert.deepEqual(
    objective?.incidents.map(({ id, status }) => [id, status]),
    [
      ['two', 'missed'],
      ['one', 'met'],
    ],
  )
  assert.match(objective?.measured ?? '', /^31\.\d+ s.*\(two\)$/)
  assert.equal(journal.failback.failed, 0)
})

void test('an outage that is over before its heal is measured without it', () => {
  const journal = measure(twoOutages(42_000))
  assert.ok(Math.abs((journal.incidents[1]?.restoredMs ?? 0) - 2000) <= 150)
  assert.equal(statusOf(journal, 'rto'), 'met')
})

void test('an outage that is open at the end of the load is the worst of all, not the best', () => {
  const record = recordOf(
    [
      [0, { hold: '5s' }],
      [5000, cut('outage')],
      [6000, { hold: '24s' }],
    ],
    regularOperations({ everyMs: 100, endMs: 30_000, out: [[5000, 30_000]] }),
    { objectives: { 'longest-gap': '1s', rto: '8s', 'rto-first-write': '3s' } },
  )
  const journal = measure(record)
  assert.equal(journal.outage.open, true)
  assert.ok((journal.outage.longestMs ?? 0) >= 24_900, `${journal.outage.longestMs}`)
  assert.ok((journal.rto.stillOutMs ?? 0) >= 24_900 && (journal.rto.stillOutMs ?? 0) <= 25_000)
  assert.equal(journal.rto.restoredMs, null)
  for (const name of ['longest-gap', 'rto', 'rto-first-write']) assert.equal(statusOf(journal, name), 'missed', name)
  assert.match(
    journal.objectives.map(({ measured }) => measured).join('; '),
    /still out when the load ended, after 24\.9\d s/,
  )
})

void test('an outage that is still open after less than the demand is unknown, not met and not missed', () => {
  const record = recordOf(
    [
      [0, { hold: '5s' }],
      [5000, cut('outage')],
      [6000, { hold: '9s' }],
    ],
    regularOperations({ everyMs: 100, endMs: 15_000, out: [[5000, 15_000]] }),
    { objectives: { rto: '25s' } },
  )
  assert.equal(statusOf(measure(record), 'rto'), 'unknown')
})

void test('a background fault never sets t0: an order after it does', () => {
  const record = recordOf(
    [
      [0, { hold: '1s' }],
      [1000, cut('condition', { background: true, target: 'region c' })],
      [2000, { hold: '3s' }],
      [5000, { action: { kind: 'switchover', to: 'b' } }],
      [6000, { hold: '14s' }],
    ],
    regularOperations({ everyMs: 100, endMs: 20_000, out: [[5000, 6000]], epochs: [6000] }),
    { objectives: { rto: '900ms' } },
  )
  const journal = measure(record)
  assert.deepEqual(
    journal.incidents.map(({ id }) => id),
    ['switchover'],
  )
  assert.equal(journal.t0?.ns, ns(5000))
  assert.ok(Math.abs((journal.rto.restoredMs ?? 0) - 1000) <= 150)
  assert.equal(statusOf(journal, 'rto'), 'missed')
})

void test('faults of one row are one incident, those of another row another', () => {
  const record = recordOf(
    [
      [0, { hold: '5s' }],
      [5000, { fault: { id: 'store', kind: 'etcd-loss', target: 'etcd.c', background: true } }],
      [5500, cut('one')],
      [6000, cut('two', { target: 'region b' })],
      [7000, { hold: '10s' }],
      [17_000, cut('three', { target: 'region c' })],
      [18_000, { hold: '12s' }],
    ],
    regularOperations({ everyMs: 100, endMs: 30_000 }),
  )
  assert.deepEqual(
    measure(record).incidents.map(({ id }) => id),
    ['one+two', 'three'],
  )
})

void test('service that breaks down without a fault or an order fails the drill, unless the runbook expects it', () => {
  const plan = [
    [0, { hold: '10s' }],
    [10_000, cut('outage')],
    [11_000, { hold: '9s' }],
    [20_000, { heal: 'outage' }],
    [25_000, { hold: '65s' }],
  ] as const
  const operations = regularOperations({
    ...every,
    out: [
      [10_000, 11_000],
      [70_000, 74_000],
    ],
    epochs: [11_000],
  })
  const journal = measure(recordOf(plan, operations, { objectives: { rto: '8s' } }))
  assert.deepEqual(
    journal.incidents.map(({ id, cause }) => [id, cause]),
    [
      ['outage', 'fault'],
      ['unexplained', 'unexplained'],
    ],
  )
  assert.equal(statusOf(journal, 'no unexplained outage'), 'fail')
  assert.equal(journal.rto.incident, 'unexplained')
  assert.ok(Math.abs((journal.rto.restoredMs ?? 0) - 4000) <= 150)
  const expected = measure(recordOf(plan, operations, { objectives: { 'unexplained-incidents': 1 } }))
  assert.equal(statusOf(expected, 'no unexplained outage'), 'pass')
})

void test('service that breaks down while a region comes back is an incident of its own, explained by the heal', () => {
  const record = recordOf(
    [
      [0, { hold: '10s' }],
      [10_000, cut('outage')],
      [11_000, { hold: '9s' }],
      [20_000, { heal: 'outage' }],
      [25_000, { hold: '65s' }],
    ],
    regularOperations({
      ...every,
      out: [
        [10_000, 11_000],
        [23_000, 26_000],
      ],
      epochs: [11_000],
    }),
    { objectives: { rto: '2s' } },
  )
  const journal = measure(record)
  assert.deepEqual(
    journal.incidents.map(({ id }) => id),
    ['outage', 'heal-of-outage'],
  )
  assert.equal(statusOf(journal, 'no unexplained outage'), 'pass')
  assert.equal(statusOf(journal, 'rto'), 'missed')
})

void test('one operation that fails, and a few slow ones, are no outage', () => {
  const spoiled = regularOperations(every).map((each): ClientOperation => {
    if (each.area === 'na' && each.sentMs === 60_000) return { ...each, outcome: 'failed', orderId: null, epoch: null }
    return each.area === 'eu' && each.sentMs > 30_000 && each.sentMs < 31_000
      ? { ...each, doneMs: each.sentMs + 900 }
      : each
  })
  const record = recordOf([[0, { hold: '90s' }]], spoiled)
  assert.equal(statusOf(measure(record), 'no unexplained outage'), 'pass')
})

void test('failures beside a parallel failback are counted, whatever step ends first', () => {
  const record = recordOf(
    [
      [0, { hold: '5s' }],
      [5000, cut('outage')],
      [6000, { hold: '9s' }],
      [15_000, { heal: 'outage' }],
    ],
    regularOperations({
      everyMs: 100,
      endMs: 40_000,
      out: [
        [5000, 6000],
        [22_000, 24_000],
      ],
      epochs: [6000, 24_000],
    }),
  )
  const method = [
    ...record.runbook.method,
    {
      parallel: [
        { action: { kind: 'failback' as const, to: undefined, 'accept-data-loss': false, wait: true } },
        { hold: 500 },
      ],
    },
  ]
  const step = (at: string, toMs: number, action: 'failback' | null) => ({
    at,
    title: at,
    kind: action === null ? 'hold' : 'action',
    fromNs: ns(20_000),
    toNs: ns(toMs),
    failed: null,
    action,
  })
  const beside: DrillRecord = {
    ...record,
    runbook: { ...record.runbook, method, objectives: { 'failback-failed': 0 } },
    steps: [
      ...record.steps,
      step('method[4].parallel[0]', 25_000, 'failback'),
      step('method[4].parallel[1]', 20_500, null),
    ],
  }
  const journal = measure(beside)
  assert.equal(journal.failback.failed, 60)
  assert.equal(statusOf(journal, 'failback-failed'), 'missed')
})

/** A failback at 10 s, region a lost at 20 s; the operation is intended at `intendedMs` and given up `afterMs` later. */
function underWay(intendedMs: number, afterMs: number): Journal {
  const hung = write(intendedMs, intendedMs + afterMs, 2, { outcome: 'unknown' })
  return measure(
    recordOf(
      [
        [0, { hold: '5s' }],
        [5000, { action: { kind: 'switchover', to: 'b' } }],
        [10_000, { action: 'failback' }],
        [12_000, { hold: '8s', expect: { failed: 0 } }],
        [20_000, cut('outage')],
        [25_000, { heal: 'outage' }],
      ],
      [...regularOperations({ everyMs: 100, endMs: 40_000, epochs: [5000, 10_000] }), hung],
      { objectives: { 'failback-failed': 0 } },
    ),
  )
}

void test('what was well under way when an incident began is its own, what hung already before is not', () => {
  const failedOf = (journal: Journal) => journal.incidents.map(({ id, failed }) => `${id} ${failed}`)
  const struck = underWay(19_900, 3000)
  assert.deepEqual(failedOf(struck), ['switchover 0', 'failback 0', 'outage 1'])
  assert.equal(statusOf(struck, 'failback-failed'), 'met')
  assert.ok((struck.incidents[1]?.restoredMs ?? 9999) <= 200, 'the failback was over before the outage began')
  assert.equal(statusOf(struck, 'step 4: failed'), 'met')
  const hung = underWay(19_400, 3000)
  assert.deepEqual(failedOf(hung), ['switchover 0', 'failback 1', 'outage 0'])
  assert.equal(statusOf(hung, 'failback-failed'), 'missed')
  assert.equal(statusOf(hung, 'step 4: failed'), 'missed')
  assert.deepEqual(failedOf(underWay(9950, 400)), ['switchover 0', 'failback 1', 'outage 0'])
})

void test('the worst of two failbacks is told', () => {
  const record = recordOf(
    [
      [0, { hold: '5s' }],
      [5000, { action: { kind: 'switchover', to: 'b' } }],
      [10_000, { action: 'failback' }],
      [20_000, { action: { kind: 'switchover', to: 'b' } }],
      [30_000, { action: 'failback' }],
      [31_000, { hold: '9s' }],
    ],
    regularOperations({ everyMs: 100, endMs: 40_000, out: [[30_000, 32_000]], epochs: [5000, 10_000, 20_000, 32_000] }),
    { objectives: { 'failback-gap': '1s', 'failback-failed': 0 } },
  )
  const journal = measure(record)
  assert.deepEqual(
    journal.incidents.map(({ id }) => id),
    ['switchover', 'failback', 'switchover-2', 'failback-2'],
  )
  assert.equal(journal.failback.failed, 60)
  assert.ok((journal.failback.outageMs ?? 0) >= 2000)
  assert.equal(statusOf(journal, 'failback-gap'), 'missed')
})

void test('an objective whose figure does not exist is not measured, and nothing passes', () => {
  const record = recordOf([[0, { hold: '20s' }]], regularOperations({ everyMs: 100, endMs: 20_000 }), {
    objectives: { rto: '8s', 'failback-gap': '1s' },
  })
  const journal = measure(record)
  assert.deepEqual(
    journal.objectives.map(({ status }) => status),
    ['unknown', 'unknown'],
  )
  assert.match(journal.objectives[0]?.measured ?? '', /^not measured: there was no fault/)
  assert.equal(journal.verdict, 'unknown')
})

void test('a load of reads only has no first write: unknown, not missed', () => {
  const record = recordOf(
    [
      [0, { hold: '5s' }],
      [5000, cut('outage')],
      [6000, { hold: '24s' }],
    ],
    regularOperations({ everyMs: 100, endMs: 30_000, out: [[5000, 6000]], kind: () => 'read' }),
    { objectives: { 'rto-first-write': '3s', rto: '8s' } },
  )
  const journal = measure(record)
  assert.equal(statusOf(journal, 'rto-first-write'), 'unknown')
  assert.equal(statusOf(journal, 'rto'), 'met')
  assert.match(journal.unknown['rto.firstWriteMs'] ?? '', /no write was planned/)
})

void test('what an old primary goes on acking after t0 counts in the window of loss, and so does a later incident', () => {
  const plan = [
    [0, { hold: '10s' }],
    [10_000, cut('one')],
    [11_000, { hold: '29s' }],
    [40_000, cut('two', { target: 'region b' })],
    [41_000, { hold: '40s' }],
  ] as const
  const operations = regularOperations({
    ...every,
    out: [
      [10_000, 11_000],
      [40_000, 41_000],
    ],
    epochs: [11_000, 41_000],
  })
  const late = write(40_500, 43_000, 2, { orderId: 'late', region: 'b' })
  const record = recordOf(plan, [...operations, late], { objectives: { rpo: '1s' } })
  const lost = new Set(
    operations.filter(({ sentMs }) => sentMs >= 33_000 && sentMs < 40_000).map(({ orderId }) => orderId ?? ''),
  )
  lost.add('late')
  const ids = new Set([...(record.finalReads.postgres?.ids ?? [])].filter((id) => !lost.has(id)))
  const journal = measure({ ...record, finalReads: { ...record.finalReads, postgres: { ids, keys: new Set() } } })
  assert.equal(journal.rpo.postgres.lostCount, 211)
  // The oldest was acked at 33.05 s, the newest at 43 s.
  assert.equal(journal.rpo.postgres.windowMs, 43_000 - 33_050)
  assert.equal(statusOf(journal, 'rpo'), 'missed')
  assert.deepEqual(
    journal.incidents.map(({ rpo }) => rpo.postgres.lostCount),
    [0, 211],
  )
})

void test('a fault that ended before its heal fails its check, with both times; one that runs out as planned does not', () => {
  const plan = [
    [0, { hold: '5s' }],
    [5000, cut('cut', { for: '15s' })],
    [6000, { hold: '60s' }],
    [66_000, { heal: 'cut' }],
    [67_000, { hold: '10s' }],
  ] as const
  const early = (record: DrillRecord, by: string): DrillRecord => ({
    ...record,
    faults: record.faults.map((fault) => ({ ...fault, endedNs: ns(20_000), endedBy: by })),
  })
  const record = recordOf(plan, regularOperations({ ...every, out: [[5000, 20_000]] }), { objectives: { rto: '25s' } })
  const journal = measure(early(record, 'its time was over (for: 15s)'))
  assert.equal(statusOf(journal, 'fault in force until its heal'), 'fail')
  assert.match(
    journal.checks.find(({ name }) => name.startsWith('fault in force'))?.reason ?? '',
    /cut ended 20\.00 s into the load \(its time was over.*its heal began 66\.00 s into the load/,
  )
  assert.equal(statusOf(measure(record), 'fault in force until its heal'), 'pass')
  const unhealed = recordOf(
    plan.filter(([, step]) => !('heal' in step)),
    regularOperations(every),
  )
  assert.equal(
    statusOf(measure(early(unhealed, 'its time was over (for: 15s)')), 'fault in force until its heal'),
    'pass',
  )
  assert.equal(statusOf(measure(early(unhealed, 'somebody removed it')), 'fault in force until its heal'), 'fail')
  const unproven = record.faults.map((fault) => ({ ...fault, endedNs: fault.firstNs, endedBy: 'it was not shown' }))
  assert.equal(statusOf(measure({ ...record, faults: unproven }), 'fault in force until its heal'), 'unknown')
  const blind = { ...record, faults: record.faults.map((fault) => ({ ...fault, blindMs: 11_000 })) }
  assert.equal(statusOf(measure(blind), 'fault in force until its heal'), 'unknown')
})

void test('a fault that cannot move the role explains no epoch', () => {
  const taken = { atNs: ns(7000), source: 'controller', site: 'b', kind: 'epoch-taken', epoch: 2, reason: 'x' } as const
  const falseFailovers = (fault: Record<string, unknown>): number | null => {
    const plan = [
      [0, { hold: '5s' }],
      [5000, { fault: { id: 'it', ...fault } }],
      [6000, { hold: '24s' }],
    ] as const
    const record = recordOf(plan, regularOperations({ everyMs: 100, endMs: 30_000 }))
    return measure({ ...record, events: [taken] }).falseFailovers
  }
  assert.equal(falseFailovers({ kind: 'clock-skew', target: 'app.c', by: '+90s' }), 1)
  assert.equal(falseFailovers({ kind: 'redis-empty', target: 'redis.a' }), 1)
  assert.equal(falseFailovers({ kind: 'power-loss', target: 'region c' }), 1)
  assert.equal(falseFailovers({ kind: 'process-kill', target: 'controller.b' }), 1)
  assert.equal(falseFailovers({ kind: 'power-loss', target: 'region a' }), 0)
  assert.equal(falseFailovers({ kind: 'process-kill', target: 'postgres.a' }), 0)
  assert.equal(falseFailovers({ kind: 'process-kill', target: 'controller.b, etcd.c' }), 0)
  assert.equal(falseFailovers({ kind: 'partition', target: 'a -> b' }), 0)
  assert.equal(falseFailovers({ kind: 'link-degrade', target: 'all', loss: 0.1 }), 0)
})

void test('a fault explains epochs for as long as what controllers know of it may be old', () => {
  const plan = [
    [0, { hold: '5s' }],
    [5000, { fault: { id: 'still', kind: 'pause', target: 'app.*' } }],
    [6000, { hold: '4s' }],
    [10_000, { heal: 'still' }],
    [11_000, { hold: '19s' }],
  ] as const
  const record = recordOf(plan, regularOperations({ everyMs: 100, endMs: 30_000 }))
  const [fault] = record.faults
  const healedMs = Number(fault?.healedNs) / 1e6
  const falseFailovers = (afterMs: number): number | null => {
    const atNs = ns(healedMs + afterMs)
    const taken = { atNs, source: 'controller', site: 'b', kind: 'epoch-taken', epoch: 2, reason: 'x' } as const
    return measure({ ...record, events: [taken] }).falseFailovers
  }
  assert.deepEqual([500, 1400, 1600].map(falseFailovers), [0, 0, 1])
})

void test('where every operation is missing, the reason is that, not that none was planned', () => {
  const { unknown } = measure({ ...goodRecord(), operations: [] })
  assert.match(unknown['rto.firstWriteMs'] ?? '', /^not collected: /)
  assert.match(unknown['outage.longestMs'] ?? '', /^not collected: /)
})
