// A broken DNS server goes by what was true when it broke, and mends itself.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure, type Steering } from './failure.ts'

const before: Steering = { writeRegion: 'a', readable: new Set(['a', 'b']) }
const after: Steering = { writeRegion: 'b', readable: new Set(['b']) }

void test('stale: what was true when it began, until it ends', () => {
  const failure = new Failure()
  assert.equal(failure.steering(before), before)
  failure.begin({ mode: 'stale' }, before)
  assert.deepEqual([failure.mode, failure.steering(after)], ['stale', before])
  failure.end()
  assert.deepEqual([failure.mode, failure.steering(after)], [null, after])
})

void test('it ends by itself, and a second one replaces the first with its expiry', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const failure = new Failure()
  failure.begin({ mode: 'servfail', expiresInMs: 1000 }, before)
  failure.begin({ mode: 'silent', expiresInMs: 5000 }, before)
  context.mock.timers.tick(4999)
  assert.equal(failure.mode, 'silent')
  context.mock.timers.tick(1)
  assert.equal(failure.mode, null)
})

void test('a renewal moves the end and keeps what a stale server answers from; it brings nothing back', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const failure = new Failure()
  failure.begin({ mode: 'stale', expiresInMs: 1000 }, before)
  context.mock.timers.tick(900)
  failure.renew(1000)
  context.mock.timers.tick(999)
  assert.equal(failure.steering(after), before)
  context.mock.timers.tick(1)
  assert.equal(failure.mode, null)
  failure.renew(1000)
  assert.equal(failure.mode, null)
})
