import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
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
  void it('gives any lines across its chunks', () => {
    const log = createOperationLog(70)
    for (let seq = 0; seq < 66; seq += 1) log.append(numbered(seq))
    for (const [from, count] of [
      [0, 66],
      [6, 8],
      [7, 7],
      [62, 9],
      [65, 1],
    ] as const)
      assert.deepEqual(
        log.from(from, count).map(seqOf),
        Array.from({ length: Math.min(count, 66 - from) }, (_, place) => from + place),
      )
  })
  void it('holds as many as its limit in the heap that a container gives its client', async () => {
    const program = `
      import { createOperationLog } from '${import.meta.resolve('./operation-log.ts')}'
      const log = createOperationLog()
      const long = { ...${JSON.stringify(numbered(0))}, orderId: crypto.randomUUID(), key: crypto.randomUUID(), region: 'a' }
      for (let seq = 0; seq < 600_000; seq += 1) log.append({ ...long, seq })
      console.log(log.next() - log.first(), JSON.parse(log.from(12_345, 1)[0]).seq)`
    const compose = await readFile(join(import.meta.dirname, '..', '..', 'docker-compose.yml'), 'utf8')
    const heap = /--max-old-space-size=\d+/.exec(compose)?.[0] ?? ''
    const { stdout } = await promisify(execFile)(process.execPath, [heap, '--input-type=module', '--eval', program])
    assert.equal(stdout.trim(), '600000 12345')
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
