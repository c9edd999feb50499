import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bridgeHeaders } from '#protocol/bus.ts'
import { eventHeaders } from '#protocol/order.ts'
import { beginAt, isFilled, isHistory, judge } from './copy-rules.ts'

const headers = (origin: string, epoch: number) => ({
  [eventHeaders.origin]: origin,
  [eventHeaders.epoch]: String(epoch),
})
const broughtBack = { ...headers('a', 1), [bridgeHeaders.topicId]: 't' }
const live = { epoch: 1, isHistory: false, isHeld: false }
const history = { epoch: 2, isHistory: true, isHeld: false }

test('of what is not history only what was born in the source is copied', () => {
  assert.equal(judge(headers('a', 1), 'a', live), 'copy')
  assert.equal(judge(headers('b', 9), 'a', live), 'foreign')
  assert.equal(judge(broughtBack, 'a', live), 'foreign')
  assert.equal(judge({}, 'a', live), 'foreign')
})

test('a deposed origin is refused, its history is not', () => {
  assert.equal(judge(headers('a', 1), 'a', { ...live, epoch: 2 }), 'refused')
  assert.equal(judge(headers('a', 1), 'a', history), 'copy')
  assert.equal(judge(headers('a', 3), 'a', { ...live, epoch: 2 }), 'copy')
})

test('history is taken wherever it was born, once', () => {
  assert.equal(judge(headers('c', 1), 'a', history), 'copy')
  assert.equal(judge(broughtBack, 'a', history), 'copy')
  assert.equal(judge(headers('c', 1), 'a', { ...history, isHeld: true }), 'held')
  assert.equal(judge({}, 'a', history), 'foreign')
})

const log = [
  { first: 0, end: 10 },
  { first: 2, end: 20 },
]
const checkpoint = { source: 'a' as const, topicId: 't1', offsets: [3, 4], epoch: 7, historyTo: null }

test('a position is of one topic only', () => {
  assert.equal(beginAt(checkpoint, 'a', { id: 't1', log }), checkpoint)
  const anew = { source: 'a', topicId: 't2', offsets: [0, 2], epoch: 7, historyTo: null }
  assert.deepEqual(beginAt(checkpoint, 'a', { id: 't2', log }), anew)
})

test('a Kafka without a checkpoint lacks what the source has now, whatever becomes of the source meanwhile', () => {
  const begun = beginAt(null, 'a', { id: 't1', log })
  assert.deepEqual(begun, { source: 'a', topicId: 't1', offsets: [0, 2], epoch: 0, historyTo: [10, 20] })
  assert.deepEqual([isHistory(begun, 0, 9), isHistory(begun, 0, 10)], [true, false])
  assert.equal(isFilled({ ...begun, offsets: [10, 19] }), false)
  assert.equal(isFilled({ ...begun, offsets: [12, 20] }), true)
  const longer = [{ first: 0, end: 30 }]
  assert.deepEqual(beginAt(begun, 'a', { id: 't2', log: longer }).historyTo, [30])
})

test('a log that ends below the position has lost its tail: what is there now is history', () => {
  const beyond = { ...checkpoint, offsets: [11, 4] }
  assert.deepEqual(beginAt(beyond, 'a', { id: 't1', log }), { ...beyond, offsets: [0, 4], historyTo: [10, 20] })
})
