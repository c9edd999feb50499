import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acceptPermit, acceptWriteRegion, noAuthority } from './authority.ts'
import { isStale, noProbe, readyForWrites } from './readiness.ts'

const nowNs = 10_000_000_000n
const provedNs = nowNs - 500_000_000n
const fresh = { isPrimary: true, promotedEpoch: 0, committedNs: provedNs, freshNs: provedNs }
const permit = { dataSet: 'orders', epoch: 1, region: 'a' as const, sentNs: String(nowNs), validForMs: 3000 }

test('with every controller dead, local commits decide', () => {
  assert.equal(readyForWrites(noAuthority('a'), fresh, 'quorum', nowNs).ready, true)
  assert.equal(readyForWrites(noAuthority('a'), { ...fresh, isPrimary: false }, 'quorum', nowNs).ready, false)
  assert.equal(readyForWrites(noAuthority('a'), { ...fresh, committedNs: null }, 'quorum', nowNs).ready, false)
  assert.equal(readyForWrites(noAuthority('a'), fresh, 'quorum', nowNs + 1_100_000_000n).ready, false, 'an old probe')
})

test('an expired permit leaves a quorum region ready, and an async one not', () => {
  const { authority } = acceptPermit(noAuthority('a'), { ...permit, sentNs: '0' })
  assert.equal(readyForWrites(authority, fresh, 'quorum', nowNs).ready, true)
  assert.equal(readyForWrites(authority, fresh, 'async', nowNs).ready, false)
  const renewed = acceptPermit(authority, permit).authority
  assert.equal(readyForWrites(renewed, fresh, 'async', nowNs).ready, true)
})

test('another write region makes it not ready at once', () => {
  const { authority } = acceptPermit(noAuthority('a'), permit)
  const moved = acceptWriteRegion(authority, { dataSet: 'orders', epoch: 2, region: 'b' }, nowNs, 3000).authority
  const { ready, reason } = readyForWrites(moved, fresh, 'quorum', nowNs)
  assert.equal(ready, false)
  assert.match(reason, /the write region is b/)
})

test('reads may be stale once Postgres has not shown for two seconds that it is not cut off', () => {
  for (const isPrimary of [true, false]) {
    const probe = { ...fresh, isPrimary }
    assert.equal(isStale(noAuthority('a'), probe, 'quorum', nowNs), false)
    assert.equal(isStale(noAuthority('a'), probe, 'quorum', nowNs + 1_600_000_000n), true)
  }
  assert.equal(isStale(noAuthority('a'), noProbe, 'quorum', nowNs), true)
})

test('async: the permit says whether the reads of a primary may be stale, since its commits wait for nobody', () => {
  const { authority } = acceptPermit(noAuthority('a'), permit)
  assert.equal(isStale(authority, fresh, 'async', nowNs), false)
  assert.equal(isStale(authority, { ...fresh, freshNs: nowNs + 3_000_000_000n }, 'async', nowNs + 3_000_000_000n), true)
  assert.equal(isStale(noAuthority('a'), { ...fresh, isPrimary: false }, 'async', nowNs), false)
})
