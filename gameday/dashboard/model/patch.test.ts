import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { applyChanges, difference, type Json } from './patch.ts'

const json = fc.letrec<{ value: Json; object: Readonly<Record<string, Json>> }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.string(),
    fc.array(fc.integer(), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c', '1', 'x.y'), tie('value'), {
    maxKeys: 4,
    noNullPrototype: true,
  }),
})).object

void test('what changed, applied to the state before, gives the state after', () => {
  fc.assert(
    fc.property(json, json, (before, after) => {
      assert.deepEqual(applyChanges(before, difference(before, after)), after)
    }),
  )
})

void test('a state that has not changed makes no changes', () => {
  fc.assert(fc.property(json, (state) => assert.deepEqual(difference(state, structuredClone(state)), [])))
})

void test('only what changed is told, by its path', () => {
  const before = { regions: { a: { role: 'primary', lag: 0 }, b: { role: 'standby', lag: 3 } }, faults: { f: 1 } }
  const after = { regions: { a: { role: 'primary', lag: 0 }, b: { role: 'primary', lag: 3 } }, faults: {} }
  assert.deepEqual(difference(before, after), [[['regions', 'b', 'role'], 'primary'], [['faults', 'f']]])
})

void test('what has not changed stays the very same object, so that views can skip it', () => {
  const before = { a: { x: 1 }, b: { y: 2 } }
  const after = applyChanges(before, [[['b', 'y'], 3]])
  assert.equal(after['a'], before.a)
})
