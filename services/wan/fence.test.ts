// Epochs of the fence device only grow, per data set.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callingSite } from './fence-device.ts'
import { clearFence, decideFence, fencedRegions, type FenceMemory } from './fence.ts'

function accepted(memory: FenceMemory, ...order: ['fence' | 'unfence', 'a' | 'b' | 'c', number, string?]): FenceMemory {
  const [verb, site, epoch, dataSet = 'orders'] = order
  const verdict = decideFence(memory, verb, { site, epoch, dataSet })
  assert.ok(verdict.accepted)
  return verdict.memory
}

void test('a fence holds, is idempotent for its epoch, and refuses lower ones', () => {
  const once = accepted([], 'fence', 'a', 5)
  assert.deepEqual(accepted(once, 'fence', 'a', 5), once)
  assert.deepEqual([...fencedRegions(once)], ['a'])
  for (const verb of ['fence', 'unfence'] as const) {
    const verdict = decideFence(once, verb, { site: 'a', epoch: 4, dataSet: 'orders' })
    assert.ok(!verdict.accepted)
    assert.equal(verdict.epoch, 5)
    assert.match(verdict.reason, /expected epoch 5 or higher, saw 4/)
  }
})

void test('a majority of regions always keeps its links: nobody could take an epoch without it', () => {
  const once = accepted([], 'fence', 'a', 5)
  const verdict = decideFence(once, 'fence', { site: 'b', epoch: 6, dataSet: 'orders' })
  assert.ok(!verdict.accepted)
  assert.match(verdict.reason, /a is fenced already/)
  assert.ok(!decideFence(once, 'fence', { site: 'b', epoch: 1, dataSet: 'carts' }).accepted)
  accepted(accepted(once, 'unfence', 'a', 6), 'fence', 'b', 6)
})

void test('data sets have epochs of their own, and a region is cut while any has it fenced', () => {
  const both = accepted(accepted([], 'fence', 'a', 5), 'fence', 'a', 2, 'carts')
  assert.deepEqual([...fencedRegions(accepted(both, 'unfence', 'a', 5))], ['a'])
  assert.deepEqual([...fencedRegions(accepted(accepted(both, 'unfence', 'a', 6), 'unfence', 'a', 2, 'carts'))], [])
})

void test('clearing lifts the fence and keeps the epoch', () => {
  const cleared = clearFence(accepted([], 'fence', 'a', 5), 'a')
  assert.deepEqual([...fencedRegions(cleared)], [])
  assert.ok(!decideFence(cleared, 'fence', { site: 'a', epoch: 4, dataSet: 'orders' }).accepted)
})

void test('a caller belongs to the site of its block, wherever it is seen from', () => {
  assert.equal(callingSite('198.19.0.6'), 'a')
  assert.equal(callingSite('198.19.0.38'), 'b')
  assert.equal(callingSite('198.19.5.97'), 'na')
})
