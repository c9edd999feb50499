// What the final reads wait for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stillToCome } from './final-reads.ts'

void test('no event of an order that Postgres has lost is waited for; where Postgres was not read, all are', () => {
  assert.deepEqual(stillToCome(['one', 'lost', 'two'], new Set(['two', 'one', 'unacked'])), ['one', 'two'])
  assert.deepEqual(stillToCome(['one', 'lost'], null), ['one', 'lost'])
})
