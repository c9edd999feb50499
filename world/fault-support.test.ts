// What a Docker that lacks control groups, or some of them, can't do.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unsupportedFaults, type EngineInfo } from './fault-support.ts'

const kinds = (info: EngineInfo): readonly string[] => unsupportedFaults(info).map(({ kind }) => kind)

void test('a Docker with all control groups can do every fault', () => {
  assert.deepEqual(kinds({ CgroupDriver: 'systemd', CpuCfsQuota: true, MemoryLimit: true }), [])
  assert.deepEqual(kinds({}), [], 'what it does not say is not held against it')
})

void test('a rootless Docker without control groups neither pauses nor limits, and each says why', () => {
  const found = unsupportedFaults({ CgroupDriver: 'none', CpuCfsQuota: false, MemoryLimit: false })
  assert.deepEqual(
    found.map(({ kind }) => kind),
    ['freeze', 'pause', 'cpu-starvation', 'memory-limit'],
  )
  assert.ok(found.every(({ reason }) => reason.includes('no control groups')))
})

void test('a kernel without one limit lacks only that fault', () => {
  assert.deepEqual(kinds({ CgroupDriver: 'cgroupfs', CpuCfsQuota: false, MemoryLimit: true }), ['cpu-starvation'])
  assert.deepEqual(kinds({ CgroupDriver: 'cgroupfs', CpuCfsQuota: true, MemoryLimit: false }), ['memory-limit'])
})
