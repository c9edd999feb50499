// Planted differences between copies of a table, in memory: each is found once, whatever the size of the ranges.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Region } from '#protocol/sites.ts'
import { Differences } from './differences.ts'
import { settling } from './settling.ts'
import { compareTable, type KeyRange, type Rows, type TableCopy } from './table-comparison.ts'

const byNumber = (left: string, right: string): number => Number(left) - Number(right)

class CopyInMemory implements TableCopy {
  readonly region: Region
  readonly table: Map<string, string>
  /** The most rows that were asked for at once. */
  most = 0

  constructor(region: Region, table: ReadonlyMap<string, string>) {
    this.region = region
    this.table = new Map(table)
  }

  #keys({ after, upTo }: KeyRange): readonly string[] {
    const isWithin = (key: string): boolean =>
      (after === null || Number(key) > Number(after)) && (upTo === null || Number(key) <= Number(upTo))
    return [...this.table.keys()].filter((key) => isWithin(key)).toSorted(byNumber)
  }

  async mark(after: string | null, count: number): Promise<string | null> {
    return this.#keys({ after, upTo: null })[count - 1] ?? null
  }

  async summary(range: KeyRange): Promise<{ rows: number; checksum: string }> {
    const keys = this.#keys(range)
    const hash = createHash('md5')
    for (const key of keys) hash.update(`${key}=${this.table.get(key)}\n`)
    return { rows: keys.length, checksum: hash.digest('hex') }
  }

  async rows(range: KeyRange): Promise<Rows> {
    const keys = this.#keys(range)
    this.most = Math.max(this.most, keys.length)
    return new Map(keys.map((key) => [key, this.table.get(key) ?? '']))
  }

  async rowsOf(keys: readonly string[]): Promise<Rows> {
    return new Map(keys.flatMap((key) => (this.table.has(key) ? [[key, this.table.get(key) ?? '']] : [])))
  }
}

const row = (quantity: number): string => JSON.stringify({ quantity, item: 'lamp' })

function tableOf(count: number): ReadonlyMap<string, string> {
  return new Map(Array.from({ length: count }, (_, index) => [String(index + 1), row(1)]))
}

async function compared(copies: readonly CopyInMemory[], rowsAtATime = 10, catchUp = (): void => {}) {
  const differences = new Differences()
  const rows = await compareTable({
    table: 'orders',
    copies,
    rowsAtATime,
    differences,
    settle: settling(0, new AbortController().signal, () => {}),
    catchUp: async () => catchUp(),
    note: () => {},
  })
  return { rows, count: differences.count, sentences: differences.sentences }
}

function copies(count: number): [CopyInMemory, CopyInMemory, CopyInMemory] {
  const table = tableOf(count)
  return [new CopyInMemory('a', table), new CopyInMemory('b', table), new CopyInMemory('c', table)]
}

void test('copies that agree: nothing differs, every row is counted, and an empty table is none of rows', async () => {
  assert.deepEqual(await compared(copies(95)), { rows: 95, count: 0, sentences: [] })
  assert.deepEqual(await compared(copies(0)), { rows: 0, count: 0, sentences: [] })
})

void test('one row changed, one missing, one extra: named with their regions and what they hold', async () => {
  const [a, b, c] = copies(95)
  c.table.set('17', row(7))
  b.table.delete('41')
  b.table.set('96', row(1))
  assert.deepEqual(await compared([a, b, c]), {
    rows: 96,
    count: 3,
    sentences: [
      'orders 17: quantity is 1 in a, b and 7 in c',
      'orders 41: missing in b, there in a, c',
      'orders 96: missing in a, c, there in b',
    ],
  })
})

void test('a copy that is empty, or has a whole table more: all rows count, twenty are named, no range is larger than asked', async () => {
  const [a, b, c] = copies(500)
  c.table.clear()
  const found = await compared([a, b, c])
  assert.deepEqual([found.count, found.sentences.length, found.rows], [500, 20, 500])
  assert.ok(a.most <= 10, `${a.most} rows at once`)
  const primary = new CopyInMemory('a', new Map())
  const standby = new CopyInMemory('b', tableOf(500))
  assert.equal((await compared([primary, standby])).count, 500)
  assert.ok(standby.most <= 10, `${standby.most} rows at once`)
})

void test('what a copy lacked only since it was read first is no difference once it has caught up', async () => {
  const [a, b, c] = copies(95)
  c.table.delete('50')
  b.table.set('60', row(9))
  const catchUp = (): void => {
    c.table.set('50', row(1))
    b.table.set('60', row(1))
  }
  assert.equal((await compared([a, b, c], 10, catchUp)).count, 0)
})

void test('whatever is planted where is found, exactly', async () => {
  const plant = fc.record({ copy: fc.nat(2), key: fc.integer({ min: 1, max: 60 }), quantity: fc.option(fc.nat(3)) })
  await fc.assert(
    fc.asyncProperty(fc.array(plant, { maxLength: 12 }), fc.integer({ min: 1, max: 70 }), async (plants, atATime) => {
      const all = copies(50)
      for (const { copy, key, quantity } of plants)
        if (quantity === null) all[copy]?.table.delete(String(key))
        else all[copy]?.table.set(String(key), row(quantity))
      const keys = Array.from({ length: 60 }, (_, index) => String(index + 1))
      const wrong = keys.filter((key) => new Set(all.map(({ table }) => table.get(key))).size > 1)
      const found = await compared(all, atATime)
      assert.equal(found.count, wrong.length)
      assert.deepEqual(
        found.sentences.map((sentence) => /^orders (\d+):/.exec(sentence)?.[1]),
        wrong.slice(0, 20),
      )
    }),
    { numRuns: 300 },
  )
})
