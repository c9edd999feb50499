import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acceptWriteRegion, noAuthority } from './authority.ts'
import { acceptDrain, doorFor } from './drain.ts'

const request = { dataSet: 'orders', epoch: 2, forwardTo: 'b' as const, holdMs: 1000 }
const told = (epoch: number, region: 'a' | 'b' | 'c') =>
  acceptWriteRegion(noAuthority('a'), { dataSet: 'orders', epoch, region }, 0n, 3000).authority
const never = 0

test('writes go over from the drain on, and for a while after the write region has moved', () => {
  const drain = acceptDrain(told(1, 'a'), request, 100)
  assert.ok(drain)
  assert.deepEqual(doorFor(told(1, 'a'), drain, never, 200), { kind: 'forward', to: 'b', untilMs: 1100 })
  assert.deepEqual(doorFor(told(2, 'b'), drain, 3200, 200), { kind: 'forward', to: 'b', untilMs: 3200 })
  assert.deepEqual(doorFor(told(2, 'b'), null, 3200, 200), { kind: 'forward', to: 'b', untilMs: 3200 }, 'taken back')
  assert.deepEqual(doorFor(told(2, 'b'), drain, 3200, 3200), { kind: 'elsewhere', primary: 'b' })
})

test('a later epoch ends the drain, whichever region it went to', () => {
  const drain = acceptDrain(told(1, 'a'), request, 100)
  assert.equal(doorFor(told(2, 'a'), drain, never, 200).kind, 'open', 'the region itself got the next epoch')
  assert.deepEqual(doorFor(told(3, 'c'), drain, 3200, 200), { kind: 'forward', to: 'c', untilMs: 3200 })
})

test('a drain that led nowhere opens the door again', () => {
  const drain = acceptDrain(told(1, 'a'), request, 100)
  assert.equal(doorFor(told(1, 'a'), drain, never, 1100).kind, 'open', 'its time is up')
  assert.equal(doorFor(told(1, 'a'), null, never, 200).kind, 'open', 'it was taken back')
})

test('a region that hands over to itself keeps its writes until it has the next epoch', () => {
  const drain = acceptDrain(told(1, 'a'), { ...request, forwardTo: 'a' }, 100)
  assert.deepEqual(doorFor(told(1, 'a'), drain, never, 200), { kind: 'hold', untilMs: 1100 })
  assert.equal(doorFor(told(2, 'a'), drain, never, 200).kind, 'open')
})

test('a drain for an epoch that is not above all known ones comes too late', () => {
  assert.equal(acceptDrain(told(3, 'a'), request, 0), null)
  assert.equal(acceptDrain(told(2, 'b'), request, 0), null)
})
