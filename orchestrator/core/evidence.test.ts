// What raises the fence with commit: async.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { regions } from '#protocol/sites.ts'
import {
  claimFromSwap,
  fenceByAuthority,
  fenceByLastPrimary,
  type AsyncFacts,
  type Begun,
  type Replaced,
  type WeightedPromise,
} from './evidence.ts'

const promise: WeightedPromise = { region: 'b', position: { epoch: 3, lsn: '0/2000' }, history: [] }
const nothing: AsyncFacts = {
  old: 'a',
  oldPromised: false,
  othersPromised: false,
  deviceConfirmed: false,
  leaseExpired: false,
}

function way(replaced: Replaced, facts: Partial<AsyncFacts>): string | null {
  return fenceByAuthority(claimFromSwap(4, '7', replaced), [promise], { ...nothing, ...facts })?.way ?? null
}

void test('over an active epoch its primary is what counts: its word, the device, or its lease', () => {
  assert.equal(way('active', {}), null)
  assert.equal(way('active', { oldPromised: true }), 'old-primary-promised')
  assert.equal(way('active', { deviceConfirmed: true }), 'fence-device')
  assert.equal(way('active', { leaseExpired: true }), 'lease-expired')
})

void test('over an epoch that was only claimed any node may be primary: all others promised, or the lease', () => {
  assert.equal(way('claimed', { oldPromised: true, deviceConfirmed: true }), null)
  assert.equal(way('claimed', { othersPromised: true }), null)
  assert.equal(way('claimed', { othersPromised: true, oldPromised: true }), 'old-primary-promised')
  assert.equal(way('claimed', { othersPromised: true, deviceConfirmed: true }), 'fence-device')
  assert.equal(way('claimed', { leaseExpired: true }), 'lease-expired')
})

void test('only the very first epoch needs no fence: one that was claimed before it may have been promoted', () => {
  assert.equal(way('nothing', { old: null }), 'first-epoch')
  assert.equal(way('claimed', { old: null }), null)
  assert.equal(way('claimed', { old: null, othersPromised: true }), 'all-promised')
  assert.equal(way('claimed', { old: null, leaseExpired: true }), 'lease-expired')
})

void test('the last primary alone is enough once every node has promised and none began a higher epoch', () => {
  const raised = (begun: Begun, from = promise): boolean =>
    fenceByLastPrimary(claimFromSwap(5, '7', 'claimed'), regions, [from], begun) !== null
  assert.equal(raised({ a: 2, b: 3, c: 0 }), true)
  assert.equal(raised({ a: 2, b: 3 }), false)
  assert.equal(raised({ a: 4, b: 3, c: 0 }), false)
  assert.equal(raised({ a: 3, b: 2, c: 0 }), false)
  assert.equal(raised({ a: 0, b: 0, c: 0 }), false)
  assert.equal(fenceByLastPrimary(claimFromSwap(5, '7', 'claimed'), regions, [], { a: 2, b: 3, c: 0 }), null)
})
