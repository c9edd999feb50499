// When the processors were saturated.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sample } from '#protocol/sample.ts'
import { machineLoadOf } from './machine.ts'

function samples(...busy: (number | null)[]): readonly Sample[] {
  return busy.map((busyShare, index) => ({
    atNs: `${index + 1}000`,
    nodes: {},
    cut: [],
    machine: { busyShare, lateMs: 0 },
  }))
}

void test('saturated samples that follow one another are one span, from the sample before it on', () => {
  const { saturatedSpans, saturatedShare } = machineLoadOf(samples(0.99, 0.2, 0.97, 1, 0.5, null, 0.96))
  assert.deepEqual(saturatedSpans, [
    { fromNs: '1000', toNs: '1000' },
    { fromNs: '2000', toNs: '4000' },
    { fromNs: '6000', toNs: '7000' },
  ])
  assert.equal(saturatedShare, 0.667)
  assert.deepEqual(machineLoadOf(samples(0.1, 0.94)).saturatedSpans, [])
})
