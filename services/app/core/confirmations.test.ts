import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Confirmations } from './confirmations.ts'

const books = (longest = 100) => new Confirmations({ origin: 'a', topicId: 't1', others: ['b', 'c'], longest })
const said = (region: 'b' | 'c', offsets: number[], topicId = 't1') => ({
  region,
  epoch: 1,
  sources: [{ source: 'a' as const, topicId, offsets }],
  copied: 0,
  refused: 0,
})

test('an event is done when every other region is past it, in each partition', () => {
  const confirmations = books()
  confirmations.sent(
    ['1', '2'],
    new Map([
      [0, 4],
      [2, 7],
    ]),
    1000,
  )
  assert.equal(confirmations.oldestAtMs, 1000)
  confirmations.heard(said('b', [5, 0, 8]))
  assert.deepEqual(confirmations.takeDone(), [], 'c has said nothing')
  confirmations.heard(said('c', [5, 0, 7]))
  assert.deepEqual(confirmations.takeDone(), [], 'c has not copied the last one')
  confirmations.heard(said('c', [5, 0, 8]))
  assert.deepEqual(confirmations.takeDone(), ['1', '2'])
  assert.equal(confirmations.unconfirmed, 0)
  assert.equal(confirmations.oldestAtMs, null)
})

test('positions in another topic say nothing, also after good ones', () => {
  const confirmations = books()
  confirmations.sent(['1'], new Map([[0, 4]]), 0)
  confirmations.heard(said('b', [5, 5, 5]))
  confirmations.heard(said('c', [50, 50, 50], 't0'))
  assert.deepEqual(confirmations.takeDone(), [])
  confirmations.heard(said('c', [5, 5, 5]))
  confirmations.heard(said('c', [50, 50, 50], 't2'))
  assert.deepEqual(confirmations.takeDone(), [])
})

test('what is too much to remember is told, and left for another reading of the table', () => {
  const confirmations = books(1)
  confirmations.sent(['1'], new Map([[0, 0]]), 0)
  confirmations.sent(['2'], new Map([[0, 1]]), 0)
  assert.equal(confirmations.mustStartOver, false)
  for (const region of ['b', 'c'] as const) confirmations.heard(said(region, [9, 9, 9]))
  assert.deepEqual(confirmations.takeDone(), ['1'])
  assert.equal(confirmations.mustStartOver, true)
})
