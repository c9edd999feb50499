// What a client's answers are taken for, by a listener that stands in for one; and how its load is begun and ended.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import type { LoadStatus } from '#protocol/operation.ts'
import { runbook } from '#protocol/runbook.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { createFakeWorld } from '#chaos/fake-world.ts'
import { fetchOperations, planFor, stopLoad } from './load.ts'
import { toOperation, write } from './measure/histories.ts'

async function worldWith(context: TestContext, answer: http.RequestListener): Promise<RunningWorld> {
  const server = http.createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const fake = createFakeWorld()
  return { ...fake, wayIn: { ...fake.wayIn, connect: () => Promise.resolve(connect(port, '127.0.0.1')) } }
}

const headers = { 'x-run': 'run-1', 'x-first': '3', 'x-next': '7', 'x-end': '9' }
const lines = [5, 6].map((seq) => `${JSON.stringify(toOperation(write(seq, seq + 1, 1), seq))}\n`)

void test('a page of operations, and what is gone from a log or not there any more', async (context) => {
  const world = await worldWith(context, (request, response) => {
    const from = Number(new URL(request.url ?? '', 'http://client').searchParams.get('from'))
    response.writeHead(from < 3 ? 410 : from > 9 ? 400 : 200, headers).end(from === 5 ? lines.join('') : '')
  })
  const page = await fetchOperations(world, 'na', 5)
  assert.deepEqual(
    page.operations.map(({ seq }) => seq),
    [5, 6],
  )
  assert.deepEqual({ ...page, operations: [] }, { run: 'run-1', operations: [], next: 7, end: 9, dropped: false })
  assert.deepEqual(await fetchOperations(world, 'na', 1), {
    run: 'run-1',
    operations: [],
    next: 3,
    end: 9,
    dropped: true,
  })
  assert.deepEqual(await fetchOperations(world, 'na', 12), {
    run: 'run-1',
    operations: [],
    next: 0,
    end: 9,
    dropped: false,
  })
})

void test('an answer that was cut off, or that lacks lines, is none', async (context) => {
  const cut = await worldWith(context, (_request, response) => {
    response.writeHead(200, { ...headers, 'content-length': '100000' })
    response.write(lines[0], () => response.destroy())
  })
  await assert.rejects(fetchOperations(cut, 'na', 5))
  const short = await worldWith(context, (_request, response) => response.writeHead(200, headers).end(lines[0]))
  await assert.rejects(fetchOperations(short, 'na', 5), /expected operations 5 to 6, saw 1 lines/)
  const other = await worldWith(context, (_request, response) => response.writeHead(502).end('bad gateway'))
  await assert.rejects(fetchOperations(other, 'na', 5), /client\.na answered 502: bad gateway/)
})

void test('a service that hangs makes no client shed: so many may be under way as come within the timeout, and more', () => {
  const limit = (rate: string, timeout: string): number => {
    const book = runbook.parse({
      title: 'A drill',
      load: { rate, timeout, from: ['na'] },
      'steady-state-hypothesis': { 'success-rate': '>= 95%', p99: '<= 3s' },
      method: [{ hold: '1ms' }],
    })
    return planFor(book, 'drill', 1, 0n).maxInFlight
  }
  assert.deepEqual([limit('30/s', '3s'), limit('1000/s', '3s'), limit('300/s', '30s')], [1000, 4500, 13_500])
})

void test('the end of a load is waited for as long as its own timeout needs', async () => {
  const status = (running: boolean): LoadStatus => ({
    running,
    planned: 3,
    inFlight: running ? 1 : 0,
    done: running ? 2 : 3,
    run: 'run-1',
    processSinceNs: '0',
    drill: 'drill',
    timeoutMs: 60_000,
  })
  const fake = createFakeWorld()
  const answers = [status(true), status(true), status(true), status(false)]
  fake.answers.set('client.na', answers)
  await stopLoad(fake, ['na'])
  assert.equal(answers.length, 1)
})
