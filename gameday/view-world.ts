// Looks at a running world: asks controllers, agents, apps, Kafka and Redis of all regions side by side.
import { agentStatus } from '#protocol/agent.ts'
import { busReply } from '#protocol/bus.ts'
import { controllerStatus } from '#protocol/controller.ts'
import { ports, regions, type Region } from '#protocol/sites.ts'
import type { RunningWorld } from '#world/running-world.ts'
import type { WorldView } from './conditions.ts'
import { getFromSite } from './site-http.ts'

const timeoutMs = 1500

async function byRegion<Value>(
  look: (region: Region) => Promise<Value>,
  otherwise: Value,
): Promise<Record<Region, Value>> {
  const seen = await Promise.all(
    regions.map(async (region) => [region, await look(region).catch(() => otherwise)] as const),
  )
  return Object.fromEntries(seen) as Record<Region, Value>
}

async function takesConnections(world: RunningWorld, host: string, port: number): Promise<boolean> {
  const stream = await world.wayIn.connect(host, port, timeoutMs)
  stream.destroy()
  return true
}

/** Never rejects: who does not answer in time is null or false. */
export async function viewWorld(world: RunningWorld): Promise<WorldView> {
  const ready = (path: string) => async (region: Region) =>
    (await getFromSite(world, `app.${region}`, ports.app, path, timeoutMs)).status === 200
  const status = { method: 'GET', path: '/status', timeoutMs } as const
  const [controllers, agents, readyForReads, readyForWrites, busUp, relayBehindMs] = await Promise.all([
    byRegion((region) => world.wayIn.control(`controller.${region}`, { ...status, reply: controllerStatus }), null),
    byRegion((region) => world.wayIn.control(`postgres.${region}`, { ...status, reply: agentStatus }), null),
    byRegion(ready('/readyz'), false),
    byRegion(ready('/readyz?for=writes'), false),
    byRegion(async (region) => {
      await Promise.all([
        takesConnections(world, `kafka.${region}`, ports.kafka),
        takesConnections(world, `redis.${region}`, ports.redis),
      ])
      return true
    }, false),
    byRegion(async (region) => {
      const call = { method: 'GET', path: '/bus', timeoutMs, reply: busReply } as const
      return (await world.wayIn.control(`app.${region}`, call)).relay.behindMs
    }, null),
  ])
  return { controllers, agents, readyForReads, readyForWrites, busUp, relayBehindMs }
}
