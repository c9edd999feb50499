import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, assert as check, boolean, integer, property, record } from 'fast-check'
import { OutboxCursor } from './outbox-cursor.ts'

test('a row that becomes visible after a higher one is not passed over', () => {
  const cursor = new OutboxCursor()
  cursor.looked({ seqs: [2n], isCut: false, xmin: 10n, xmax: 12n })
  assert.equal(cursor.settled, 0n, 'row 1 may still be under way')
  cursor.looked({ seqs: [1n], isCut: false, xmin: 12n, xmax: 12n })
  assert.equal(cursor.settled, 2n)
  assert.deepEqual(cursor.sent, [])
})

test('a look that was cut short below the mark settles nothing', () => {
  const cursor = new OutboxCursor()
  cursor.looked({ seqs: [9n], isCut: false, xmin: 1n, xmax: 2n })
  cursor.looked({ seqs: [3n, 4n], isCut: true, xmin: 2n, xmax: 2n })
  assert.equal(cursor.settled, 0n)
})

// A model of the table: transaction i takes serial number i and transaction id i when it begins, and its row is visible from its
// end on, unless it rolls back.
test('every committed row is sent exactly once, whatever the order of commits', () => {
  const plan = array(record({ lastsSteps: integer({ min: 1, max: 12 }), commits: boolean(), looks: boolean() }), {
    maxLength: 40,
  })
  check(
    property(plan, integer({ min: 1, max: 5 }), (transactions, limit) => {
      const cursor = new OutboxCursor()
      const sent: bigint[] = []
      const look = (nowStep: number) => {
        const begun = transactions.slice(0, nowStep)
        const isRunning = (index: number) => index + (transactions[index]?.lastsSteps ?? 0) > nowStep
        const running = begun.flatMap((_, index) => (isRunning(index) ? [BigInt(index + 1)] : []))
        const xmax = BigInt(begun.length + 1)
        const left = new Set(cursor.sent)
        const visible = begun.flatMap((each, index) => {
          const seq = BigInt(index + 1)
          return each.commits && !isRunning(index) && seq > cursor.settled && !left.has(seq) ? [seq] : []
        })
        const seqs = visible.slice(0, limit)
        sent.push(...seqs)
        cursor.looked({ seqs, isCut: seqs.length === limit, xmin: running[0] ?? xmax, xmax })
        return seqs.length
      }
      transactions.forEach((each, step) => {
        if (each.looks) look(step + 1)
      })
      while (look(transactions.length + 20) > 0);
      const committed = transactions.flatMap((each, index) => (each.commits ? [BigInt(index + 1)] : []))
      const ascending = [...sent].sort((left, right) => Number(left - right))
      assert.deepEqual(ascending, committed)
    }),
  )
})
