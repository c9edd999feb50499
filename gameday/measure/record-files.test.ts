// Records that contradict themselves are refused in one line that names the place.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { goodRecord } from './histories.ts'
import { finalReadsText, recordFrom, recordText } from './record-files.ts'

const record = goodRecord()
const lines = { operations: [], events: [], samples: [] }

interface FinalReadsJson {
  readonly postgres: { ids: string[]; keys: string[] }
  readonly kafka: Record<'b', { orderIds: string[]; eventIds: string[] }>
  readonly redis: Record<'b', { applied: { count: number; distinct: number } | null }>
}

function changed(change: (reads: FinalReadsJson) => void): () => unknown {
  const reads = JSON.parse(finalReadsText(record.finalReads)) as FinalReadsJson
  change(reads)
  return () => recordFrom(recordText(record), JSON.stringify(reads), lines)
}

void test('final reads as a drill writes them are read back', () => {
  assert.doesNotThrow(changed(() => {}))
})

for (const [what, change, expected] of [
  ['a key too few', (reads) => reads.postgres.keys.pop(), /postgres: expected as many keys as orders/],
  ['orders without events', (reads) => (reads.kafka.b.eventIds = []), /kafka\.b: expected an event of each order/],
  ['a negative count', (reads) => (reads.redis.b.applied = { count: -5, distinct: 0 }), /redis\.b\.applied\.count: /],
  [
    'more different events than events',
    (reads) => (reads.redis.b.applied = { count: 5, distinct: 6 }),
    /redis\.b\.applied: expected no more different events/,
  ],
] as const satisfies readonly (readonly [string, (reads: FinalReadsJson) => unknown, RegExp])[])
  void test(`final reads with ${what} are refused by their place`, () => {
    assert.throws(changed(change), (error: Error) => {
      assert.match(error.message, /^final-reads\.json is not as a drill writes it \(/)
      assert.match(error.message, expected)
      return true
    })
  })

void test('what is no record at all is told without an empty place', () => {
  assert.throws(
    () => recordFrom('[]', finalReadsText(record.finalReads), lines),
    /^Error: record\.json is not as a drill writes it \(Invalid input/,
  )
})
