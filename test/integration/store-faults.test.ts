// The faults of Kafka, Redis and etcd in a whole world: each is injected, shown, healed, and shown to be gone; and no event is
// missing anywhere afterwards, though every outbox had let go of it.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { healFault, injectFault, proveFault } from '#chaos/inject.ts'
import { ordersEnds } from '#chaos/stores.ts'
import { readLedger } from '#chaos/wan-calls.ts'
import { EventTable } from '#gameday/final-reads/event-table.ts'
import { KafkaReader } from '#gameday/final-reads/kafka.ts'
import { busReply } from '#protocol/bus.ts'
import { faultSpec, type FaultSpec } from '#protocol/faults.ts'
import { ports, regions } from '#protocol/sites.ts'
import { manualDrill } from '#protocol/wan.ts'
import { loadHostConfig } from '#runtime/config.ts'
import { checkout } from '#world/checkout.ts'
import { dockerOf } from '#world/docker-engine.ts'
import { openWorldOn, type DockerWorld } from '#world/docker-world.ts'
import { removeWorld } from '#world/down.ts'
import { eventually } from './rig.ts'

const docker = dockerOf(loadHostConfig())
const name = `test-stores-${randomBytes(3).toString('hex')}`
const main = join(checkout, 'cli', 'main.ts')
const healWithinMs = 120_000

const specs: readonly FaultSpec[] = [
  faultSpec.parse({ id: 'redis', kind: 'redis-empty', target: 'redis.b' }),
  faultSpec.parse({ id: 'member', kind: 'etcd-loss', target: 'etcd.b' }),
  faultSpec.parse({ id: 'members', kind: 'etcd-loss', target: 'etcd.*' }),
  faultSpec.parse({ id: 'broker', kind: 'kafka-loss', target: 'kafka.a', data: 'kept' }),
  faultSpec.parse({ id: 'disk', kind: 'kafka-loss', target: 'kafka.a', data: 'lost' }),
  faultSpec.parse({ id: 'again', kind: 'kafka-loss', target: 'kafka.b', data: 'lost' }),
]

describe('the faults of the stores', () => {
  let world: DockerWorld
  const table: Record<string, string>[] = []
  const placed: string[] = []

  before(async () => {
    await promisify(execFile)(process.execPath, [main, 'up', '--world', name], { cwd: checkout })
    world = await openWorldOn(docker, name)
  })
  after(async () => {
    console.table(table)
    world?.wayIn.close()
    await removeWorld(docker, name)
  })

  /** Orders in region a, until no outbox has an event left: from then on only the Kafkas have them. */
  async function place(count: number): Promise<void> {
    const forward = await world.wayIn.forward('app.a', ports.app)
    for (let at = 0; at < count; at += 1) {
      const key = randomUUID()
      const id = await eventually('an ack', async () => {
        const response = await fetch(`http://127.0.0.1:${forward.port}/orders`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'idempotency-key': key },
          body: JSON.stringify({ customer: 'Ada', item: 'lamp', quantity: 1 }),
        })
        return response.ok && ((await response.json()) as { id: string }).id
      })
      placed.push(id)
    }
    await forward.close()
    const call = { method: 'GET', path: '/bus', reply: busReply, timeoutMs: 3000 } as const
    await eventually('every event to be done', async () => {
      const { relay } = await world.wayIn.control('app.a', call)
      return relay.active && relay.unconfirmed === 0 && relay.done >= placed.length
    })
  }

  async function everywhere(): Promise<void> {
    for (const region of regions) {
      const fromTheStart = { topicId: '', offsets: new Map<number, number>() }
      await using kafka = new KafkaReader(world, region, fromTheStart, new EventTable([region]))
      await eventually(`every order in kafka.${region}`, async () => {
        await kafka.readOn()
        return placed.every((id) => kafka.orderIds.has(id))
      })
    }
  }

  for (const spec of specs) {
    const data = spec.kind === 'kafka-loss' ? `, data ${spec.data}` : ''
    test(`${spec.kind} of ${spec.target}${data}: shown, healed, and shown to be gone`, async () => {
      await place(20)
      const seconds = async <Value>(work: Promise<Value>): Promise<readonly [Value, string]> => {
        const startMs = performance.now()
        return [await work, ((performance.now() - startMs) / 1000).toFixed(1)]
      }
      const [{ entry, effect }, inject] = await seconds(injectFault(world, manualDrill, spec))
      assert.ok(effect.firstNs <= effect.lastNs)
      const proof = await proveFault(world, entry)
      const [gone, heal] = await seconds(healFault(world, entry, healWithinMs))
      table.push({ fault: `${spec.kind} ${spec.target}${data}`, inject, proof, heal, gone })
      assert.deepEqual(await readLedger(world), [])
      // Healed twice is healed; a broker that has only just come back may answer late on a busy machine, so it is asked as heal asks.
      await healFault(world, entry, healWithinMs)
      await everywhere()
    })
  }

  test('a Kafka that lost its disk has each event about once, and so have those that gave them back', async () => {
    for (const region of regions) {
      const { ends } = (await ordersEnds(world, region)) ?? { ends: [] }
      const records = ends.reduce((sum, end) => sum + end, 0)
      assert.ok(records < 2 * placed.length, `kafka.${region} has ${records} records of ${placed.length} orders`)
    }
  })
})
