import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lateness } from './lateness.ts'

test('the worst lateness of the last second is told, and forgotten after it', () => {
  const lateness = new Lateness(25)
  assert.equal(lateness.tick(0), 0)
  assert.equal(lateness.tick(25), 0)
  assert.equal(lateness.tick(250), 200)
  assert.equal(lateness.tick(275), 200)
  let last = 0
  for (let now = 300; now <= 1400; now += 25) last = lateness.tick(now)
  assert.equal(last, 0)
})

test("the timer's own grain is no lateness", () => {
  const lateness = new Lateness(25)
  lateness.tick(0)
  assert.equal(lateness.tick(31), 0)
})
