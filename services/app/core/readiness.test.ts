import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acceptPermit, acceptWriteRegion, noAuthority } from './authority.ts'
import { readyForWrites } from './readiness.ts'

const nowNs = 10_000_000_000n
const fresh = { isPrimary: true, promotedEpoch: 0, committedNs: nowNs - 500_000_000n }
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
