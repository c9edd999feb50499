import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { z } from 'zod'
import { call, createControlListener, WarmConnections } from './http.ts'

test('calls one after another share a connection, and one that hangs holds up no other', async () => {
  const token = 't'.repeat(32)
  const listener = createControlListener(token)
  const hanging = Promise.withResolvers<object>()
  let connections = 0
  listener.server.on('connection', () => (connections += 1))
  listener.get('/hangs', async () => hanging.promise)
  listener.get('/answers', async () => ({ connections }))
  await listener.listen({ host: '127.0.0.1', port: 0 })
  const authority = `127.0.0.1:${(listener.server.address() as AddressInfo).port}`
  const get = async (path: string): Promise<{ connections: number }> =>
    call({ method: 'GET', authority, path, token, reply: z.object({ connections: z.number() }), timeoutMs: 5000 })
  try {
    for (let round = 0; round < 3; round += 1) assert.deepEqual(await get('/answers'), { connections: 1 })
    const hung = get('/hangs')
    assert.deepEqual(await get('/answers'), { connections: 2 })
    hanging.resolve({ connections: 0 })
    await hung
  } finally {
    await listener.close()
  }
})

test('a call that matters finds an open connection at rest, also while one is being warmed', async () => {
  const token = 't'.repeat(32)
  const listener = createControlListener(token)
  let hanging = Promise.withResolvers<object>()
  hanging.resolve({})
  let connections = 0
  listener.server.on('connection', () => (connections += 1))
  listener.get('/status', async () => hanging.promise)
  listener.post('/order', async () => ({}))
  await listener.listen({ host: '127.0.0.1', port: 0 })
  const authority = `127.0.0.1:${(listener.server.address() as AddressInfo).port}`
  const common = { authority, token, reply: z.object({}), timeoutMs: 5000 }
  const warm = new WarmConnections()
  const warmOnce = async (): Promise<void> =>
    warm.warm(async (set) => call({ ...common, method: 'GET', path: '/status', connections: set }))
  try {
    await warmOnce()
    await warmOnce()
    assert.equal(connections, 2)
    hanging = Promise.withResolvers<object>()
    const warming = warmOnce()
    await call({ ...common, method: 'POST', path: '/order', body: {}, connections: warm.ready })
    hanging.resolve({})
    await warming
    assert.equal(connections, 2)
  } finally {
    await listener.close()
  }
})

const table = '/proc/net/tcp'
const skip = existsSync(table) ? false : `only Linux shows the timers of connections (${table})`

test('an idle connection is probed, so that one to a process that is gone is not kept', { skip }, async () => {
  const token = 't'.repeat(32)
  const listener = createControlListener(token)
  listener.get('/', async () => ({}))
  await listener.listen({ host: '127.0.0.1', port: 0 })
  const { port } = listener.server.address() as AddressInfo
  try {
    await call({
      method: 'GET',
      authority: `127.0.0.1:${port}`,
      path: '/',
      token,
      reply: z.object({}),
      timeoutMs: 5000,
    })
    // Fields: number, local and remote address, state, queues, timer (2 is keep-alive) and when it is due, in hundredths of a second.
    const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
    const line = readFileSync(table, 'utf8')
      .split('\n')
      .map((each) => each.trim().split(/\s+/))
      .find((fields) => fields[2] === remote && fields[3] === '01')
    const [timer, due] = line?.[5]?.split(':') ?? []
    assert.equal(timer, '02')
    assert.ok(Number.parseInt(due ?? '', 16) <= 200, `expected a probe within 2 s, saw ${due}`)
  } finally {
    await listener.close()
  }
})
