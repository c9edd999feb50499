// A good record passes with the figures it must have; each planted fault is found, and by the right check.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Journal } from '#protocol/journal.ts'
import { journal as journalShape, noPhases } from '#protocol/journal.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import type { ClientOperation } from './history.ts'
import { goodOperations, goodRecord, ns, t0Ms, write } from './histories.ts'
import { measure } from './measure.ts'
import type { DrillRecord } from './record.ts'

function without<Value>(set: ReadonlySet<Value>, value: Value): Set<Value> {
  return new Set([...set].filter((each) => each !== value))
}

function statusOf(journal: Journal, name: string): string | undefined {
  return (
    journal.checks.find((each) => each.name === name)?.status ??
    journal.objectives.find((each) => each.name === name)?.status
  )
}

const lostId = 'eu-30'

void test('a good record passes, and its figures are exact', () => {
  const journal = measure(goodRecord())
  assert.equal(journal.verdict, 'pass', JSON.stringify([journal.objectives, journal.checks], null, 1))
  assert.equal(journal.exitCode, 0)
  assert.equal(journal.rto.firstWriteMs, 1050)
  assert.equal(journal.rto.restoredMs, 1050)
  assert.deepEqual(journal.rto.phases, {
    detectMs: 300,
    decideMs: 100,
    fenceMs: 200,
    promoteMs: 300,
    steerMs: 150,
    recoverMs: 0,
  })
  assert.deepEqual(journal.rpo.postgres, { lostCount: 0, windowMs: 0 })
  assert.deepEqual(journal.rpo.objects, { lostCount: null, windowMs: null })
  assert.deepEqual(journal.splitBrain, { count: 0, ms: 0 })
  assert.deepEqual(journal.failback, {
    outageMs: 100,
    failed: 0,
    phases: { ...noPhases, decideMs: 50, fenceMs: 15, promoteMs: 15, steerMs: 70 },
  })
  assert.equal(journal.outage.longestMs, 1100)
  assert.deepEqual(journal.requests, { ok: 870, failed: 0, unknown: 30 })
  assert.deepEqual(
    journal.epochs.map((each) => [each.epoch, each.cause]),
    [
      [1, 'before'],
      [2, 'fault'],
      [3, 'ordered'],
    ],
  )
  assert.deepEqual(journalShape.parse(JSON.parse(JSON.stringify(journal))), journal)
})

void test('service is not restored before a first write is acked, in no area, and phases add up to restored', () => {
  // The first good window begins with intended sends; here its first write takes 450 ms to be acked.
  const tookMs = new Map(
    [1000, 1100, 1200, 1300, 1400].map((afterMs) => [t0Ms + afterMs, Math.max(300, 1450 - afterMs)]),
  )
  const slow = goodOperations().map((each) => {
    const took = each.area === 'eu' ? tookMs.get(each.sentMs) : undefined
    return took === undefined ? each : { ...each, doneMs: each.sentMs + took }
  })
  const { rto } = measure(goodRecord(slow))
  assert.deepEqual(rto.areas.eu, { firstWriteMs: 1450, restoredMs: 1450, resolutionMs: 550, stillOutMs: null })
  for (const area of Object.values(rto.areas)) assert.ok((area.restoredMs ?? 0) >= (area.firstWriteMs ?? Infinity))
  assert.equal(rto.restoredMs, 1450)
  const sum = Object.values(rto.phases).reduce<number>((total, each) => total + (each ?? 0), 0)
  assert.ok(Math.abs(sum - 1450) < 1e-6, `${sum}`)
})

void test('reads that are answered do not make a service restored in which no write is acked', () => {
  const operations = goodOperations().map((each): ClientOperation => {
    const reads = each.area === 'ap' && each.sentMs >= t0Ms && each.sentMs < 22_000
    return reads ? { ...each, kind: 'read', outcome: 'ok', orderId: null } : each
  })
  const lastWrite = { ...write(t0Ms + 4000, t0Ms + 4100, 2), area: 'ap' as const, orderId: 'ap-late' }
  const { rto } = measure(goodRecord([...operations, lastWrite]))
  assert.deepEqual(rto.areas.ap, { firstWriteMs: 4100, restoredMs: 4100, resolutionMs: 4100, stillOutMs: null })
})

void test('an acked write that is gone from Postgres is found, and named', () => {
  const good = goodRecord()
  const postgres = good.finalReads.postgres
  assert.ok(postgres)
  const spoiled: DrillRecord = {
    ...good,
    finalReads: { ...good.finalReads, postgres: { ...postgres, ids: without(postgres.ids, lostId) } },
  }
  const journal = measure(spoiled)
  assert.equal(journal.verdict, 'fail')
  assert.deepEqual(journal.rpo.postgres, { lostCount: 1, windowMs: t0Ms - 3050 })
  assert.deepEqual(journal.lost.postgres, [lostId])
  assert.equal(statusOf(journal, 'acked writes survive'), 'fail')
  assert.equal(statusOf(journal, 'rpo'), 'missed')
})

void test('an unknown write that is absent is no loss', () => {
  const unknown = goodOperations().filter((each) => each.outcome === 'unknown')
  assert.ok(unknown.length > 0)
  assert.equal(measure(goodRecord()).rpo.postgres.lostCount, 0)
})

void test('a missing event and a missing projection are found in the one region that lacks them', () => {
  const good = goodRecord()
  const kafka = good.finalReads.kafka?.get('c')
  const redis = good.finalReads.redis?.get('b')
  assert.ok(kafka && redis && good.finalReads.kafka && good.finalReads.redis)
  const journal = measure({
    ...good,
    finalReads: {
      ...good.finalReads,
      kafka: new Map([...good.finalReads.kafka, ['c', { ...kafka, orderIds: without(kafka.orderIds, lostId) }]]),
      redis: new Map([...good.finalReads.redis, ['b', { ...redis, orderIds: without(redis.orderIds, lostId) }]]),
    },
  })
  assert.equal(journal.rpo.kafka.lostCount, 1)
  assert.equal(journal.rpo.redis.lostCount, 1)
  assert.deepEqual(journal.lost.kafka, [{ region: 'c', orderId: lostId }])
  assert.deepEqual(journal.lost.redis, [{ region: 'b', orderId: lostId }])
  assert.equal(journal.verdict, 'fail')
})

void test('a write sent after the first ack of epoch 2 and acked under epoch 1 is split brain', () => {
  const planted = write(t0Ms + 3000, t0Ms + 3050, 1, { orderId: 'planted', region: 'a' })
  const journal = measure(goodRecord([...goodOperations(), planted]))
  assert.equal(journal.splitBrain.count, 1)
  assert.equal(statusOf(journal, 'no split brain'), 'fail')
  assert.equal(journal.verdict, 'fail')
})

void test('a late ack of a write sent before is no split brain', () => {
  const late = write(t0Ms - 10, t0Ms + 9000, 1, { orderId: 'late', region: 'a' })
  assert.equal(measure(goodRecord([...goodOperations(), late])).splitBrain.count, 0)
})

void test('two regions that ack in one epoch are found', () => {
  const planted = write(t0Ms + 3000, t0Ms + 3050, 2, { orderId: 'planted', region: 'c' })
  const journal = measure(goodRecord([...goodOperations(), planted]))
  assert.equal(statusOf(journal, 'one region per epoch'), 'fail')
  assert.equal(journal.verdict, 'fail')
})

void test('an event applied twice is found; one delivered twice is only counted', () => {
  const good = goodRecord()
  const kafka = good.finalReads.kafka?.get('a')
  const redis = good.finalReads.redis?.get('a')
  assert.ok(kafka && redis && good.finalReads.kafka && good.finalReads.redis)
  const twice = [...kafka.eventIds, kafka.eventIds[0] ?? '']
  const delivered = measure({
    ...good,
    finalReads: {
      ...good.finalReads,
      kafka: new Map([...good.finalReads.kafka, ['a', { ...kafka, eventIds: twice }]]),
    },
  })
  assert.deepEqual(delivered.duplicates, { delivered: 1, appliedTwice: 0 })
  assert.equal(delivered.verdict, 'pass')
  const applied = { ...redis.applied, count: redis.applied?.count ?? 0, distinct: (redis.applied?.distinct ?? 0) - 1 }
  const journal = measure({
    ...good,
    finalReads: { ...good.finalReads, redis: new Map([...good.finalReads.redis, ['a', { ...redis, applied }]]) },
  })
  assert.equal(journal.duplicates.appliedTwice, 1)
  assert.equal(statusOf(journal, 'events applied once'), 'fail')
})

void test('a refused write that is in the table is a lie and is found', () => {
  const refused: ClientOperation = {
    ...write(1000, 1010, 1, { orderId: 'refused' }),
    outcome: 'failed',
    status: 503,
    orderId: null,
    epoch: null,
  }
  const good = goodRecord([...goodOperations(), refused])
  const postgres = good.finalReads.postgres
  assert.ok(postgres)
  assert.equal(statusOf(measure(good), 'refused writes stay away'), 'pass')
  const keys = new Set([...postgres.keys, refused.key])
  const journal = measure({ ...good, finalReads: { ...good.finalReads, postgres: { ...postgres, keys } } })
  assert.equal(statusOf(journal, 'refused writes stay away'), 'fail')
})

void test('an epoch that neither a fault nor an order explains is a false failover', () => {
  const good = goodRecord()
  const stray = { atNs: ns(2000), source: 'controller', site: 'c', kind: 'epoch-taken', epoch: 9, reason: 'x' } as const
  const journal = measure({ ...good, events: [stray, ...good.events] })
  assert.equal(journal.falseFailovers, 1)
  assert.equal(journal.verdict, 'fail')
})

void test('an epoch whose compare-and-swap outlasts the fault is explained by it, if the suspicion behind it arose under it', () => {
  const good = goodRecord()
  const healedMs = t0Ms + 2000
  const faults = good.faults.map((fault) => ({ ...fault, healedNs: ns(healedMs) }))
  const of = (kind: string, atMs: number, epoch: number) =>
    ({ atNs: ns(atMs), source: 'controller', site: 'c', kind, epoch, reason: kind }) as const
  const falseFailovers = (...events: readonly TimelineEvent[]): number | null =>
    measure({ ...good, faults, events: [...events, ...good.events.slice(4)] }).falseFailovers
  const arisen = of('suspect', healedMs - 100, 2)
  const taken = of('epoch-taken', healedMs + 2600, 2)
  assert.equal(falseFailovers(arisen, taken), 0)
  assert.equal(falseFailovers(arisen, of('suspicion-ended', healedMs + 100, 2), taken), 1)
  assert.equal(falseFailovers(of('suspect', healedMs + 1600, 2), taken), 1)
})

void test('an epoch taken because an order left one behind that nobody holds is explained by the order', () => {
  const good = goodRecord()
  const order = good.steps.find((each) => each.action !== null)
  assert.ok(order)
  const answeredMs = Number(BigInt(order.toNs) / 1_000_000n)
  const of = (kind: string, atMs: number, epoch: number, rule = 'orphan') =>
    ({ atNs: ns(atMs), source: 'controller', site: 'c', kind, epoch, reason: kind, detail: { rule } }) as const
  const falseFailovers = (rule: string): number | null => {
    const orphan = of('suspect', answeredMs + 300, 8, rule)
    const events = [of('attempt-ended', answeredMs - 10, 8), orphan, of('epoch-taken', answeredMs + 900, 9)]
    const faults = good.faults.map((fault) => ({ ...fault, healedNs: ns(answeredMs - 2000) }))
    return measure({ ...good, faults, events: [...good.events, ...events] }).falseFailovers
  }
  assert.equal(falseFailovers('orphan'), 0)
  assert.equal(falseFailovers('region-silent'), 1)
})

void test('a background fault explains no failover', () => {
  const good = goodRecord()
  const faults = good.faults.map((fault) => ({ ...fault, background: true }))
  assert.equal(measure({ ...good, faults }).falseFailovers, 1)
})

void test('what was not read is null and makes the verdict unknown, never a pass and never zero', () => {
  const good = goodRecord()
  const finalReads = { postgres: null, kafka: null, redis: null }
  const journal = measure({ ...good, finalReads, interruption: 'SIGINT' })
  assert.deepEqual(journal.rpo.postgres, { lostCount: null, windowMs: null })
  assert.deepEqual(journal.duplicates, { delivered: null, appliedTwice: null })
  assert.equal(journal.verdict, 'unknown')
  assert.equal(journal.exitCode, 2)
})

void test('without load nothing is measured, and nothing passes', () => {
  const journal = measure(goodRecord([]))
  assert.equal(journal.splitBrain.count, null)
  assert.equal(journal.rpo.postgres.lostCount, null)
  assert.equal(journal.rto.firstWriteMs, null)
  assert.equal(journal.verdict === 'pass', false)
})

void test('service that never comes back misses its objectives; it is not unknown', () => {
  const operations = goodOperations().map((each): ClientOperation =>
    each.sentMs < t0Ms ? each : { ...each, outcome: 'failed', status: 503, orderId: null, epoch: null },
  )
  const journal = measure(goodRecord(operations))
  assert.equal(statusOf(journal, 'rto'), 'missed')
  assert.equal(journal.verdict, 'fail')
})

void test('a failure during the failback is counted and misses the objective', () => {
  const failed: ClientOperation = { ...write(22_500, 22_600, 3), outcome: 'failed', orderId: null, epoch: null }
  const journal = measure(goodRecord([...goodOperations(), failed]))
  assert.equal(journal.failback.failed, 1)
  assert.equal(statusOf(journal, 'failback-failed'), 'missed')
})

void test('an expected loss that is not found fails; a found one within the bound passes', () => {
  const good = goodRecord()
  const postgres = good.finalReads.postgres
  assert.ok(postgres)
  const runbook: DrillRecord['runbook'] = {
    ...good.runbook,
    topology: { ...good.runbook.topology, commit: 'async' },
    objectives: { rpo: 5000, 'lost-writes': 1 },
  }
  const notFound = measure({ ...good, runbook })
  assert.equal(statusOf(notFound, 'lost-writes'), 'missed')
  assert.equal(notFound.verdict, 'fail')
  const lossy = { ...postgres, ids: without(postgres.ids, lostId) }
  assert.equal(measure({ ...good, runbook, finalReads: { ...good.finalReads, postgres: lossy } }).verdict, 'pass')
  const tight = { ...runbook, objectives: { rpo: 1000 } }
  const journal = measure({ ...good, runbook: tight, finalReads: { ...good.finalReads, postgres: lossy } })
  assert.equal(statusOf(journal, 'rpo'), 'missed')
})

void test('reads of an order that is lost are loss, not outage; reads of another that is not found are', () => {
  const good = goodRecord()
  const postgres = good.finalReads.postgres
  assert.ok(postgres)
  const notFound = (key: string): ClientOperation[] =>
    [8000, 12_000, 16_000, 22_500].map((atMs) => ({
      ...write(atMs, atMs + 20, 2, { area: 'eu' }),
      kind: 'read',
      key,
      outcome: 'failed',
      status: 404,
      orderId: null,
      epoch: null,
    }))
  const lossy = { ...good.finalReads, postgres: { ...postgres, ids: without(postgres.ids, lostId) } }
  const of = (key: string): Journal =>
    measure({ ...goodRecord([...goodOperations(), ...notFound(key)]), finalReads: lossy })
  assert.equal(of(lostId).rto.restoredMs, 1050)
  assert.equal(of(lostId).failback.failed, 0)
  assert.equal(of('eu-31').rto.restoredMs, 11_050)
  assert.equal(of('eu-31').failback.failed, 1)
})

void test('an interrupted drill is unknown, unless something failed', () => {
  assert.equal(measure({ ...goodRecord(), interruption: 'interrupted' }).verdict, 'unknown')
})

/** The good record with its outage's hold (third step, 6 s to 20 s) expecting something. */
function expecting(
  expect: DrillRecord['runbook']['method'][number]['expect'],
  operations?: readonly ClientOperation[],
): DrillRecord {
  const good = goodRecord(operations)
  const method = good.runbook.method.map((step, index) => (index === 2 ? { ...step, expect } : step))
  return { ...good, runbook: { ...good.runbook, method } }
}

void test('a hold that expects no failure counts from the fault right before it, and waits for what hangs when it ends', () => {
  assert.equal(statusOf(measure(expecting({ failed: 30 })), 'step 3: failed'), 'met')
  const journal = measure(expecting({ failed: 29 }))
  assert.equal(statusOf(journal, 'step 3: failed'), 'missed')
  assert.equal(journal.verdict, 'fail')
  const hanging: ClientOperation = { ...write(19_500, 22_500, 2), outcome: 'unknown', orderId: null, epoch: null }
  const late = measure(expecting({ failed: 30 }, [...goodOperations(), hanging]))
  assert.equal(statusOf(late, 'step 3: failed'), 'missed')
})

void test('a hold that expects no ack counts writes that were sent and acked in it', () => {
  const silent = goodOperations().map((each): ClientOperation =>
    each.sentMs < t0Ms || each.sentMs > 20_000
      ? each
      : { ...each, outcome: 'failed', status: 503, orderId: null, epoch: null },
  )
  const onItsWay = write(t0Ms + 900, t0Ms + 1200, 1, { orderId: 'on-its-way' })
  assert.equal(statusOf(measure(expecting({ acked: 0 }, [...silent, onItsWay])), 'step 3: acked'), 'met')
  const planted = write(t0Ms + 3000, t0Ms + 3050, 1, { orderId: 'planted' })
  assert.equal(statusOf(measure(expecting({ acked: 0 }, [...silent, planted])), 'step 3: acked'), 'missed')
})

void test('an expectation of a hold that the drill did not reach, or in which nothing was asked, is unknown', () => {
  const record = expecting({ failed: 0, acked: 0 })
  const early = measure({ ...record, steps: record.steps.slice(0, 2), interruption: 'interrupted' })
  assert.equal(statusOf(early, 'step 3: failed'), 'unknown')
  const nothing = measure(expecting({ failed: 0 }, []))
  assert.equal(statusOf(nothing, 'step 3: failed'), 'unknown')
})

void test('neither a heal of a background fault nor one of its own ends an outage that outlasts it', () => {
  const good = goodRecord()
  const aside = { ...good.faults[0]!, id: 'control', background: true }
  const heal = { ...good.steps[3]!, fromNs: ns(t0Ms + 500), toNs: ns(t0Ms + 600) }
  const method = [...good.runbook.method]
  const healed: DrillRecord = {
    ...good,
    faults: [aside, ...good.faults],
    runbook: { ...good.runbook, method: method.toSpliced(2, 0, { heal: 'control' }) },
    steps: good.steps.toSpliced(2, 0, heal).map((step, index) => ({ ...step, at: `method[${index}]` })),
  }
  assert.equal(measure(healed).rto.firstWriteMs, 1050)
  const foreground = { ...healed, faults: healed.faults.map((fault) => ({ ...fault, background: false })) }
  assert.equal(measure(foreground).rto.firstWriteMs, 1050)
})

void test('the phases are all known or none is, and a suspicion of a later fault is not this one’s', () => {
  const good = goodRecord()
  const without = (kind: string): DrillRecord => ({
    ...good,
    events: good.events.filter((each) => each.kind !== kind || each.epoch === 3),
  })
  for (const [kind, words] of [
    ['suspect', /suspected the primary/],
    ['fenced', /fenced the primary before/],
    ['promoted', /promoted the new one/],
  ] as const) {
    const journal = measure(without(kind))
    assert.deepEqual(journal.rto.phases, noPhases)
    assert.match(journal.unknown['rto.phases'] ?? '', words)
  }
  const late = {
    atNs: ns(t0Ms + 9000),
    source: 'controller',
    site: 'b',
    kind: 'suspect',
    epoch: 1,
    reason: 'x',
  } as const
  const journal = measure({ ...without('suspect'), events: [...without('suspect').events, late] })
  assert.deepEqual(journal.rto.phases, noPhases)
})

void test('an epoch that clients were acked under, and that nobody is known to have taken, may be a false failover', () => {
  const good = goodRecord()
  const events = good.events.filter((each) => each.kind !== 'epoch-taken')
  const journal = measure({ ...good, events })
  assert.equal(journal.falseFailovers, null)
  assert.match(journal.unknown['falseFailovers'] ?? '', /acked under epoch 2, 3, and no event says who took it/)
  assert.equal(statusOf(journal, 'no false failover'), 'unknown')
  assert.equal(journal.verdict, 'unknown')
})

void test('what a region holds that was not read is unknown, and the check fails whatever the drill said', () => {
  const good = goodRecord()
  const name = 'every store was read'
  const checks = [...good.checks, { name, status: 'pass' as const, reason: 'every region' }]
  const withoutB = <Value>(of: ReadonlyMap<'a' | 'b' | 'c', Value> | null) =>
    new Map([...(of ?? [])].filter(([region]) => region !== 'b'))
  const { kafka, redis } = good.finalReads
  const unread = { ...good.finalReads, kafka: withoutB(kafka), redis: withoutB(redis) }
  const journal = measure({ ...good, checks, finalReads: unread })
  assert.deepEqual([journal.rpo.kafka.lostCount, journal.rpo.redis.lostCount], [null, null])
  assert.match(journal.unknown['rpo.kafka.lostCount'] ?? '', /Kafka of b was not read/)
  assert.deepEqual(journal.duplicates, { delivered: null, appliedTwice: null })
  assert.equal(statusOf(journal, name), 'fail')
  assert.equal(statusOf(measure({ ...good, checks }), name), 'pass')
  assert.equal(statusOf(measure({ ...good, checks, interruption: 'SIGINT', finalReads: unread }), name), 'unknown')
  const none = measure({ ...good, checks, finalReads: { ...good.finalReads, kafka: new Map() } })
  assert.equal(none.rpo.kafka.lostCount, null)
})

void test('a check that the record should have and has not is unknown, unless the drill was interrupted', () => {
  const good = goodRecord()
  for (const { name } of good.checks) {
    const checks = good.checks.filter((each) => each.name !== name)
    assert.equal(statusOf(measure({ ...good, checks }), name), 'unknown')
    assert.equal(statusOf(measure({ ...good, checks, interruption: 'SIGINT' }), name), undefined)
  }
})

void test('a fault that the method heals, and of which no heal is recorded, was in force for nobody knows how long', () => {
  const good = goodRecord()
  const faults = good.faults.map((fault) => ({ ...fault, healBeganNs: null, healedNs: null }))
  assert.equal(statusOf(measure({ ...good, faults }), 'fault in force until its heal'), 'unknown')
})

void test('an order that came when the load was over is no incident', () => {
  const good = goodRecord()
  const load = good.load && { ...good.load, toNs: BigInt(ns(21_000)) }
  const areas = Object.fromEntries(
    Object.entries(good.load?.areas ?? {}).map(([area, word]) => [
      area,
      {
        ...word,
        planned: good.operations.filter((each) => each.area === area && BigInt(each.intendedNs) < (load?.toNs ?? 0n))
          .length,
      },
    ]),
  )
  const operations = good.operations.filter((each) => BigInt(each.intendedNs) < (load?.toNs ?? 0n))
  const journal = measure({ ...good, load: load && { ...load, areas }, operations })
  assert.deepEqual(
    journal.incidents.map(({ id }) => id),
    ['outage'],
  )
})
