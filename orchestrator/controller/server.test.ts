// The controller's API: who may call, what is malformed, and what a refused move answers.
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Registry } from 'prom-client'
import { settingsOf } from '#orchestrator/core/fixtures.ts'
import { createLog } from '#runtime/log.ts'
import { monotonicMs } from '#runtime/clock.ts'
import { Events } from './events.ts'
import { createServer, type ServerOptions } from './server.ts'

const settings = settingsOf()
const headers = { authorization: 'Bearer token-of-this-world' }

function serverThat(done: boolean): ReturnType<typeof createServer> {
  const events = new Events('a', 'orders', createLog('test', 'silent'))
  events.add({ kind: 'suspect', reason: `seen at ${monotonicMs()}` })
  events.add({ kind: 'promoted', reason: 'done', epoch: 2, detail: { region: 'b' } })
  const controller: ServerOptions['controller'] = {
    metrics: new Registry(),
    status: () => ({
      region: 'a',
      incarnation: 'a1',
      epoch: null,
      holdsEpoch: false,
      etcd: { reachable: false, leader: null },
      suspects: [],
      agents: [],
      busy: null,
    }),
    order: async () =>
      Promise.resolve({ done, epoch: 2, primary: 'a', reason: done ? 'steered' : 'a does not stream' }),
  }
  return createServer({ settings, token: 'token-of-this-world', controller, events })
}

suite("the controller's API", () => {
  test('a call without the token is refused', async () => {
    assert.equal((await serverThat(true).inject({ url: '/status' })).statusCode, 401)
  })

  test('events from an index on, and the next index', async () => {
    const reply = await serverThat(true).inject({ url: '/events?from=1', headers })
    const body = reply.json<{ next: number; events: { kind: string }[] }>()
    assert.equal(body.next, 2)
    assert.deepEqual(
      body.events.map((each) => each.kind),
      ['promoted'],
    )
  })

  for (const [path, payload, says] of [
    ['/switchover', { dataSet: 'orders', to: 'd' }, /^to: .*saw .*"d"/],
    ['/switchover', { dataSet: 'invoices', to: 'a' }, /expected "orders", saw "invoices"/],
    ['/failover', { to: 'b' }, /^dataSet: /],
    ['/failback', { dataSet: 'orders', to: 'b' }, /to/],
  ] as const)
    test(`400 for POST ${path} ${JSON.stringify(payload)}`, async () => {
      const reply = await serverThat(true).inject({ method: 'POST', url: path, headers, payload })
      assert.equal(reply.statusCode, 400)
      assert.match(reply.json<{ reason: string }>().reason, says)
    })

  test('a body that is no JSON, and an index that is none, are malformed', async () => {
    const server = serverThat(true)
    const broken = { ...headers, 'content-type': 'application/json' }
    assert.equal(
      (await server.inject({ method: 'POST', url: '/failover', headers: broken, payload: '{' })).statusCode,
      400,
    )
    assert.equal((await server.inject({ url: '/events?from=x', headers })).statusCode, 400)
  })

  test('200 for a move that was done, 409 with the reason for one that was refused', async () => {
    const order = { method: 'POST', url: '/failback', headers, payload: { dataSet: 'orders' } } as const
    assert.equal((await serverThat(true).inject(order)).statusCode, 200)
    const refused = await serverThat(false).inject(order)
    assert.equal(refused.statusCode, 409)
    assert.equal(refused.json<{ reason: string }>().reason, 'a does not stream')
  })
})
