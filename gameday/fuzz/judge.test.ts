// Each planted fault in what a drill left is a violation; what is only not known is none, and slowness alone is told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Journal } from '#protocol/journal.ts'
import { goodOperations, goodRecord, ns, write } from '../measure/histories.ts'
import { measure } from '../measure/measure.ts'
import type { DrillRecord, FinalReads } from '../measure/record.ts'
import { coverageOf, renderCoverage } from './coverage.ts'
import { drawRun, type Drawn } from './draw.ts'
import { highestEpochOf, judge, longestRunMs } from './judge.ts'
import type { FuzzRun } from './run-fuzz.ts'
import { describeRun, summaryOf } from './words.ts'

/** As a fuzzed drill demands it: nothing but that nothing acked is lost. */
function fuzzed(change: Partial<DrillRecord> = {}): DrillRecord {
  const record = goodRecord()
  return { ...record, runbook: { ...record.runbook, objectives: { rpo: 0 } }, ...change }
}

function violationsOf(record: DrillRecord, epochKnown: number | null = null): readonly string[] {
  return judge(measure(record), 20_000, epochKnown).violations
}

function readsWithout(lost: string): FinalReads {
  const { postgres, ...others } = goodRecord().finalReads
  const ids = new Set(postgres?.ids)
  ids.delete(lost)
  return { ...others, postgres: { ids, keys: postgres?.keys ?? new Set() } }
}

void test('a good drill has no violation and nothing unknown', () => {
  assert.deepEqual(judge(measure(fuzzed()), 20_000, 1), { violations: [], unknown: [] })
})

void test('an acked write that is gone is a violation', () => {
  const violations = violationsOf(fuzzed({ finalReads: readsWithout('eu-30') }))
  assert.deepEqual(violations, [
    'rpo: postgres 1 lost, 1.95 s, kafka 0, redis 0',
    'acked writes survive: acked writes that are gone: 1',
  ])
})

void test('an event that is in no Kafka, or was applied twice, is a violation', () => {
  const { finalReads } = goodRecord()
  const poor = new Map(finalReads.kafka)
  const all = poor.get('b')
  poor.set('b', { orderIds: new Set([...(all?.orderIds ?? [])].slice(1)), eventIds: all?.eventIds ?? [] })
  assert.match(violationsOf(fuzzed({ finalReads: { ...finalReads, kafka: poor } })).join(), /rpo: .*kafka 1 lost/)
  const twice = new Map(finalReads.redis)
  twice.set('c', { orderIds: all?.orderIds ?? new Set(), applied: { count: 8, distinct: 7 } })
  assert.match(
    violationsOf(fuzzed({ finalReads: { ...finalReads, redis: twice } })).join(),
    /events applied once: events applied twice: 1/,
  )
})

void test('a write acked under an epoch that is over is a violation', () => {
  const late = write(8000, 8050, 1, { area: 'eu', region: 'a' })
  const violations = violationsOf({ ...fuzzed(), ...measured([...goodOperations(), late]) })
  assert.match(violations.join(), /no split brain: writes acked under an epoch that was over: 1/)
})

function measured(operations: ReturnType<typeof goodOperations>): Pick<DrillRecord, 'operations' | 'finalReads'> {
  const { operations: kept, finalReads } = goodRecord(operations)
  return { operations: kept, finalReads }
}

void test('an epoch that nothing explains, or that is lower than one of an earlier run, is a violation', () => {
  assert.match(violationsOf(fuzzed({ faults: [] })).join(), /no false failover: .*: 1/)
  assert.match(violationsOf(fuzzed(), 9).join(), /epochs grow: 9 was seen before, and now the world is in epoch 1/)
  assert.equal(highestEpochOf(measure(fuzzed())), 3)
})

function failedAt(kind: string, title: string): Pick<DrillRecord, 'steps' | 'interruption'> {
  const step = {
    at: 'method[6]',
    title,
    kind,
    fromNs: ns(20_000),
    toNs: ns(30_000),
    failed: 'not within 40 s',
    action: null,
  }
  return { steps: [...goodRecord().steps, step], interruption: `${title}: not within 40 s` }
}

void test('service that does not return, and a fault that does not heal, are violations and not merely unknown', () => {
  for (const [kind, title] of [
    ['wait-for', 'Wait for steady'],
    ['heal', 'Heal f1'],
  ] as const) {
    const seen = judge(measure(fuzzed(failedAt(kind, title))), 20_000, null)
    assert.deepEqual(seen, { violations: [`${title}: not within 40 s`], unknown: [] })
  }
})

void test('a fault that could not be shown to have taken effect leaves its run unknown', () => {
  const seen = judge(measure(fuzzed(failedAt('fault', 'Fault: freeze of region a'))), 20_000, null)
  assert.deepEqual(seen.violations, [])
  assert.match(seen.unknown.join(), /drill complete: Fault: freeze of region a/)
})

void test('an order that was refused is no violation', () => {
  const order = { kind: 'action', fromNs: ns(9000), toNs: ns(9500), failed: 'refused', action: 'failover' } as const
  const steps = [...goodRecord().steps, { at: 'method[6]', title: 'Order a failover, not waiting', ...order }]
  const seen = judge(measure(fuzzed({ steps })), 20_000, null)
  assert.deepEqual(seen, { violations: [], unknown: [] })
})

void test('a store that was not read, and a run that took too long, are told as unknown', () => {
  const unread = { ...goodRecord().finalReads, kafka: null }
  assert.match(
    judge(measure(fuzzed({ finalReads: unread })), 20_000, null).unknown.join(),
    /kafka unknown \(Kafka of a, b, c was not read\)/,
  )
  assert.deepEqual(judge(measure(fuzzed()), longestRunMs + 1, null), {
    violations: [],
    unknown: ['took 60.0 s, at most 60 s are allowed'],
  })
})

function endedRun(drawn: Drawn, journal: Journal, more: Partial<FuzzRun> = {}): FuzzRun {
  const nothing = { violations: [], unknown: [] }
  return { run: 1, drawn, journal, verdict: 'pass', tookMs: 20_000, folder: null, ...nothing, ...more }
}

void test('a run is one line that says what was done; a violation adds its own and the folder', () => {
  const drawn = drawRun({ seed: 1, run: 1, commit: 'quorum', home: 'a' })
  const passed = describeRun(endedRun(drawn, measure(fuzzed())))
  assert.equal(passed.length, 1)
  assert.match(passed[0] ?? '', /^run 1: pass in 20\.0s, epochs 1a 2b 3a, 870 ok 0 failed 30 unknown: /)
  const failed = endedRun(drawn, measure(fuzzed()), {
    verdict: 'fail',
    violations: ['rpo: 1 lost'],
    folder: 'drills/x',
  })
  assert.deepEqual(describeRun(failed).slice(1), ['  violation  rpo: 1 lost', '  files      drills/x'])
  assert.deepEqual(summaryOf([endedRun(drawn, measure(fuzzed())), failed], 3, 61_000), [
    '2 of 3 runs in 1 min 1 s, the longest 20.0s (at most 60.0s): 1 with violations, 0 unknown',
    'violation: run 1, drills/x',
  ])
})

void test('coverage counts kinds, pairs that lasted together, and orders amid faults', () => {
  const draws = Array.from({ length: 40 }, (_, index) =>
    drawRun({ seed: 3, run: index + 1, commit: 'quorum', home: 'a' }),
  )
  const coverage = coverageOf(draws)
  const faults = draws.flatMap((each) => each.faults)
  assert.equal(
    Object.values(coverage.drawn).reduce((sum, each) => sum + each, 0),
    faults.length,
  )
  assert.ok(Object.values(coverage.metOrder).every((each) => each > 0))
  assert.ok(coverage.together.size > 10)
  assert.match(renderCoverage(coverage), /of 21 pairs of kinds lasted together$/)
})
