// Order by due time, then by arrival; slots come back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { DelayQueue } from './delay-queue.ts'

void test('packets come out by due time, equal ones in order of arrival, and none before it is due', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60 }), (dueTimes) => {
      const queue = new DelayQueue(64)
      const pushed = dueTimes.map((dueMs, arrival) => {
        const slot = queue.claim()
        queue.push(slot, dueMs)
        return { slot, dueMs, arrival }
      })
      const expected = pushed.toSorted((left, right) => left.dueMs - right.dueMs || left.arrival - right.arrival)
      const seen: number[] = []
      for (let nowMs = 0; nowMs <= 20; nowMs += 1) {
        for (let slot = queue.pop(nowMs); slot >= 0; slot = queue.pop(nowMs)) {
          assert.equal(pushed.find((each) => each.slot === slot)?.dueMs, nowMs)
          seen.push(slot)
        }
      }
      assert.deepEqual(
        seen,
        expected.map((each) => each.slot),
      )
      assert.equal(queue.size, 0)
      assert.equal(queue.nextDueMs(), Infinity)
    }),
  )
})

void test('a pool that is used up gives -1 until a slot is released', () => {
  const queue = new DelayQueue(2)
  const first = queue.claim()
  assert.notEqual(first, queue.claim())
  assert.equal(queue.claim(), -1)
  queue.release(first)
  assert.equal(queue.claim(), first)
})
