// Two journals compared: each difference by the name of what differs, wherever it stands.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differences } from './differences.ts'
import { threeIncidents } from './planted-journals.ts'

const text = (value: unknown): string => JSON.stringify(value, null, 2)

void test('a figure of an incident is named by the incident, not by its place', () => {
  const before = threeIncidents()
  const [one, two, failback] = before.incidents
  assert.ok(one && two && failback)
  const after = { ...before, incidents: [one, { ...two, restoredMs: 2500 }, failback] }
  assert.deepEqual(differences(text(before), text(after)), [
    'incidents[two].restoredMs: the journal says 1900, the raw files say 2500',
  ])
})

void test('an incident that only one of them has is one difference, and moves no other', () => {
  const before = threeIncidents()
  const after = { ...before, incidents: before.incidents.slice(1) }
  const [first, ...rest] = differences(text(before), text(after))
  assert.match(first ?? '', /^incidents\[one\]: the journal says \{"id":"one",.*…, the raw files say nothing$/)
  assert.deepEqual(rest, [])
  assert.match(
    differences(text({ incidents: [] }), text({ incidents: after.incidents }))[0] ?? '',
    /^incidents\[two\]: the journal says nothing/,
  )
})

void test('a reason is named by the figure that it is the reason of', () => {
  const reasons = (reason: string): string => text({ unknown: { 'incidents[0].restoredMs': reason } })
  assert.deepEqual(differences(reasons('a'), reasons('b')), [
    'unknown[incidents[0].restoredMs]: the journal says "a", the raw files say "b"',
  ])
})

void test('names that are not unique tell nothing apart: entries are compared by their places', () => {
  const checks = (...reasons: readonly string[]): string =>
    text({ checks: reasons.map((reason) => ({ name: 'x', reason })) })
  assert.deepEqual(differences(checks('a', 'b'), checks('a', 'c')), [
    'checks[1].reason: the journal says "b", the raw files say "c"',
  ])
})

void test('the first twenty are told, and how many more', () => {
  const of = (value: number): string => text(Array.from({ length: 30 }, () => value))
  assert.equal(differences(of(1), of(2)).length, 21)
  assert.match(differences(of(1), of(2)).at(-1) ?? '', /^and 10 more$/)
  assert.match(differences('{"a":1}', '{ "a": 1 }').join(), /with the same figures/)
})
