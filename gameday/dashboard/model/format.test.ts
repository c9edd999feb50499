import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBits, formatBytes, formatMs, formatShare, formatSpan } from './format.ts'

void test('a share is 100 % only if it is all of it', () => {
  assert.equal(formatShare(1), '100 %')
  assert.equal(formatShare(0.99999), '99.9 %')
  assert.equal(formatShare(0), '0.0 %')
  assert.equal(formatShare(null), '–')
})

void test('figures change their unit as they grow', () => {
  assert.deepEqual([formatMs(999.4), formatMs(1000), formatMs(null)], ['999 ms', '1.0 s', '–'])
  assert.deepEqual([formatSpan(59_000), formatSpan(61_000), formatSpan(3_660_000)], ['59 s', '1 min 1 s', '1 h 1 min'])
  assert.deepEqual([formatBytes(1023), formatBytes(2048), formatBytes(3_145_728)], ['1023 B', '2 KiB', '3.0 MiB'])
  assert.deepEqual([formatBits(10), formatBits(1500), formatBits(2_500_000)], ['10 bit/s', '2 kbit/s', '2.5 Mbit/s'])
})
