// Calls through the way in that get no answer, or none that is understood, fail in words, and in time.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, test } from 'node:test'
import { z } from 'zod'
import { DockerWayIn, WayInFailed } from './docker-way-in.ts'

let close = (): void => {}
afterEach(() => close())

async function wayInTo(answer: http.RequestListener, onConnect: () => void = () => {}): Promise<DockerWayIn> {
  const server = http.createServer(answer).on('connect', onConnect).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const wayIn = new DockerWayIn({ host: '127.0.0.1', port, token: 'x', controlToken: 'x' })
  close = () => {
    wayIn.close()
    server.closeAllConnections()
    server.close()
  }
  return wayIn
}

const call = { method: 'GET', path: '/clock', reply: z.object({ at: z.string() }), timeoutMs: 50 } as const
const failsWith = (expected: RegExp) => (error: unknown) => error instanceof WayInFailed && expected.test(error.message)

test('a call that is not answered fails when its time is over', async () => {
  const wayIn = await wayInTo(() => {})
  await assert.rejects(wayIn.wan(call), failsWith(/^GET wan\/clock: no answer within 50 ms$/))
})

test('a call whose connection breaks says what was asked', async () => {
  const wayIn = await wayInTo((request) => request.socket.destroy())
  await assert.rejects(wayIn.wan(call), failsWith(/^GET wan\/clock: socket hang up$/))
})

test('an answer of another shape is named', async () => {
  const wayIn = await wayInTo((_request, response) => response.end('{"at":1}'))
  await assert.rejects(wayIn.wan(call), failsWith(/^GET wan\/clock: unexpected answer \{"at":1\} \(at: .*\)$/))
})

test('a way in that was restarted at another port is found again, and what had failed is not asked twice', async () => {
  let asked = 0
  const server = http.createServer((_request, response) => {
    asked += 1
    response.end('{"at":"now"}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const gone = http.createServer().listen(0, '127.0.0.1')
  await once(gone, 'listening')
  const before = (gone.address() as AddressInfo).port
  await new Promise((resolve) => gone.close(resolve))
  const address = { host: '127.0.0.1', port: before, token: 'x', controlToken: 'x' }
  const wayIn = new DockerWayIn({ ...address, findPort: () => Promise.resolve(port) })
  close = () => {
    wayIn.close()
    server.closeAllConnections()
    server.close()
  }
  await assert.rejects(wayIn.wan({ ...call, timeoutMs: 2000 }), WayInFailed)
  assert.equal(asked, 0)
  assert.deepEqual(await wayIn.wan({ ...call, timeoutMs: 2000 }), { at: 'now' })
})

test('a tunnel that does not open fails when its time is over', async () => {
  const wayIn = await wayInTo(() => {})
  await assert.rejects(wayIn.connect('app.a', 1, 50), failsWith(/^the way in did not reach app\.a:1 within 50 ms$/))
})
