// When a world is ready: the harness's own probes through the way in, not Docker's health checks.
import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import { controllerStatus } from '#protocol/controller.ts'
import { orderReply } from '#protocol/order.ts'
import { areas, ports, type Region, regions } from '#protocol/sites.ts'
import { clockReply } from '#protocol/wan.ts'
import type { DockerWorld } from './docker-world.ts'
import { send } from './docker-way-in.ts'

const probeTimeoutMs = 2500
const pauseMs = 150

/** One thing that has to hold, in words for people. `probe` throws a reason as long as it does not. */
export interface ReadinessCheck {
  readonly title: string
  probe(): Promise<void>
}

/** What makes a world of this topology ready, in the order in which it comes up. */
export function readinessChecks(world: DockerWorld): readonly ReadinessCheck[] {
  const { home } = world.topology
  return [
    { title: 'WAN', probe: async () => void (await get(world, clockReply)) },
    ...regions.map((region) => ({ title: `Redis ${region}`, probe: async () => pingRedis(world, region) })),
    ...regions.map((region) => ({
      title: `Kafka ${region}`,
      probe: async () => reach(world, `kafka.${region}`, ports.kafka),
    })),
    { title: `an epoch in region ${home}`, probe: async () => checkEpoch(world, home) },
    { title: 'standbys stream', probe: async () => checkStandbys(world, home) },
    ...regions.map((region) => ({
      title: `app ${region}`,
      probe: async () => checkReady(world, region, region === home ? '/readyz?for=writes' : '/readyz'),
    })),
    ...areas.map((area) => ({
      title: `point of presence ${area} takes a write`,
      probe: async () => placeOrder(world, area),
    })),
  ]
}

/** Repeats the probe until it holds; rejects with its last reason when `signal` aborts. */
export async function untilReady(
  check: ReadinessCheck,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<void> {
  for (;;) {
    try {
      await check.probe()
      return
    } catch (error) {
      const reason = (error as Error).message
      note(reason)
      if (signal.aborted) throw new Error(`${check.title}: ${reason}`, { cause: error })
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}

async function get<Shape extends z.ZodType>(world: DockerWorld, reply: Shape): Promise<z.infer<Shape>> {
  return world.wayIn.wan({ method: 'GET', path: '/clock', reply, timeoutMs: probeTimeoutMs })
}

async function reach(world: DockerWorld, host: string, port: number): Promise<void> {
  const stream = await world.wayIn.connect(host, port, probeTimeoutMs)
  stream.destroy()
}

async function pingRedis(world: DockerWorld, region: Region): Promise<void> {
  const stream = await world.wayIn.connect(`redis.${region}`, ports.redis, probeTimeoutMs)
  try {
    const answer = new Promise<string>((resolve, reject) => {
      stream.once('data', (chunk: Buffer) => resolve(chunk.toString()))
      stream.once('error', reject)
      stream.once('close', () => reject(new Error('closed without an answer')))
      setTimeout(() => reject(new Error('no answer to PING')), probeTimeoutMs).unref()
    })
    stream.write('PING\r\n')
    const text = await answer
    if (!text.startsWith('+PONG')) throw new Error(`expected PONG, saw ${text.trim()}`)
  } finally {
    stream.destroy()
  }
}

async function controllerOf(world: DockerWorld, region: Region): Promise<z.infer<typeof controllerStatus>> {
  return world.wayIn.control(`controller.${region}`, {
    method: 'GET',
    path: '/status',
    reply: controllerStatus,
    timeoutMs: probeTimeoutMs,
  })
}

async function checkEpoch(world: DockerWorld, home: Region): Promise<void> {
  const statuses = await Promise.all(regions.map(async (region) => controllerOf(world, region)))
  for (const { region, epoch, etcd } of statuses) {
    if (!etcd.reachable) throw new Error(`controller ${region} does not reach etcd`)
    if (epoch?.state !== 'active') throw new Error(`controller ${region} knows of no active epoch`)
    if (epoch.primary !== home)
      throw new Error(`epoch ${epoch.epoch} is in region ${epoch.primary ?? 'none'}, expected ${home}`)
  }
}

async function checkStandbys(world: DockerWorld, home: Region): Promise<void> {
  const { agents } = await controllerOf(world, home)
  for (const region of regions) {
    const status = agents.find((each) => each.region === region)?.status ?? null
    if (status === null) throw new Error(`agent ${region} was not heard`)
    if (region === home ? status.state !== 'primary' : !(status.streaming && status.following === home))
      throw new Error(`Postgres ${region} is ${status.state}${status.streaming ? '' : ', not streaming'}`)
  }
}

async function checkReady(world: DockerWorld, region: Region, path: string): Promise<void> {
  const host = `app.${region}`
  const options = { host, port: ports.app, agent: world.wayIn.tunnelAgent(host, ports.app) }
  const { status } = await send({ options, name: host, method: 'GET', path, timeoutMs: probeTimeoutMs })
  if (status !== 200) throw new Error(`${host}${path} answered ${status}`)
}

async function placeOrder(world: DockerWorld, area: string): Promise<void> {
  const host = `glb.${area}`
  const { status, text } = await send({
    options: { host, port: ports.glb, agent: world.wayIn.tunnelAgent(host, ports.glb) },
    name: host,
    method: 'POST',
    path: '/orders',
    headers: { 'idempotency-key': `readiness-${randomUUID()}` },
    body: JSON.stringify({ customer: 'readiness', item: 'probe', quantity: 1 }),
    timeoutMs: probeTimeoutMs,
  })
  if (status !== 201) throw new Error(`a write through ${host} was answered ${status}: ${text.slice(0, 100)}`)
  orderReply.parse(JSON.parse(text))
}
