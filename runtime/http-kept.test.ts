import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { z } from 'zod'
import { call, createControlListener } from './http.ts'

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
