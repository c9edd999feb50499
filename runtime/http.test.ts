import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { z } from 'zod'
import { call, createControlListener } from './http.ts'

test('a call without a body is taken, a DELETE too', async () => {
  const token = 't'.repeat(32)
  const listener = createControlListener(token)
  listener.delete('/drain', async () => ({ drained: false }))
  await listener.listen({ host: '127.0.0.1', port: 0 })
  const { port } = listener.server.address() as AddressInfo
  try {
    const reply = z.object({ drained: z.boolean() })
    const options = { authority: `127.0.0.1:${port}`, path: '/drain', token, reply, timeoutMs: 2000 } as const
    assert.deepEqual(await call({ ...options, method: 'DELETE' }), { drained: false })
  } finally {
    await listener.close()
  }
})
