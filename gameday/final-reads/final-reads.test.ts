// What the final reads wait for, and what becomes of a store that was not read.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { everyStoreRead, FinalStores, stillToCome, type FinalReadOptions } from './final-reads.ts'
import { Outstanding } from './outstanding.ts'
import type { StoresOf } from './region-postgres.ts'

void test('no event of an order that Postgres has lost is waited for; where Postgres was not read, all are', () => {
  assert.deepEqual(stillToCome(['one', 'lost', 'two'], new Set(['two', 'one', 'unacked'])), ['one', 'two'])
  assert.deepEqual(stillToCome(['one', 'lost'], null), ['one', 'lost'])
})

void test('only orders that a store has not shown yet are asked for again', () => {
  const outstanding = new Outstanding(['one', 'two', 'three'])
  const asked: string[] = []
  const look = (there: ReadonlySet<string>): void =>
    outstanding.found((id) => {
      asked.push(id)
      return there.has(id)
    })
  look(new Set(['one', 'three']))
  assert.deepEqual(outstanding.missing('Redis of b'), ['Redis of b: 1 of 3 acked orders not there yet'])
  look(new Set(['two']))
  assert.deepEqual(asked, ['one', 'two', 'three', 'two'])
  assert.deepEqual([outstanding.left, outstanding.missing('Redis of b')], [[], []])
})

void test('a store that was not read fails the drill by name; in one that was interrupted nobody knows', () => {
  assert.equal(everyStoreRead([], null).status, 'pass')
  const name = 'every store was read'
  const reason = 'Redis was not read: region b: connect ECONNREFUSED; Kafka was not read: region c: no leader'
  const problems = reason.split('; ')
  assert.deepEqual(everyStoreRead(problems, null), { name, status: 'fail', reason })
  assert.deepEqual(everyStoreRead(problems, 'interrupted'), { name, status: 'unknown', reason })
})

const silent = {
  wayIn: {
    forward: async (host: string) => {
      throw new Error(`${host} is not there`)
    },
    control: async () => {
      throw new Error('no agent')
    },
  },
  secrets: { postgres: 'unused' },
} as unknown as StoresOf

function storesOf(options: Pick<FinalReadOptions, 'primary' | 'live'>): FinalStores {
  const signal = new AbortController().signal
  const times = { withinMs: 0, settleWithinMs: 0 }
  return new FinalStores({
    world: silent,
    drill: 'd',
    baseline: new Map(),
    lostBelowEpoch: null,
    ackedIds: ['one'],
    signal,
    ...times,
    ...options,
  })
}

void test('each store that can not be read is null and named with its region, and can not be compared', async () => {
  await using stores = storesOf({ primary: 'b', live: ['a', 'b', 'c'] })
  assert.deepEqual(await stores.read(() => {}), { postgres: null, kafka: null, redis: null })
  assert.deepEqual(stores.problems, [
    'Postgres was not read: postgres.b is not there',
    'Kafka was not read: region a: kafka.a is not there',
    'Redis was not read: region a: redis.a is not there',
  ])
  const unread = (await stores.compare(() => {})).map((each) => each.unread)
  assert.match(unread[0] ?? '', /postgres\.b is not there/)
  assert.match(unread[1] ?? '', /kafka\.a is not there/)
  assert.match(unread[2] ?? '', /postgres\.b is not there/)
})

void test('without a primary, and with regions that do not run, no store counts as read', async () => {
  await using stores = storesOf({ primary: null, live: [] })
  assert.deepEqual(await stores.read(() => {}), { postgres: null, kafka: null, redis: null })
  assert.deepEqual(stores.problems, [
    ...['a', 'b', 'c'].map((region) => `region ${region} is not live: none of its containers runs`),
    'Postgres was not read: no region is primary in an active epoch',
  ])
  for (const { regions, rows, unread } of await stores.compare(() => {})) {
    assert.deepEqual([regions, rows], [[], 0])
    assert.match(unread ?? '', /region a is not live/)
  }
})
