// The way of an event from the outbox to each region's Kafka and into a region's Redis: nothing lost, nothing applied twice.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { Bridge } from '#orchestrator/bridge/bridge.ts'
import { partitionOf, type PositionsReply } from '#protocol/bus.ts'
import { redisKeys } from '#protocol/order.ts'
import type { Region } from '#protocol/sites.ts'
import { createControlListener } from '#runtime/http.ts'
import { openKafka } from '#runtime/kafkajs-session.ts'
import { createLog } from '#runtime/log.ts'
import { connectRedis, type RedisPort } from '#runtime/redis.ts'
import { Projection } from '#services/app/projection.ts'
import { Relay } from '#services/app/relay.ts'
import { eventOf, KafkaBox, PostgresBox, RedisBox } from './bus-rig.ts'
import { eventually } from './rig.ts'

const token = 'c'.repeat(32)
const log = createLog('relay', 'fatal')
const sorted = (list: readonly string[]) => [...list].sort()
const distinct = (list: readonly string[]) => sorted([...new Set(list)])

/** The control listener of a bridge that says whatever the test has it say. */
class BridgeFront {
  readonly #listener: FastifyInstance = createControlListener(token)
  says: () => PositionsReply | null = () => null
  async listen(): Promise<void> {
    this.#listener.get(
      '/positions',
      async (_incoming, reply) => this.says() ?? reply.code(503).send({ error: 'silent' }),
    )
    await this.#listener.listen({ host: '127.0.0.1', port: 0 })
  }
  get authority(): string {
    return `127.0.0.1:${(this.#listener.server.address() as AddressInfo).port}`
  }
  async close(): Promise<void> {
    await this.#listener.close()
  }
}

describe('the bus', () => {
  let postgres: PostgresBox
  let redis: RedisBox
  let raw: Redis
  let port: RedisPort
  let a: KafkaBox
  let b: KafkaBox
  const fronts: Record<'a' | 'b' | 'c', BridgeFront> = {
    a: new BridgeFront(),
    b: new BridgeFront(),
    c: new BridgeFront(),
  }
  let epoch = 1

  before(async () => {
    ;[postgres, redis, a, b] = await Promise.all([PostgresBox.run(), RedisBox.run(), KafkaBox.run(), KafkaBox.run()])
    await postgres.startVoter()
    await Promise.all(Object.values(fronts).map(async (front) => await front.listen()))
    raw = new Redis({ host: '127.0.0.1', port: redis.port })
    raw.on('error', () => undefined)
    port = connectRedis(redis.authority, 2000)
  })
  beforeEach(async () => {
    await Promise.all([a.replace(), b.replace()])
    await Promise.all([
      a.ready(),
      b.ready(),
      raw.flushall(),
      postgres.sql('SET synchronous_commit = local; TRUNCATE outbox'),
    ])
    for (const front of Object.values(fronts)) front.says = () => null
    await beginEpoch('a')
  })
  after(async () => {
    raw?.disconnect()
    port?.disconnect()
    await Promise.all(Object.values(fronts).map(async (front) => await front.close()))
    await Promise.all([postgres, redis, a, b].map(async (box) => await box?.[Symbol.asyncDispose]()))
  })

  async function beginEpoch(region: Region): Promise<void> {
    epoch += 1
    await postgres.sql(
      `SET synchronous_commit = local; INSERT INTO firedrill.epoch (epoch, region) VALUES (${epoch}, '${region}')`,
    )
  }
  async function place(count: number): Promise<string[]> {
    const ids = Array.from({ length: count }, () => randomUUID())
    const values = ids.map((id) => `('${id}', '${id}', '${JSON.stringify(eventOf(id))}', ${epoch})`)
    await postgres.sql(
      `SET synchronous_commit = local; INSERT INTO outbox (event_id, order_id, payload, epoch) VALUES ${values.join(',')}`,
    )
    return ids
  }
  const left = async () => Number((await postgres.sql('SELECT count(*) AS rows FROM outbox'))[0]?.['rows'])
  function relayOf(region: 'a' | 'b', permittedEpoch: () => number | null = () => epoch) {
    const relay = new Relay({
      region,
      commit: 'quorum',
      openPostgres: async (duty) => await postgres.open(duty),
      openKafka,
      kafka: (region === 'a' ? a : b).authority,
      bridge: (each) => fronts[each].authority,
      token,
      permittedEpoch,
      log,
    })
    relay.start()
    return Object.assign(relay, { [Symbol.asyncDispose]: async () => await relay.stop() })
  }
  function bridgeOf(region: 'a' | 'b') {
    const kafka = (each: Region) => (each === 'a' ? a.authority : b.authority)
    const bridge = new Bridge({ region, sources: ['a', 'b'], open: openKafka, log, kafka })
    bridge.start()
    fronts[region].says = () => bridge.positions()
    return Object.assign(bridge, { [Symbol.asyncDispose]: async () => await bridge.stop() })
  }
  /** Region c copies whatever b copies. */
  const echoAsC = (bridge: Bridge) => (fronts.c.says = () => ({ ...bridge.positions(), region: 'c' }))
  function project() {
    const projection = new Projection({ region: 'a', redis: port, openKafka, kafka: a.authority, log })
    projection.start()
    return Object.assign(projection, { [Symbol.asyncDispose]: async () => await projection.stop() })
  }

  test('an event is not passed over whose transaction is younger than that of a higher number, and ends later', async () => {
    await using _relay = relayOf('a')
    const [older, younger] = await Promise.all([postgres.open('older'), postgres.open('younger')])
    using sessions = new DisposableStack()
    for (const session of [older, younger]) sessions.defer(() => session.close())
    const [olderId, youngerId] = [randomUUID(), randomUUID()]
    const insert = async (session: typeof older, id: string) =>
      await session.query('INSERT INTO outbox (event_id, order_id, payload, epoch) VALUES ($1, $1, $2, $3)', [
        id,
        JSON.stringify(eventOf(id)),
        epoch,
      ])
    for (const session of [older, younger]) {
      await session.query('SET synchronous_commit = local')
      await session.query('BEGIN')
      await session.query('SELECT pg_current_xact_id()')
    }
    await insert(younger, youngerId)
    await insert(older, olderId)
    await older.query('COMMIT')
    await eventually('the higher number in kafka', async () => (await a.eventIds()).includes(olderId))
    const [next] = await place(1)
    await eventually('another look', async () => (await a.eventIds()).includes(next ?? ''))
    await younger.query('COMMIT')
    await eventually('the lower number in kafka', async () => (await a.eventIds()).includes(youngerId))
  })

  test('an event that can be seen without its quorum leaves once the quorum has it, and not before', async () => {
    const settled = await place(1)
    await using relay = relayOf('a')
    await a.untilItHas(settled)
    await postgres.stopVoter()
    const session = await postgres.open('write')
    using sessions = new DisposableStack()
    sessions.defer(() => session.close())
    const id = randomUUID()
    const commit = session.query('INSERT INTO outbox (event_id, order_id, payload, epoch) VALUES ($1, $1, $2, $3)', [
      id,
      JSON.stringify(eventOf(id)),
      epoch,
    ])
    await eventually('the commit to wait', async () => (await postgres.waiting()).length === 1)
    await postgres.sql(`SELECT pg_cancel_backend(${(await postgres.waiting())[0]})`)
    assert.equal((await commit).unvouched, true)
    assert.equal(await left(), 2, 'anybody can see it')
    relay.wake()
    const asks = "application_name = 'firedrill-app-relay' AND query LIKE '%FROM pg_stat_replication%'"
    await eventually(
      'the relay to ask for the quorum',
      async () => (await postgres.sql(`SELECT FROM pg_stat_activity WHERE ${asks}`)).length === 1,
    )
    assert.equal(relay.status().sent, 1)
    assert.deepEqual(await a.eventIds(), settled)
    await postgres.startVoter()
    await a.untilItHas([id])
  })

  test('a row is done when every other region has its event, and not before', async () => {
    const ids = await place(50)
    await using bridge = bridgeOf('b')
    await using relay = relayOf('a')
    await b.untilItHas(ids)
    await eventually('all to be sent', async () => relay.status().unconfirmed === 50)
    assert.equal(await left(), 50, 'region c has said nothing yet')
    echoAsC(bridge)
    await eventually('an empty outbox', async () => (await left()) === 0)
    assert.deepEqual(sorted(await a.eventIds()), sorted(ids), 'each was sent once')
    const more = await place(1)
    relay.wake()
    await b.untilItHas(more)
  })

  test('a bridge that was out before its source died loses nothing: the next primary sends again', async () => {
    const early = await place(10)
    let late: string[] = []
    {
      await using bridge = bridgeOf('b')
      echoAsC(bridge)
      await using relay = relayOf('a')
      await eventually('an empty outbox', async () => (await left()) === 0)
      await bridge.stop()
      late = await place(20)
      relay.wake()
      await a.untilItHas(late)
    }
    await a.kill()
    await beginEpoch('b')
    await using bridge = bridgeOf('b')
    bridge.learnEpoch(epoch)
    await using relay = relayOf('b')
    relay.wake()
    await b.untilItHas([...early, ...late])
    await a.start()
    await a.ready()
    await eventually('the bridge to look at a again', async () => bridge.positions().refused > 0)
    assert.deepEqual(sorted(await b.eventIds()), sorted([...early, ...late]), 'what a had sent too late was refused')
  })

  test('keeps still without a permit, and under a permit of another epoch than that of Postgres', async () => {
    const ids = await place(5)
    let permitted: number | null = null
    await using relay = relayOf('a', () => permitted)
    assert.equal(relay.status().active, false)
    permitted = epoch - 1
    relay.wake()
    const isActive = async (wanted: boolean) => relay.status().active === wanted
    await eventually('a look', async () => await isActive(true))
    await eventually('its end', async () => await isActive(false))
    assert.deepEqual(await a.eventIds(), [])
    permitted = epoch
    relay.wake()
    await a.untilItHas(ids)
  })

  test('sends again when its Kafka was made anew', async () => {
    const ids = await place(20)
    await using relay = relayOf('a')
    await a.untilItHas(ids)
    await a.replace()
    await a.ready()
    relay.wake()
    await a.untilItHas(ids)
  })

  test('each event is applied once, however often it is delivered', async () => {
    const ids = Array.from({ length: 30 }, () => randomUUID())
    await raw.set(redisKeys.order(ids[0] ?? ''), 'cached')
    await a.publish('a', 1, ids)
    await using projection = project()
    const counts = async () => await projection.counts()
    await eventually('the projection', async () => (await counts())?.applied === 30)
    await a.publish('b', 2, ids)
    await eventually('the duplicates', async () => (await counts())?.delivered === 60)
    assert.deepEqual(await counts(), { delivered: 60, duplicates: 30, refused: 0, applied: 30, distinct: 30 })
    assert.equal(await raw.get(redisKeys.order(ids[0] ?? '')), null, 'the cached order is dropped')
    for (const id of ids) assert.equal(await raw.hget(redisKeys.projection(id), 'applied'), '1')
  })

  test('what the own relay wrote under a deposed epoch is refused, history of other regions is not', async () => {
    const [first = '', second = '', third = ''] = Array.from({ length: 200 }, () => randomUUID()).filter(
      (id) => partitionOf(id) === 0,
    )
    await a.publish('b', 5, [first])
    await a.publish('a', 4, [second])
    await a.publish('c', 4, [third])
    await using projection = project()
    await eventually('all three', async () => (await projection.counts())?.delivered === 3)
    assert.deepEqual(await projection.counts(), { delivered: 3, duplicates: 0, refused: 1, applied: 2, distinct: 2 })
    assert.equal(await raw.exists(redisKeys.projection(second)), 0)
  })

  test('what the bridge has brought back of the own region is applied, whatever has been seen before', async () => {
    const [first = '', second = ''] = Array.from({ length: 200 }, () => randomUUID()).filter(
      (id) => partitionOf(id) === 0,
    )
    await a.publish('b', 5, [first])
    await a.publish('a', 4, [second], { isCopy: true })
    await using projection = project()
    await eventually('both', async () => (await projection.counts())?.delivered === 2)
    assert.deepEqual(await projection.counts(), { delivered: 2, duplicates: 0, refused: 0, applied: 2, distinct: 2 })
  })

  test('a Redis that lost its data is rebuilt though nothing new comes', async () => {
    const ids = Array.from({ length: 30 }, () => randomUUID())
    await a.publish('a', 1, ids)
    await using projection = project()
    const applied = async () => (await projection.counts())?.applied === 30
    await eventually('the projection', applied)
    await raw.flushall()
    await eventually('the projection to be rebuilt', applied)
  })

  test('a Redis that lost its data is rebuilt from the beginning of Kafka, and one that was killed goes on', async () => {
    const ids = Array.from({ length: 30 }, () => randomUUID())
    await a.publish('a', 1, ids)
    await using projection = project()
    const applied = async (count: number) =>
      await eventually(`${count} applied`, async () => (await projection.counts())?.applied === count)
    await applied(30)
    await raw.flushall()
    const more = Array.from({ length: 3 }, () => randomUUID())
    await a.publish('a', 1, more)
    await applied(33)
    await redis.kill()
    const last = Array.from({ length: 3 }, () => randomUUID())
    await a.publish('a', 1, last)
    await redis.start()
    await applied(36)
    assert.equal((await projection.counts())?.distinct, 36)
    assert.deepEqual(distinct(await raw.smembers(redisKeys.seen)), sorted([...ids, ...more, ...last]))
  })

  test('a Redis that is full applies nothing in part, and goes on where it was once there is room', async () => {
    const ids = Array.from({ length: 60 }, () => randomUUID())
    await a.publish('a', 1, ids.slice(0, 30))
    await using projection = project()
    await eventually('the first 30', async () => (await projection.counts())?.applied === 30)
    const [, room = ''] = await raw.config('GET', 'maxmemory')
    await raw.config('RESETSTAT')
    await raw.config('SET', 'maxmemory', '1')
    await a.publish('a', 1, ids.slice(30))
    await eventually('a refusal', async () => (await raw.info('errorstats')).includes('errorstat_OOM'))
    assert.equal((await projection.counts())?.delivered, 30)
    await raw.config('SET', 'maxmemory', room)
    await eventually('all 60', async () => (await projection.counts())?.applied === 60)
    assert.deepEqual(await projection.counts(), { delivered: 60, duplicates: 0, refused: 0, applied: 60, distinct: 60 })
    assert.deepEqual(distinct(await raw.smembers(redisKeys.seen)), sorted(ids))
  })
})
