// Reads that another region answers: real sockets, on which some don't answer.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { forwardRead } from './forward.ts'

const id = '5f0c6f0e-8f0b-4c9e-9f53-0d1d8f1d8b11'
const order = {
  id,
  customer: 'c',
  item: 'i',
  quantity: 1,
  region: 'a',
  epoch: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
}

async function region(context: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const hangs: RequestListener = () => {}
const knows: RequestListener = (_request, response) => void response.end(JSON.stringify(order))
const doesNot: RequestListener = (_request, response) => void response.writeHead(404).end('{}')
const refuses: RequestListener = (_request, response) => void response.writeHead(503).end('{}')
/** As one behind a long link that has to be connected to first. */
const knowsLate: RequestListener = (request, response) => void setTimeout(() => knows(request, response as never), 500)

async function read(context: TestContext, ...answers: readonly RequestListener[]): ReturnType<typeof forwardRead> {
  const regions = await Promise.all(answers.map(async (answer) => region(context, answer)))
  return forwardRead(regions, id, performance.now() + 1000)
}

void test('a region that hangs leaves time for a slow one', async (context) => {
  assert.deepEqual(await read(context, hangs, knowsLate), { order })
})

void test('the next is asked where one does not have it, or refuses', async (context) => {
  assert.deepEqual(await read(context, doesNot, knows), { order })
  assert.deepEqual(await read(context, refuses, knows), { order })
})

void test('what nobody has who answers is not there; what nobody answers is not known', async (context) => {
  assert.deepEqual(await read(context, hangs, doesNot), { order: null })
  assert.equal(await read(context, refuses, hangs), null)
})
