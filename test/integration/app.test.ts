// The order service against real Postgres and Redis: what it acknowledges, and what it says when it can't.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, describe, test } from 'node:test'
import fastify, { type FastifyInstance } from 'fastify'
import { monotonicNs } from '#runtime/clock.ts'
import { openKafka } from '#runtime/kafkajs-session.ts'
import { createLog } from '#runtime/log.ts'
import { App } from '#services/app/app.ts'
import { PostgresBox, RedisBox } from './bus-rig.ts'
import { eventually } from './rig.ts'

const token = 'c'.repeat(32)
const body = { customer: 'Ada', item: 'lamp', quantity: 2 }
const forwarded: { key: unknown; hold: unknown }[] = []
const readsElsewhere: unknown[] = []
const nowhere = randomUUID()
const silent = randomUUID()

describe('the order service', () => {
  let postgres: PostgresBox
  let redis: RedisBox
  let app: App
  let otherApp: FastifyInstance
  let epoch = 1

  before(async () => {
    ;[postgres, redis] = await Promise.all([PostgresBox.run(), RedisBox.run()])
    await postgres.startVoter()
    otherApp = fastify()
    otherApp.post('/orders', async (incoming, reply) => {
      forwarded.push({ key: incoming.headers['idempotency-key'], hold: incoming.headers['x-firedrill-hold-ms'] })
      if (forwarded.length === 1)
        return reply.code(503).send({ error: 'not-here', outcome: 'failed', reason: 'not yet' })
      return reply.code(201).send({ id: randomUUID(), region: 'b', epoch: 99 })
    })
    otherApp.get<{ Params: { id: string } }>('/orders/:id', async (incoming, reply) => {
      readsElsewhere.push(incoming.headers['x-firedrill-forwarded'])
      if (incoming.params.id === nowhere) return reply.code(404).send({})
      if (incoming.params.id === silent) return reply.code(503).send({})
      return { ...body, id: incoming.params.id, region: 'b', epoch: 1, createdAt: 'then' }
    })
    await otherApp.listen({ host: '127.0.0.1', port: 0 })
    app = new App({
      region: 'a',
      commit: 'quorum',
      token,
      log: createLog('app', 'error'),
      openPostgres: async (duty) => await postgres.open(duty),
      openKafka,
      kafka: '127.0.0.1:1',
      redis: redis.authority,
      bridge: () => '127.0.0.1:1',
      app: () => `127.0.0.1:${(otherApp.addresses()[0] as { port: number }).port}`,
    })
    await app.publicListener.ready()
    await app.controlListener.ready()
    app.start()
  })
  after(async () => {
    await app?.stop()
    await otherApp?.close()
    await Promise.all([postgres?.[Symbol.asyncDispose](), redis?.[Symbol.asyncDispose]()])
  })
  beforeEach(async () => {
    // Each test begins as primary of an epoch of its own, with its quorum.
    if (!(await postgres.hasVoter())) await postgres.startVoter()
    epoch += 1
    await postgres.sql(
      `SET synchronous_commit = local; INSERT INTO firedrill.epoch (epoch, region) VALUES (${epoch}, 'a')`,
    )
    assert.equal((await control('PUT', '/write-region', { dataSet: 'orders', epoch, region: 'a' })).statusCode, 200)
    await eventually('readiness for writes', async () => app.readyForWrites().ready)
  })

  const post = async (key: string = randomUUID(), payload: object | string = body, headers = {}) =>
    await app.publicListener.inject({
      method: 'POST',
      url: '/orders',
      headers: { 'idempotency-key': key, 'content-type': 'application/json', ...headers },
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
    })
  const get = async (path: string, headers = {}) =>
    await app.publicListener.inject({ method: 'GET', url: path, headers })
  /** Postgres of this region begins the next epoch, and the app is not told yet. */
  const begin = async (): Promise<void> => {
    epoch += 1
    await postgres.sql(
      `SET synchronous_commit = local; INSERT INTO firedrill.epoch (epoch, region) VALUES (${epoch}, 'a')`,
    )
  }
  const publish = async (region: 'a' | 'b' | 'c') =>
    await control('PUT', '/write-region', { dataSet: 'orders', epoch, region })
  const drain = async (forwardTo: 'a' | 'b') =>
    await control('POST', '/drain', { dataSet: 'orders', epoch: epoch + 1, forwardTo, holdMs: 5000 })
  const control = async (method: 'PUT' | 'POST' | 'DELETE' | 'GET', path: string, payload?: object) =>
    await app.controlListener.inject({
      method,
      url: path,
      headers: { authorization: `Bearer ${token}` },
      ...(payload === undefined ? {} : { payload }),
    })
  const permit = async (more: object = {}) =>
    await control('PUT', '/permit', {
      dataSet: 'orders',
      epoch,
      region: 'a',
      sentNs: String(monotonicNs()),
      validForMs: 3000,
      ...more,
    })

  test('takes an order with its event, and gives it back', async () => {
    const taken = await post()
    assert.equal(taken.statusCode, 201)
    const { id, ...vouched } = taken.json<{ id: string; region: string; epoch: number }>()
    assert.deepEqual(vouched, { region: 'a', epoch })
    const found = await get(`/orders/${id}`)
    assert.equal(found.statusCode, 200)
    assert.deepEqual({ ...found.json<object>(), createdAt: '' }, { ...body, id, region: 'a', epoch, createdAt: '' })
    const [event] = await postgres.sql(`SELECT payload, event_id FROM outbox WHERE order_id = '${id}'`)
    assert.deepEqual(event?.['payload'], { type: 'order-placed', eventId: event?.['event_id'], order: found.json() })
  })

  test('answers a known key with the stored id, after a commit of its own', async () => {
    const key = randomUUID()
    const first = await post(key)
    const touched = async () =>
      (await postgres.sql(`SELECT touched_at FROM orders WHERE idempotency_key = '${key}'`))[0]
    const before = await touched()
    const second = await post(key)
    assert.equal(second.statusCode, 200)
    assert.equal(second.json().id, first.json().id)
    assert.notDeepEqual(await touched(), before)
    const events = await postgres.sql(`SELECT 1 FROM outbox WHERE order_id = '${first.json().id}'`)
    assert.equal(events.length, 1)
    const other = await post(key, { ...body, quantity: 3 })
    assert.equal(other.statusCode, 409)
    assert.equal(other.json().outcome, 'failed')
  })

  test('a write that a terminated session was waiting for is unknown, and a retry waits for a quorum of its own', async () => {
    await postgres.stopVoter()
    const key = randomUUID()
    const answer = post(key)
    const [pid] = await eventually('a session in the commit', async () => {
      const pids = await postgres.waiting()
      return pids.length > 0 && pids
    })
    await postgres.sql(`SELECT pg_terminate_backend(${pid})`)
    assert.equal((await answer).statusCode, 504)
    assert.equal((await answer).json().outcome, 'unknown')
    const rows = await postgres.sql(`SELECT id FROM orders WHERE idempotency_key = '${key}'`)
    assert.equal(rows.length, 1, 'the row is visible, though nobody vouched for it')
    const retry = await post(key)
    assert.equal(retry.statusCode, 504, 'seeing the row is no acknowledgement')
    await postgres.startVoter()
    const last = await post(key)
    assert.equal(last.statusCode, 200)
    assert.equal(last.json().id, rows[0]?.['id'])
  })

  test('a commit whose wait was cancelled answers success to Postgres, and unknown to the client', async () => {
    await postgres.stopVoter()
    const answer = post()
    const [pid] = await eventually('a session in the commit', async () => {
      const pids = await postgres.waiting()
      return pids.length > 0 && pids
    })
    await postgres.sql(`SELECT pg_cancel_backend(${pid})`)
    assert.equal((await answer).statusCode, 504)
    assert.match((await answer).json().reason, /nobody has vouched/)
    await postgres.startVoter()
  })

  test('without a quorum every write is answered in time, and the first one after it succeeds', async () => {
    await postgres.stopVoter()
    const answers = await Promise.all(Array.from({ length: 100 }, async () => await post()))
    const statuses = answers.map((answer) => answer.statusCode)
    const unknown = statuses.filter((status) => status === 504).length
    assert.ok(unknown > 0 && unknown <= 40, `no more than there are sessions are unknown, saw ${unknown}`)
    assert.equal(statuses.filter((status) => status === 503).length, 100 - unknown)
    assert.ok(answers.every((answer) => answer.json().outcome === (answer.statusCode === 504 ? 'unknown' : 'failed')))
    await postgres.startVoter()
    await eventually('a free session', async () => (await postgres.waiting()).length === 0)
    assert.equal((await post()).statusCode, 201)
  })

  test('recovers at once when Postgres has ended all sessions', async () => {
    await Promise.all(Array.from({ length: 10 }, async () => await post()))
    await postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'firedrill'")
    assert.equal((await post()).statusCode, 201)
  })

  test('refuses lower epochs, hands writes on for a while when the write region has moved, then sends them away', async () => {
    assert.equal((await permit({ epoch: epoch - 1 })).statusCode, 409)
    assert.equal((await permit({ region: 'b' })).statusCode, 409)
    epoch += 1
    await control('PUT', '/write-region', { dataSet: 'orders', epoch, region: 'b' })
    const ready = await get('/readyz?for=writes')
    assert.equal(ready.statusCode, 503)
    assert.equal(ready.json().primary, 'b')
    assert.deepEqual([(await post()).statusCode, (await post()).json().region], [201, 'b'])
    const refused = await eventually('a refused write', async () => {
      const answer = await post()
      return answer.statusCode === 503 && answer
    })
    assert.deepEqual([refused.json().outcome, refused.json().primary], ['failed', 'b'])
    const stale = await control('PUT', '/write-region', { dataSet: 'orders', epoch: epoch - 1, region: 'a' })
    assert.equal(stale.statusCode, 409)
    assert.equal((await get('/readyz')).statusCode, 203, 'reads go on, and may be old: this Postgres is deposed')
  })

  test('is ready for writes within one look once it is told of an epoch that Postgres has committed', async () => {
    epoch += 1
    await control('PUT', '/write-region', { dataSet: 'orders', epoch, region: 'b' })
    epoch += 1
    await postgres.sql(
      `SET synchronous_commit = local; INSERT INTO firedrill.epoch (epoch, region) VALUES (${epoch}, 'a')`,
    )
    await control('PUT', '/write-region', { dataSet: 'orders', epoch, region: 'a' })
    await eventually('readiness', async () => (await get('/readyz?for=writes')).statusCode === 200)
  })

  test('takes no order before the region has an epoch of its own', async () => {
    await postgres.sql(
      `SET synchronous_commit = local; INSERT INTO firedrill.epoch (epoch, region) VALUES (${epoch + 1}, 'b')`,
    )
    const refused = await post()
    assert.equal(refused.statusCode, 503)
    assert.match(refused.json().reason, /has not begun an epoch/)
    epoch += 1
  })

  test('touches Redis only under a permit, and does without it when it is gone', async () => {
    const { id } = (await post()).json()
    const read = async () => {
      const { headers, statusCode } = await get(`/orders/${id}`)
      return [statusCode, headers['x-firedrill-source'], headers['x-firedrill-permit']]
    }
    assert.deepEqual(await read(), [200, 'postgres', 'none'])
    assert.deepEqual(await read(), [200, 'postgres', 'none'], 'nothing was cached without a permit')
    await permit()
    await eventually('a cached order', async () => (await read())[1] === 'cache')
    assert.deepEqual(await read(), [200, 'cache', undefined])
    await redis.kill()
    await permit()
    assert.deepEqual(await read(), [200, 'postgres', undefined])
    await redis.start()
  })

  test('a cached order of an earlier epoch is not believed', async () => {
    const { id } = (await post()).json()
    await permit()
    const source = async () => (await get(`/orders/${id}`)).headers['x-firedrill-source']
    await eventually('a cached order', async () => (await source()) === 'cache')
    epoch += 1
    await permit()
    assert.equal(await source(), 'postgres')
  })

  test('drains: answers with the WAL position of what is in flight, then hands writes over', async () => {
    forwarded.length = 0
    await postgres.stopVoter()
    const inFlight = post()
    await eventually('a session in the commit', async () => (await postgres.waiting()).length > 0)
    const drained = await control('POST', '/drain', {
      dataSet: 'orders',
      epoch: epoch + 1,
      forwardTo: 'b',
      holdMs: 5000,
    })
    assert.equal(drained.statusCode, 200)
    assert.equal(drained.json().inFlight, 1)
    const [row] = await postgres.sql(
      `SELECT pg_current_wal_flush_lsn() >= '${drained.json().lsn}'::pg_lsn AS covers, (SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep') AS waiting`,
    )
    assert.equal(row?.['covers'], true)
    const held = await post('a-held-write')
    assert.deepEqual([held.statusCode, held.json().region], [201, 'b'])
    assert.equal(forwarded.length, 2, 'the first answer, certainly not done, was tried again')
    assert.equal(forwarded[0]?.key, 'a-held-write')
    await postgres.startVoter()
    assert.equal((await inFlight).statusCode, 201)
    await control('DELETE', '/drain')
    assert.equal((await post()).statusCode, 201)
  })

  test('from a drain on writes nothing to Postgres, and answers reads from elsewhere', async () => {
    const { id } = (await post()).json()
    assert.equal((await drain('b')).statusCode, 200)
    const transactions = async () => (await postgres.sql('SELECT pg_current_snapshot()::text AS seen'))[0]?.['seen']
    const before = await transactions()
    readsElsewhere.length = 0
    assert.equal((await get('/readyz')).statusCode, 503)
    const read = await get(`/orders/${id}`)
    assert.deepEqual([read.statusCode, read.headers['x-firedrill-source'], read.json().region], [200, 'forwarded', 'b'])
    assert.deepEqual(readsElsewhere, ['1'])
    assert.equal((await get(`/orders/${nowhere}`)).statusCode, 404)
    assert.equal(
      (await get(`/orders/${id}`, { 'x-firedrill-forwarded': '1' })).headers['x-firedrill-source'],
      'postgres',
    )
    // Longer than between two probe commits.
    for (let looks = 0; looks < 60; looks += 1) {
      assert.equal(await transactions(), before)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await control('DELETE', '/drain')
    await eventually('fresh reads', async () => (await get('/readyz')).statusCode === 200)
    await eventually('a probe commit', async () => (await transactions()) !== before)
  })

  test('a drain does not wait for writes that wait for a session: they are handed over', async () => {
    forwarded.length = 1
    await postgres.stopVoter()
    const inFlight = Array.from({ length: 40 }, async () => await post())
    await eventually('all sessions in the commit', async () => (await postgres.waiting()).length === 40)
    const queued = post('a-queued-write')
    const drained = await drain('b')
    assert.deepEqual([drained.statusCode, drained.json().inFlight], [200, 40])
    assert.deepEqual([(await queued).statusCode, (await queued).json().region], [201, 'b'])
    await postgres.startVoter()
    for (const write of inFlight) assert.ok([201, 504].includes((await write).statusCode))
    await control('DELETE', '/drain')
  })

  test('keeps the writes of a drain to itself until the next epoch is there, though nobody takes the drain back', async () => {
    assert.equal((await drain('a')).statusCode, 200)
    const held = post()
    await begin()
    await publish('a')
    assert.deepEqual([(await held).statusCode, (await held).json().epoch], [201, epoch])
    assert.equal((await get('/readyz')).statusCode, 200)
  })

  test('a later epoch of another region takes the writes of a drain along, though nobody takes the drain back', async () => {
    forwarded.length = 1
    await drain('a')
    const held = post()
    epoch += 1
    await publish('b')
    assert.deepEqual([(await held).statusCode, (await held).json().region], [201, 'b'])
  })

  test('takes what was handed over as soon as Postgres is promoted, and vouches for it once the quorum stands', async () => {
    epoch += 1
    await publish('b')
    await postgres.stopVoter()
    const handedOver = post(randomUUID(), body, { 'x-firedrill-hold-ms': '1000' })
    epoch += 1
    await postgres.promoteIn(epoch)
    await eventually('the write in its commit', async () => (await postgres.waiting()).length === 1)
    assert.equal(app.epoch(), epoch)
    await postgres.startVoter()
    const { statusCode } = await handedOver
    const taken = (await handedOver).json()
    assert.deepEqual([statusCode, taken.region, taken.epoch], [201, 'a', epoch])
    const stale = await control('PUT', '/write-region', { dataSet: 'orders', epoch: epoch - 1, region: 'b' })
    assert.equal(stale.statusCode, 409)
    await postgres.promoteIn(null)
  })

  test('asks the write region for an order that is not here yet, and calls none missing that nobody could be asked for', async () => {
    const id = randomUUID()
    assert.equal((await get(`/orders/${id}`)).statusCode, 404, 'the primary knows')
    epoch += 1
    await publish('b')
    const found = await get(`/orders/${id}`)
    assert.deepEqual([found.statusCode, found.headers['x-firedrill-source']], [200, 'forwarded'])
    assert.equal((await get(`/orders/${nowhere}`)).statusCode, 404)
    assert.equal((await get(`/orders/${id}`, { 'x-firedrill-forwarded': '1' })).statusCode, 404)
    assert.equal((await get(`/orders/${silent}`)).statusCode, 503)
  })

  test('says that reads may be stale while commits have no quorum, and answers them', async () => {
    const { id } = (await post()).json()
    await postgres.stopVoter()
    await eventually('stale reads', async () => (await get('/readyz')).statusCode === 203)
    assert.equal((await get(`/orders/${id}`)).statusCode, 200)
    await postgres.startVoter()
    await eventually('fresh reads', async () => (await get('/readyz')).statusCode === 200)
  })

  test('a late drain, for an epoch that is known already, is refused', async () => {
    const late = await control('POST', '/drain', { dataSet: 'orders', epoch, forwardTo: 'b', holdMs: 5000 })
    assert.equal(late.statusCode, 409)
  })

  test('a check of readiness is answered when the region becomes ready', async () => {
    epoch += 1
    await publish('b')
    const ask = async () => await get('/readyz?for=writes&wait-ms=2000')
    assert.equal((await ask()).statusCode, 503)
    await eventually('a check that was kept open', async () => {
      const before = performance.now()
      return (await ask()).statusCode === 503 && performance.now() - before > 1900
    })
    const kept = ask()
    await begin()
    await publish('a')
    assert.equal((await kept).statusCode, 200)
  })

  test('keeps a forwarded write until it may write', async () => {
    epoch += 1
    await control('PUT', '/write-region', { dataSet: 'orders', epoch, region: 'b' })
    const held = post(randomUUID(), body, { 'x-firedrill-hold-ms': '1000' })
    epoch += 1
    await postgres.sql(
      `SET synchronous_commit = local; INSERT INTO firedrill.epoch (epoch, region) VALUES (${epoch}, 'a')`,
    )
    await control('PUT', '/write-region', { dataSet: 'orders', epoch, region: 'a' })
    assert.equal((await held).statusCode, 201)
    assert.equal((await held).json().epoch, epoch)
  })

  test('says what is wrong with a bad request, in one shape', async () => {
    const cases: [Awaited<ReturnType<typeof post>>, number, RegExp][] = [
      [await post('short'), 400, /idempotency-key: expected 8 to 128 printable characters, saw "short"/],
      [await post(randomUUID(), { ...body, quantity: 0 }), 400, /^quantity: .*saw 0$/],
      [await post(randomUUID(), { ...body, extra: 1 }), 400, /extra/],
      [await post(randomUUID(), '{"customer":'), 400, /JSON/],
      [await post(randomUUID(), { ...body, item: 'x'.repeat(20_000) }), 413, /too large/],
      [await get('/orders/not-a-uuid'), 400, /expected a UUID, saw "not-a-uuid"/],
      [await get(`/orders/${randomUUID()}`), 404, /there is no order/],
      [await get('/nowhere'), 404, /expected \/orders/],
    ]
    for (const [answer, status, reason] of cases) {
      assert.equal(answer.statusCode, status, answer.body)
      assert.equal(answer.json().outcome, 'failed')
      assert.match(answer.json().reason, reason)
    }
  })

  test('tells its metrics', async () => {
    const { body: text } = await get('/metrics')
    assert.match(text, /firedrill_writes_total\{outcome="ok"\} \d+/)
  })

  // The last one: its Postgres does not come back.
  test('without Postgres, reads are answered from elsewhere, and writes go to the next write region', async () => {
    const { id } = (await post()).json()
    forwarded.length = 1
    await postgres.kill()
    const held = post()
    epoch += 1
    await publish('b')
    assert.deepEqual([(await held).statusCode, (await held).json().region], [201, 'b'])
    const read = await get(`/orders/${id}`)
    assert.deepEqual([read.statusCode, read.headers['x-firedrill-source']], [200, 'forwarded'])
    assert.equal((await get(`/orders/${id}`, { 'x-firedrill-forwarded': '1' })).statusCode, 503)
    await eventually('no readiness for reads', async () => (await get('/readyz')).statusCode === 503)
  })
})
