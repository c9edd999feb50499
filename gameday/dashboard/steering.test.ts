import assert from 'node:assert/strict'
import { test } from 'node:test'
import { regionOfAddress, steeringOfHaproxy } from './steering.ts'

const line = (backend: string, server: string, state: string): string =>
  `${backend},${server},0,0,0,0,,0,0,0,,0,,0,0,0,0,${state},1,1,0,23,9,3039,521,,1,3,1,,0\n`
const variables = 'proc.write_region: type=str value=<a>\n\nproc.read_region: type=str value=<b>\n\n'

void test('writes go where the last ones went, unless that region is no longer ready and another is', () => {
  const ready = (a: string, b: string): string => line('write-ready', 'b-1', b) + line('write-ready', 'a-2', a)
  assert.equal(steeringOfHaproxy(variables + ready('UP', 'UP')).writes, 'a')
  assert.equal(steeringOfHaproxy(variables + ready('DOWN', 'UP')).writes, 'b')
  // The panic rule: nobody is ready, the last known one is kept.
  assert.equal(steeringOfHaproxy(variables + ready('DOWN', 'DOWN')).writes, 'a')
})

void test('reads go to the first that is ready, else to the first that may be stale', () => {
  const reads = (ready: string): string =>
    line('read-ready', 'c', ready) + line('read-ready', 'BACKEND', 'UP') + line('read-stale', 'c', 'UP')
  assert.equal(steeringOfHaproxy(variables + reads('UP')).reads, 'c')
  assert.equal(steeringOfHaproxy(variables + reads('DOWN')).reads, 'c')
  assert.equal(steeringOfHaproxy(variables).reads, 'b')
})

void test('an address names its region', () => {
  assert.deepEqual(['198.18.28.1', '198.18.28.33', '198.18.28.65', '198.18.28.97'].map(regionOfAddress), [
    'a',
    'b',
    'c',
    null,
  ])
})
