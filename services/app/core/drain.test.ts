import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acceptWriteRegion, noAuthority } from './authority.ts'
import { acceptDrain, doorFor } from './drain.ts'

const request = { dataSet: 'orders', epoch: 2, forwardTo: 'b' as const, holdMs: 1000 }
const told = (epoch: number, region: 'a' | 'b' | 'c') =>
  acceptWriteRegion(noAuthority('a'), { dataSet: 'orders', epoch, region }, 0n, 3000).authority

test('writes go over from the drain on, also once the other region is the write region, until the time is up', () => {
  const drain = acceptDrain(told(1, 'a'), request, 100)
  assert.ok(drain)
  assert.deepEqual(doorFor(told(1, 'a'), drain, 200), { kind: 'forward', to: 'b', untilMs: 1100 })
  assert.equal(doorFor(told(2, 'b'), drain, 200).kind, 'forward')
  assert.deepEqual(doorFor(told(2, 'b'), drain, 1100), { kind: 'elsewhere', primary: 'b' })
})

test('a drain that led nowhere opens the door again', () => {
  const drain = acceptDrain(told(1, 'a'), request, 100)
  assert.equal(doorFor(told(1, 'a'), drain, 1100).kind, 'open', 'its time is up')
  assert.equal(doorFor(told(2, 'a'), drain, 200).kind, 'open', 'the region itself got the next epoch')
  assert.deepEqual(doorFor(told(3, 'c'), drain, 200), { kind: 'elsewhere', primary: 'c' })
  assert.equal(doorFor(told(1, 'a'), null, 200).kind, 'open', 'it was taken back')
})

test('a drain of a lower epoch, or to the region itself, is refused', () => {
  assert.equal(acceptDrain(told(3, 'a'), request, 0), null)
  assert.equal(acceptDrain(told(1, 'b'), { ...request, forwardTo: 'a' }, 0), null)
})
