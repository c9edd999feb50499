// Service that has been back for 30 s is back for good: what happens later is no part of the outage.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Journal } from '#protocol/journal.ts'
import { incidentRows } from '../report/incident-rows.ts'
import { recordOf, regularOperations } from './histories.ts'
import type { ClientOperation } from './history.ts'
import { measure } from './measure.ts'

const cut = { fault: { id: 'cut', kind: 'partition', target: 'region a' } }
const hypothesis = { objectives: { rto: '8s' } }
const endMs = 200_000

/** A long load; the cut at 10 s is healed at `healMs`, if at all. */
function drill(operations: readonly ClientOperation[], healMs: number | null): Journal {
  const heal = healMs === null ? [] : [[healMs, { heal: 'cut' }] as const]
  return measure(
    recordOf([[0, { hold: '10s' }], [10_000, cut], [11_000, { hold: '180s' }], ...heal], operations, hypothesis),
  )
}

function slowIn(operations: readonly ClientOperation[], fromMs: number, toMs: number): readonly ClientOperation[] {
  return operations.map((each) =>
    each.intendedMs >= fromMs && each.intendedMs < toMs ? { ...each, doneMs: each.intendedMs + 900 } : each,
  )
}

const outage = { everyMs: 100, endMs, out: [[10_000, 12_000]] as [number, number][], epochs: [12_000] }
const near = (found: number | null | undefined, expected: number, within = 200): void =>
  assert.ok(Math.abs((found ?? Number.NaN) - expected) <= within, `${found}, expected ${expected}`)

void test('a slow second long after it does not make the outage longer, and is none of its own', () => {
  const { incidents, objectives, checks } = drill(slowIn(regularOperations(outage), 150_000, 151_000), null)
  assert.deepEqual(
    incidents.map(({ id }) => id),
    ['cut'],
  )
  near(incidents[0]?.restoredMs, 2000)
  near(incidents[0]?.longestGapMs, 2100)
  assert.equal(objectives.find(({ name }) => name === 'rto')?.status, 'met')
  assert.equal(checks.find(({ name }) => name === 'no unexplained outage')?.status, 'pass')
})

void test('what breaks down within 30 s of its return is the same outage', () => {
  const { incidents } = drill(slowIn(regularOperations(outage), 40_000, 40_500), null)
  near(incidents[0]?.restoredMs, 30_450)
  assert.equal(incidents.length, 1)
})

void test('a later outage while the fault is in force is an incident of its own, which the fault explains', () => {
  const twice = regularOperations({
    ...outage,
    out: [
      [10_000, 12_000],
      [100_000, 104_000],
    ],
    epochs: [12_000, 104_000],
  })
  const journal = drill(twice, null)
  assert.deepEqual(
    journal.incidents.map(({ id, cause }) => [id, cause]),
    [
      ['cut', 'fault'],
      ['during-cut', 'during'],
    ],
  )
  const [first, second] = journal.incidents
  near(first?.restoredMs, 2000)
  // The epoch that ended the second outage says nothing of the first one.
  near(first?.firstWriteMs, 2000)
  near(second?.restoredMs, 4000)
  near(second?.firstWriteMs, 4000)
  assert.equal(journal.rto.incident, 'during-cut')
  assert.equal(journal.checks.find(({ name }) => name === 'no unexplained outage')?.status, 'pass')
  // Once the fault has long been healed, nothing explains it.
  const healed = drill(twice, 50_000)
  assert.deepEqual(
    healed.incidents.map(({ cause }) => cause),
    ['fault', 'unexplained'],
  )
})

void test('two breakdowns far from each other are two incidents', () => {
  const { incidents } = drill(
    regularOperations({
      ...outage,
      out: [
        [10_000, 12_000],
        [80_000, 83_000],
        [130_000, 135_000],
      ],
    }),
    null,
  )
  assert.deepEqual(
    incidents.map(({ id }) => id),
    ['cut', 'during-cut', 'during-cut-2'],
  )
  near(incidents[1]?.restoredMs, 3000)
  near(incidents[2]?.restoredMs, 5000)
})

void test('windows that are good while no write is acked are no return of service', () => {
  // Half of the operations are reads and go on; a hypothesis of 40 % is met by them alone.
  const operations = regularOperations({ ...outage, out: [], epochs: [55_000] }).map((each, index): ClientOperation => {
    const isRead = index % 2 === 0
    if (isRead) return { ...each, kind: 'read' as const, epoch: null }
    const isOut = each.intendedMs >= 10_000 && each.intendedMs < 55_000
    return isOut ? { ...each, outcome: 'failed' as const, orderId: null, epoch: null } : each
  })
  const record = recordOf(
    [
      [0, { hold: '10s' }],
      [10_000, cut],
      [11_000, { hold: '180s' }],
    ],
    operations,
    hypothesis,
  )
  const lenient = { ...record.runbook, 'steady-state-hypothesis': { 'success-rate': 0.4, p99: 500 } }
  const { incidents } = measure({ ...record, runbook: lenient })
  near(incidents[0]?.firstWriteMs, 45_000)
  near(incidents[0]?.restoredMs, 45_000)
})

void test('a gap that is open when the load ends is told as open in its incident too', () => {
  const { incidents } = drill(regularOperations({ ...outage, out: [[199_000, 200_000]], epochs: [] }), null)
  const last = incidents.at(-1)
  assert.equal(last?.longestGapOpen, true)
  assert.equal(
    incidentRows(drill(regularOperations({ ...outage, out: [[10_000, 200_000]] }), null))[0]?.gap.text,
    '190.05 s, still open',
  )
})
