// The stores of regions compared with each other: real Postgres, Redis and Kafka of two regions, in which differences are planted.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, describe, test } from 'node:test'
import { Redis } from 'ioredis'
import { FinalStores, type KafkaBaseline } from '#gameday/final-reads/final-reads.ts'
import type { StoresOf } from '#gameday/final-reads/region-postgres.ts'
import type { StoreAgreement } from '#gameday/measure/record.ts'
import { partitionOf } from '#protocol/bus.ts'
import { eventHeaders, ordersTopic, redisKeys } from '#protocol/order.ts'
import { topicEnd } from '#gameday/final-reads/kafka.ts'
import { eventOf, KafkaBox, PostgresBox, RedisBox } from './bus-rig.ts'

type TwoOf<Box> = Readonly<Record<'a' | 'b', Box>>

const createdAt = '2026-01-01T00:00:00.000Z'
const onlyC = 'region c is not live: none of its containers runs'
const present = new Set(['a', 'b'])

function projected(id: string, quantity = 1): string {
  const order = { customer: 'Ada', item: 'lamp', quantity, id, region: 'a', epoch: 1, createdAt }
  return JSON.stringify(order)
}

describe('the stores of two regions', () => {
  let postgres: TwoOf<PostgresBox>
  let redis: TwoOf<RedisBox>
  let kafka: TwoOf<KafkaBox>
  let raw: TwoOf<Redis>
  let world: StoresOf
  let baseline: KafkaBaseline
  let ids: string[]
  const both = ['a', 'b'] as const

  before(async () => {
    const [pa, pb, ra, rb, ka, kb] = await Promise.all([
      PostgresBox.run(),
      PostgresBox.run(),
      RedisBox.run(),
      RedisBox.run(),
      KafkaBox.run(),
      KafkaBox.run(),
    ])
    postgres = { a: pa, b: pb }
    redis = { a: ra, b: rb }
    kafka = { a: ka, b: kb }
    raw = { a: new Redis({ port: ra.port }), b: new Redis({ port: rb.port }) }
    const portOf = (host: string): number => {
      const [service, region] = host.split('.') as ['postgres' | 'redis' | 'kafka', 'a' | 'b']
      assert.ok(present.has(region), `${host} is not there`)
      return { postgres, redis, kafka }[service][region].port
    }
    world = {
      wayIn: {
        forward: async (host: string) => ({ port: portOf(host), close: async () => {} }),
        control: async () => ({ reached: true }),
      },
      secrets: { postgres: 'unused' },
    } as unknown as StoresOf
  })

  after(async () => {
    for (const each of [raw?.a, raw?.b]) each?.disconnect()
    const boxes = [postgres, redis, kafka].flatMap((two) => (two === undefined ? [] : [two.a, two.b]))
    await Promise.all(boxes.map((box) => box[Symbol.asyncDispose]()))
  })

  async function sql(region: 'a' | 'b', text: string): Promise<void> {
    await postgres[region].sql(`SET synchronous_commit = local; ${text}`)
  }

  async function store(region: 'a' | 'b', each: readonly string[]): Promise<void> {
    const rows = each.map(
      (id) => `('${id}', 'drill-${id}', 'h', 'Ada', 'lamp', 1, 'a', 1, '${createdAt}', '${createdAt}')`,
    )
    await sql(region, `INSERT INTO orders VALUES ${rows.join(', ')}`)
  }

  async function project(region: 'a' | 'b', each: readonly string[]): Promise<void> {
    const pipeline = raw[region].pipeline()
    for (const id of each) pipeline.hset(redisKeys.projection(id), 'order', projected(id), 'event', id, 'applied', '1')
    await pipeline.exec()
  }

  beforeEach(async () => {
    ids = Array.from({ length: 300 }, () => randomUUID()).toSorted()
    for (const region of both) {
      await sql(region, `TRUNCATE orders, outbox; UPDATE firedrill.epoch SET taken_at = '${createdAt}'`)
      await store(region, ids)
      await raw[region].flushall()
      await project(region, ids)
    }
    await Promise.all(both.map((region) => kafka[region].publish('a', 1, ['before'], { atATime: 1 })))
    baseline = new Map(await Promise.all(both.map(async (region) => [region, await topicEnd(world, region)] as const)))
    for (const region of both) await kafka[region].publish('a', 1, ids, { atATime: 300 })
  })

  async function compared(
    lostBelowEpoch: number | null = null,
  ): Promise<Record<StoreAgreement['store'], StoreAgreement>> {
    await using stores = new FinalStores({
      world,
      drill: 'drill',
      primary: 'a',
      live: both,
      baseline,
      lostBelowEpoch,
      ackedIds: ids,
      withinMs: 300,
      signal: new AbortController().signal,
      settleWithinMs: 300,
    })
    const reads = await stores.read(() => {})
    assert.equal(reads.postgres?.keys.size, (await postgres.a.sql('SELECT 1 FROM orders')).length)
    const agreement = await stores.compare(() => {})
    return Object.fromEntries(agreement.map((each) => [each.store, each])) as Awaited<ReturnType<typeof compared>>
  }

  function found(agreement: StoreAgreement): readonly string[] {
    assert.deepEqual(agreement.regions, both)
    assert.equal(agreement.unread, onlyC)
    assert.equal(agreement.differing, agreement.differences.length)
    return agreement.differences
  }

  const at = (index: number): string => ids[index] ?? ''

  test('that are equal agree, an event that was sent again included', async () => {
    await kafka.b.publish('a', 2, ['before'])
    const { postgres, kafka: events, redis } = await compared()
    assert.deepEqual([found(postgres), found(events), found(redis)], [[], [], []])
    assert.deepEqual([postgres.rows, events.rows, redis.rows], [301, 301, 300])
  })

  test('rows of a copy that were changed, are missing or too many are named', async () => {
    await sql('b', `UPDATE orders SET touched_at = '2026-01-02Z' WHERE id = '${at(3)}'`)
    await sql('b', `DELETE FROM orders WHERE id = '${at(5)}'`)
    const extra = 'ffffffff-ffff-4fff-bfff-ffffffffffff'
    await store('b', [extra])
    await sql(
      'a',
      `INSERT INTO outbox (seq, event_id, order_id, payload, epoch) VALUES (9, '${extra}', '${extra}', '{}', 1)`,
    )
    const [changed, missing, tooMany, event, ...more] = found((await compared()).postgres)
    assert.match(
      changed ?? '',
      new RegExp(`^orders ${at(3)}: touched_at is "2026-01-01.* in a and "2026-01-02.* in b$`),
    )
    assert.equal(missing, `orders ${at(5)}: missing in b, there in a`)
    assert.equal(tooMany, `orders ${extra}: missing in a, there in b`)
    assert.equal(event, 'outbox 9: missing in b, there in a')
    assert.deepEqual(more, [])
  })

  test('a projection of another order, one that is missing, one of no order are named', async () => {
    await raw.b.hset(redisKeys.projection(at(7)), 'order', projected(at(8)))
    await raw.b.hset(redisKeys.projection(at(9)), 'order', projected(at(9), 5))
    await raw.a.del(redisKeys.projection(at(11)))
    const stranger = randomUUID()
    await raw.b.hset(redisKeys.projection(stranger), 'order', projected(stranger))
    await raw.a.hset(redisKeys.projection('no id'), 'order', projected(at(1)))
    const sentences = found((await compared()).redis).toSorted()
    assert.deepEqual(
      sentences,
      [
        `order ${at(7)}: id is "${at(8)}" in Redis of b, "${at(7)}" in Postgres of a`,
        `order ${at(9)}: quantity is 5 in Redis of b, 1 in Postgres of a`,
        `order ${at(11)}: missing in Redis of a, there in Postgres of a`,
        `order ${stranger}: missing in Postgres of a, there in Redis of b`,
        'order no id: missing in Postgres of a, there in Redis of a',
      ].toSorted(),
    )
  })

  test('what drills before this one have lost is no disagreement, what this one lost is', async () => {
    const stranger = randomUUID()
    await raw.b.hset(redisKeys.projection(stranger), 'order', projected(stranger))
    await raw.b.del(redisKeys.projection(at(4)))
    const missing = `order ${at(4)}: missing in Redis of b, there in Postgres of a`
    assert.deepEqual(found((await compared(2)).redis), [missing])
    const lost = `order ${stranger}: missing in Postgres of a, there in Redis of b`
    assert.deepEqual(found((await compared(1)).redis).toSorted(), [missing, lost].toSorted())
  })

  test('an event with another value, and one that a region lacks, are named', async () => {
    const value = Buffer.from(JSON.stringify({ ...eventOf(at(2)), type: 'order-lost' }))
    const headers = { [eventHeaders.id]: 'changed', [eventHeaders.origin]: 'a', [eventHeaders.epoch]: '1' }
    const publish = (region: 'a' | 'b', value: Buffer): Promise<unknown> =>
      kafka[region].use((session) =>
        session.produce(ordersTopic, new Map([[partitionOf(at(2)), [{ key: at(2), value, headers }]]])),
      )
    await publish('a', Buffer.from(JSON.stringify(eventOf(at(2)))))
    await publish('b', value)
    await kafka.b.publish('a', 1, ['only in b'])
    assert.deepEqual(found((await compared()).kafka).toSorted(), [
      `event changed of order ${at(2)}: its records in a, b have different values`,
      'event only in b of order only in b: missing in a, there in b',
    ])
  })

  test('a region whose store is gone is told, and what the others hold is compared', async () => {
    present.delete('b')
    try {
      const { postgres, redis, kafka } = await compared()
      for (const { unread } of [postgres, redis, kafka]) assert.match(unread ?? '', /of b|region b/)
    } finally {
      present.add('b')
    }
  })
})
