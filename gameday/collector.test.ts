// The collector over a world in memory: pollers and callers at once, a controller that is deaf, a load that ends, a gateway that goes.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import type { LoadPlan, Operation } from '#protocol/operation.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { createFakeWorld } from '#chaos/fake-world.ts'
import { plannedBefore } from '#runtime/arrivals.ts'
import { Collector } from './collector.ts'
import { FakeClient, fakeDrill } from './fake-client.ts'

interface Rig {
  readonly client: FakeClient
  readonly collector: Collector
  /** As they stand in ops.ndjson, and in the timeline. */
  readonly written: number[]
  readonly told: string[]
  readonly world: RunningWorld
}

/** Every host but one controller answers. */
async function createRig(context: TestContext): Promise<Rig> {
  const client = new FakeClient()
  const answer = async ({ url = '' }: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const from = Number(new URL(url, 'http://client').searchParams.get('from'))
    const { operations, run, next, end } = await client.operations(from)
    const headers = { 'x-run': run, 'x-first': '0', 'x-next': `${next}`, 'x-end': `${end}` }
    response.writeHead(200, headers).end(operations.map((each) => `${JSON.stringify(each)}\n`).join(''))
  }
  const server = http.createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const fake = createFakeWorld()
  for (const host of ['controller.a', 'controller.c', 'postgres.a']) fake.answers.set(host, [{ next: 0, events: [] }])
  const world: RunningWorld = {
    ...fake,
    wayIn: {
      ...fake.wayIn,
      connect: () => Promise.resolve(connect(port, '127.0.0.1')),
      control: async (host, call) => {
        if (host !== 'client.na') return fake.wayIn.control(host, call)
        if (call.method === 'POST') await client.endAt(fakeDrill, BigInt((call.body as { untilNs: string }).untilNs))
        return call.reply.parse(await client.status())
      },
    },
  }
  const written: number[] = []
  const told: string[] = []
  const files = {
    timeline: ({ kind, reason }: { kind: string; reason: string }) => void told.push(`${kind}: ${reason}`),
    operations: (batch: readonly Operation[]) => void written.push(...batch.map(({ seq }) => seq)),
    sample: () => {},
  }
  const collector = new Collector(world, ['na'], files, { operations: 300, events: 300 })
  return { client, collector, written, told, world }
}

const plan: LoadPlan = {
  drill: fakeDrill,
  seed: 3,
  rate: 100,
  reads: 0,
  steering: 'glb',
  startNs: '0',
  durationMs: 86_400_000,
  timeoutMs: 10,
  maxInFlight: 1000,
}
const untilNs = 2_000_000_000n
const planned = plannedBefore(plan, 'na', untilNs)

void test('pollers and steps that read at once: each operation is written once and held once', async (context) => {
  const { client, collector, written } = await createRig(context)
  collector.start(0n)
  collector.loadBegins(fakeDrill, 0n)
  const catching: Promise<void>[] = []
  for (let seq = 0; seq < planned; seq += 1) {
    client.end(seq)
    if (seq % 3 === 0) catching.push(collector.catchUp())
    if (seq % 20 === 0) await collector.catchUp()
  }
  await Promise.all(catching)
  const areas = await collector.finish({ plan, untilNs })
  assert.deepEqual(areas, { na: { planned, sent: planned, reason: null } })
  assert.deepEqual(written, [...Array(planned).keys()])
  assert.deepEqual(
    collector.operations.map(({ seq }) => seq),
    written,
  )
  assert.equal(client.endedAtNs, untilNs)
  assert.equal(client.mostAtOnce, 1)
})

void test('a client that was restarted is told when it is seen, and what is missing at the end; a deaf controller too', async (context) => {
  const { client, collector, told } = await createRig(context)
  collector.start(0n)
  collector.loadBegins(fakeDrill, 0n)
  client.end(0, 1, 2)
  await collector.catchUp()
  client.restart(1500)
  await collector.catchUp()
  const { na } = await collector.finish({ plan, untilNs })
  const why = 'client.na was restarted 1.50 s into the load'
  const reason = `${why}: operations 3 to ${planned - 1} were never collected`
  assert.deepEqual(na, { planned, sent: null, reason })
  assert.deepEqual(told, [`client-lost: ${why}`])
  assert.deepEqual(collector.unheard, ['controller.b does not answer (controller.b of the fake world does not answer)'])
})

void test('without a gateway notes have the time of the harness, and say how far it may be off', async (context) => {
  const { collector, world } = await createRig(context)
  const beforeNs = await collector.note('first', 'while it answers')
  world.wayIn.wan = () => Promise.reject(new Error('connect ECONNREFUSED'))
  const afterNs = await collector.note('second', 'after it')
  assert.ok(afterNs > beforeNs)
  const [first, second] = collector.events.map(({ detail }) => Object.keys(detail ?? {}))
  assert.deepEqual([first, second], [[], ['giveOrTakeMs']])
})
