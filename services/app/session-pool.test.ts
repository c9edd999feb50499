import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Session } from '#runtime/postgres.ts'
import { NoSession, SessionPool } from './session-pool.ts'

/** A server whose sessions are opened when the test says so. */
class Server {
  opened = 0
  readonly pending: PromiseWithResolvers<Session>[] = []

  async open(): Promise<Session> {
    const opening = Promise.withResolvers<Session>()
    this.pending.push(opening)
    return opening.promise
  }

  async letIn(): Promise<void> {
    const opening = this.pending.shift()
    assert.ok(opening)
    this.opened += 1
    opening.resolve({ isOpen: true, close: () => undefined } as unknown as Session)
    for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  }

  async refuse(): Promise<void> {
    this.pending.shift()?.reject(new Error('refused'))
    for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  }

  pool(size: number): SessionPool {
    return new SessionPool({ open: async () => this.open(), size, queueSize: 100 })
  }
}

test('a crowd is served by few sessions: two are opened at once, and those given back are used first', async () => {
  const server = new Server()
  const pool = server.pool(10)
  const crowd = Array.from({ length: 6 }, async () => pool.acquire(1000))
  assert.equal(server.pending.length, 2)
  await server.letIn()
  assert.equal(server.pending.length, 2, 'the next one of the queue has its session opened')
  const first = await crowd[0]
  assert.ok(first)
  pool.release(first)
  assert.equal(await Promise.race(crowd.slice(1)), first)
  while (server.pending.length > 0) await server.letIn()
  assert.equal((await Promise.all(crowd)).length, 6)
  assert.equal(server.opened, 5)
})

test('sessions opened ahead of need are there at once; broken ones are replaced', async () => {
  const server = new Server()
  const pool = server.pool(10)
  const warmed = pool.warm(3)
  void pool.warm(3)
  for (let round = 0; round < 3; round += 1) {
    assert.equal(server.pending.length, 1, 'one after another')
    await server.letIn()
  }
  await warmed
  await pool.warm(3)
  assert.equal(server.opened, 3)
  const session = await pool.acquire(1000)
  assert.equal(server.opened, 3)
  Object.assign(session, { isOpen: false })
  pool.release(session)
  const again = pool.warm(3)
  await server.letIn()
  await again
  assert.equal(server.opened, 4)
})

test('sessions that a crowd left behind are closed once nobody uses them, the longest idle first, down to the warm ones', async () => {
  const server = new Server()
  const pool = server.pool(10)
  const crowd = Array.from({ length: 5 }, async () => pool.acquire(1000))
  while (server.pending.length > 0) await server.letIn()
  const sessions = await Promise.all(crowd)
  const closed: number[] = []
  for (const [index, session] of sessions.entries()) Object.assign(session, { close: () => closed.push(index) })
  for (const session of sessions.slice(1)) pool.release(session)
  pool.trim(3, 60_000)
  assert.deepEqual(closed, [], 'none has been idle for a minute')
  pool.trim(3, 0)
  assert.deepEqual(closed, [1, 2], 'the one that is lent counts')
  assert.equal(await pool.acquire(1000), sessions[4])
})

test('a server that lets nobody in turns away everybody who waits, one after another', async () => {
  const server = new Server()
  const pool = server.pool(3)
  const crowd = Promise.allSettled(Array.from({ length: 4 }, async () => pool.acquire(1000)))
  for (let round = 0; round < 10; round += 1) await server.refuse()
  for (const outcome of await crowd) assert.ok(outcome.status === 'rejected' && outcome.reason instanceof NoSession)
  assert.equal(pool.lent, 0)
})

test('a session that is opened too late for its waiter serves the next one', async () => {
  const server = new Server()
  const pool = server.pool(3)
  const first = pool.acquire(1000)
  const second = pool.acquire(1000)
  await assert.rejects(pool.acquire(1), /were taken for 1 ms/)
  for (let round = 0; round < 3; round += 1) if (server.pending.length > 0) await server.letIn()
  await Promise.all([first, second])
  assert.equal(pool.lent, 2)
})
