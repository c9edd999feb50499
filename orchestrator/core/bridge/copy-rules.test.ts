import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventHeaders } from '#protocol/order.ts'
import { beginAt, judge } from './copy-rules.ts'

const headers = (origin: string, epoch: number) => ({
  [eventHeaders.origin]: origin,
  [eventHeaders.epoch]: String(epoch),
})

test('only what was born in the source is copied', () => {
  assert.equal(judge(headers('a', 1), 'a', { epoch: 1, whole: true }), 'copy')
  assert.equal(judge(headers('b', 9), 'a', { epoch: 1, whole: true }), 'foreign')
  assert.equal(judge({}, 'a', { epoch: 0, whole: true }), 'foreign')
})

test('a deposed origin is refused, its history is not', () => {
  assert.equal(judge(headers('a', 1), 'a', { epoch: 2, whole: true }), 'refused')
  assert.equal(judge(headers('a', 1), 'a', { epoch: 2, whole: false }), 'copy')
  assert.equal(judge(headers('a', 3), 'a', { epoch: 2, whole: true }), 'copy')
})

test('a position is of one topic only', () => {
  const checkpoint = { source: 'a' as const, topicId: 't1', offsets: [3, 4], epoch: 7, whole: true }
  assert.equal(beginAt(checkpoint, 'a', { id: 't1', partitions: 2 }), checkpoint)
  const anew = { source: 'a', topicId: 't2', offsets: [0, 0], epoch: 7, whole: false }
  assert.deepEqual(beginAt(checkpoint, 'a', { id: 't2', partitions: 2 }), anew)
  assert.deepEqual(beginAt(null, 'a', { id: 't2', partitions: 2 }), { ...anew, epoch: 0 })
})
