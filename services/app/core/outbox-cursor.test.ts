import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, assert as check, boolean, integer, property, record } from 'fast-check'
import { OutboxCursor } from './outbox-cursor.ts'

test('a row that becomes visible after a higher one is not passed over', () => {
  const cursor = new OutboxCursor()
  cursor.looked({ seqs: [2n], isCut: false, xmin: 10n, xmax: 12n })
  cursor.looked({ seqs: [], isCut: false, xmin: 11n, xmax: 12n })
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

// A model of the table: transactions take their ids as they begin, a serial number some steps later (so the younger of two may hold
// the lower number), and their rows are visible from their ends on, unless they roll back.
const transaction = record({
  numberAfterSteps: integer({ min: 0, max: 6 }),
  lastsSteps: integer({ min: 1, max: 12 }),
  commits: boolean(),
  looks: boolean(),
})

test('every committed row is sent exactly once, whatever the order of numbers and of commits', () => {
  check(
    property(array(transaction, { maxLength: 40 }), integer({ min: 1, max: 5 }), (transactions, limit) => {
      const cursor = new OutboxCursor()
      const sent: bigint[] = []
      const table = transactions
        .map((each, step) => ({ ...each, id: BigInt(step + 1), step, numberedAt: step + each.numberAfterSteps }))
        .sort((left, right) => left.numberedAt - right.numberedAt || left.step - right.step)
        .map((each, index) => ({ ...each, seq: BigInt(index + 1), endsAt: each.numberedAt + each.lastsSteps }))
      const look = (nowStep: number) => {
        const running = table.filter((each) => each.step < nowStep && each.endsAt > nowStep).map(({ id }) => id)
        const xmax = BigInt(Math.min(nowStep, table.length) + 1)
        const left = new Set(cursor.sent)
        const seqs = table
          .filter((each) => each.commits && each.endsAt <= nowStep && each.seq > cursor.settled && !left.has(each.seq))
          .map(({ seq }) => seq)
          .slice(0, limit)
        sent.push(...seqs)
        const xmin = running.reduce((least, id) => (id < least ? id : least), xmax)
        cursor.looked({ seqs, isCut: seqs.length === limit, xmin, xmax })
        return seqs.length
      }
      transactions.forEach((each, step) => {
        if (each.looks) look(step + 1)
      })
      while (look(transactions.length + 20) > 0);
      const committed = table.filter((each) => each.commits).map(({ seq }) => seq)
      const ascending = [...sent].sort((left, right) => Number(left - right))
      assert.deepEqual(ascending, committed)
    }),
  )
})
