// A record whose operations are not those of its seed is told, area by area.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { arrivals } from '#runtime/arrivals.ts'
import { planFor } from '../load.ts'
import { goodRecord, write } from '../measure/histories.ts'
import type { DrillRecord } from '../measure/record.ts'
import { notAsDrawn } from './not-as-drawn.ts'

/** Ten seconds of na, as the seed draws them. */
function drawnRecord(): DrillRecord {
  const good = goodRecord([])
  const runbook = { ...good.runbook, load: { ...good.runbook.load, from: ['na' as const] } }
  const [fromNs, toNs] = [5_000_000_000n, 15_000_000_000n]
  const template = goodRecord([write(0, 50, 1)]).operations[0]
  assert.ok(template)
  const operations = []
  for (const { seq, offsetNs, kind } of arrivals(planFor(runbook, good.drill, good.seed, fromNs), 'na')) {
    if (fromNs + offsetNs >= toNs) break
    operations.push({ ...template, area: 'na' as const, seq, kind, intendedNs: `${fromNs + offsetNs}` })
  }
  const areas = { na: { planned: operations.length, sent: operations.length, reason: null } }
  return { ...good, runbook, operations, load: { fromNs, toNs, areas } }
}

const record = drawnRecord()
const count = record.operations.length

void test('a record as it was drawn says nothing, also where operations are missing', () => {
  assert.ok(count > 200)
  assert.deepEqual(notAsDrawn(record), [])
  assert.deepEqual(notAsDrawn({ ...record, operations: record.operations.slice(5) }), [])
  assert.deepEqual(notAsDrawn({ ...record, load: null }), [])
})

void test('a plan that was cut with its operations is told', () => {
  const { load } = record
  const areas = { na: { planned: count - 50, sent: count - 50, reason: null } }
  const cut = { ...record, operations: record.operations.slice(0, -50), load: load && { ...load, areas } }
  assert.deepEqual(notAsDrawn(cut), [
    `na: record.json says ${count - 50} operations were planned, the seed draws ${count}`,
  ])
})

void test('operations that were numbered anew, moved or turned into others are told', () => {
  const anew = record.operations.slice(1).map((each, seq) => ({ ...each, seq }))
  assert.match(
    notAsDrawn({ ...record, operations: anew }).join(),
    /^na: \d+ operations are not what the seed draws, .* number 0$/,
  )
  const moved = record.operations.map((each) =>
    each.seq === 7 ? { ...each, intendedNs: `${BigInt(each.intendedNs) + 1n}` } : each,
  )
  assert.match(notAsDrawn({ ...record, operations: moved }).join(), /^na: 1 operations .* number 7$/)
  const turned = record.operations.map((each) => (each.seq === 7 ? { ...each, kind: 'read' as const } : each))
  assert.match(notAsDrawn({ ...record, operations: turned }).join(), /number 7$/)
})
