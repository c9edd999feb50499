import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { operation, type Operation } from '#protocol/operation.ts'
import { createOperationLog } from './operation-log.ts'

function numbered(seq: number): Operation {
  const nothing = {
    sentNs: null,
    status: null,
    orderId: null,
    region: null,
    epoch: null,
    reason: 'shed',
    startedNs: null,
    shed: true,
  }
  return { area: 'na', seq, kind: 'write', key: `k${seq}`, intendedNs: '1', doneNs: '2', outcome: 'failed', ...nothing }
}
const seqOf = (line: string): number => operation.parse(JSON.parse(line)).seq

void describe('operation log', () => {
  void it('gives the lines from an index on, each a valid operation', () => {
    const log = createOperationLog()
    for (let seq = 0; seq < 5; seq += 1) log.append(numbered(seq))
    assert.deepEqual(log.from(3, 10).map(seqOf), [3, 4])
    assert.deepEqual(log.from(1, 2).map(seqOf), [1, 2])
    assert.deepEqual(log.from(5, 10), [])
    assert.equal(log.next(), 5)
    assert.ok(log.from(0, 10).every((line) => line.endsWith('\n')))
  })
  void it('drops the oldest lines above its limit and keeps their numbers', () => {
    const log = createOperationLog(20)
    for (let seq = 0; seq < 100; seq += 1) log.append(numbered(seq))
    assert.equal(log.next(), 100)
    assert.ok(log.next() - log.first() <= 20)
    assert.deepEqual(
      log.from(log.first(), 100).map(seqOf),
      Array.from({ length: 100 - log.first() }, (_, i) => log.first() + i),
    )
  })
})
