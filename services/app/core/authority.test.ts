import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  acceptPermit,
  acceptPromotion,
  acceptWriteRegion,
  cacheEpoch,
  knownPrimary,
  noAuthority,
  permittedEpoch,
} from './authority.ts'

const permit = (epoch: number, more = {}) => ({
  dataSet: 'orders',
  epoch,
  region: 'a' as const,
  sentNs: '1000000000',
  validForMs: 3000,
  ...more,
})
const published = (epoch: number, region: 'a' | 'b') => ({ dataSet: 'orders', epoch, region })

test('a permit is valid for its time, counted from its send', () => {
  const { authority } = acceptPermit(noAuthority('a'), permit(3))
  assert.equal(permittedEpoch(authority, 3_999_999_999n), 3)
  assert.equal(permittedEpoch(authority, 4_000_000_000n), null)
  assert.equal(knownPrimary(authority), 'a')
})

test('lower epochs and permits for other regions change nothing', () => {
  const { authority } = acceptPermit(noAuthority('a'), permit(3))
  for (const refused of [
    acceptPermit(authority, permit(2)),
    acceptPermit(authority, permit(4, { region: 'b' })),
    acceptWriteRegion(authority, published(2, 'b'), 0n, 3000),
  ]) {
    assert.deepEqual(refused, { accepted: false, authority })
  }
})

test('a higher epoch elsewhere takes the permit away', () => {
  const { authority } = acceptPermit(noAuthority('a'), permit(3))
  const next = acceptWriteRegion(authority, published(4, 'b'), 1_000_000_000n, 3000).authority
  assert.equal(permittedEpoch(next, 1_000_000_001n), null)
  assert.equal(knownPrimary(next), 'b')
})

test('a higher epoch of the own region needs a new permit, the same epoch does not', () => {
  const { authority } = acceptPermit(noAuthority('a'), permit(3))
  const same = acceptWriteRegion(authority, published(3, 'a'), 1_000_000_000n, 3000).authority
  assert.equal(permittedEpoch(same, 1_000_000_001n), 3)
  const higher = acceptWriteRegion(authority, published(4, 'a'), 1_000_000_000n, 3000).authority
  assert.equal(permittedEpoch(higher, 1_000_000_001n), null)
})

test('Redis is used under a permit, or in a standby region while the word of the primary is fresh', () => {
  const primary = acceptPermit(noAuthority('a'), permit(3)).authority
  assert.equal(cacheEpoch(primary, 2_000_000_000n), 3)
  assert.equal(cacheEpoch(primary, 5_000_000_000n), null, 'an expired permit')
  const standby = acceptWriteRegion(noAuthority('a'), published(3, 'b'), 1_000_000_000n, 3000).authority
  assert.equal(cacheEpoch(standby, 2_000_000_000n), 3)
  assert.equal(cacheEpoch(standby, 4_000_000_000n), null, 'old word')
  const unpermitted = acceptWriteRegion(noAuthority('a'), published(3, 'a'), 1_000_000_000n, 3000).authority
  assert.equal(cacheEpoch(unpermitted, 2_000_000_000n), null, 'the primary itself needs its permit')
})

test('a promotion in a later epoch is word of the write region and no permit; in any other it says nothing', () => {
  const { authority } = acceptPermit(noAuthority('a'), permit(3))
  for (const epoch of [0, 2, 3]) assert.deepEqual(acceptPromotion(authority, 'orders', epoch).authority, authority)
  const moved = acceptWriteRegion(authority, published(4, 'b'), 1_000_000_000n, 3000).authority
  const promoted = acceptPromotion(moved, 'orders', 5).authority
  assert.deepEqual([knownPrimary(promoted), promoted.epoch], ['a', 5])
  assert.equal(permittedEpoch(promoted, 1_000_000_001n), null)
  assert.equal(acceptWriteRegion(promoted, published(4, 'b'), 1_000_000_000n, 3000).accepted, false)
})
