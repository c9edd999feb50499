import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Operation } from '#protocol/operation.ts'
import { LoadSeries, shownSeconds } from './load-series.ts'

function operation(second: number, latencyMs: number, outcome: Operation['outcome'] = 'ok'): Operation {
  const doneNs = BigInt(second) * 1_000_000_000n + 500_000_000n
  return {
    area: 'na',
    seq: 0,
    kind: 'write',
    key: 'k',
    intendedNs: (doneNs - BigInt(latencyMs) * 1_000_000n).toString(),
    startedNs: null,
    sentNs: null,
    doneNs: doneNs.toString(),
    outcome,
    status: null,
    orderId: null,
    region: null,
    epoch: null,
    reason: null,
    shed: false,
  }
}

const secondNs = 1_000_000_000n

void test('operations are counted in the second in which they ended; what came before the first look is not known', () => {
  const series = new LoadSeries()
  series.watchFrom(100n * secondNs)
  series.add([operation(101, 40), operation(101, 90), operation(102, 50, 'failed'), operation(103, 60)])
  const view = series.view(105n * secondNs)
  assert.equal(view.endSecond, 103)
  assert.equal(view.ok.length, shownSeconds)
  assert.deepEqual(view.ok.slice(-5), [null, 0, 2, 0, 1])
  assert.deepEqual(view.bad.slice(-5), [null, 0, 0, 1, 0])
  assert.deepEqual(view.p99Ms.slice(-3), [90, null, 60])
  assert.equal(view.successShare, 3 / 4)
  assert.equal(view.perSecond, 1)
})

void test('the last acknowledgement is that of a write, however late it was fetched', () => {
  const series = new LoadSeries()
  series.watchFrom(0n)
  series.add([operation(12, 5), operation(11, 5), operation(20, 5, 'unknown')])
  assert.equal(series.view(30n * secondNs).ackedNs, 12_500_000_000n)
})

void test('seconds that are no longer shown are dropped, and a pause in looking leaves a gap instead of zeros', () => {
  const series = new LoadSeries()
  series.watchFrom(0n)
  series.add([operation(1, 5)])
  const later = series.view(BigInt(shownSeconds + 10) * secondNs)
  assert.ok(later.ok.every((each) => each === 0))
  series.forget()
  assert.ok(series.view(200n * secondNs).ok.every((each) => each === null))
})
