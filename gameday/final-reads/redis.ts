// What a region's Redis projection holds of a drill's orders, and how often events were applied.
import { Redis } from 'ioredis'
import { redisKeys } from '#protocol/order.ts'
import { ports, type Region } from '#protocol/sites.ts'
import type { RunningWorld } from '#world/running-world.ts'

export interface Projection {
  readonly orderIds: ReadonlySet<string>
  readonly applied: { readonly count: number; readonly distinct: number }
}

const batchSize = 1000

/** @param wanted order ids to look for; only those are reported */
export async function readRedis(world: RunningWorld, region: Region, wanted: readonly string[]): Promise<Projection> {
  const forward = await world.wayIn.forward(`redis.${region}`, ports.redis)
  const redis = new Redis({
    host: '127.0.0.1',
    port: forward.port,
    lazyConnect: true,
    maxRetriesPerRequest: 1,
    connectTimeout: 3000,
    commandTimeout: 5000,
    retryStrategy: () => null,
  })
  // Errors come out of the calls below; without a listener they would be printed as well.
  redis.on('error', () => {})
  try {
    await redis.connect()
    const orderIds = new Set<string>()
    for (let from = 0; from < wanted.length; from += batchSize) {
      const batch = wanted.slice(from, from + batchSize)
      const pipeline = redis.pipeline()
      for (const id of batch) pipeline.exists(redisKeys.projection(id))
      const replies = (await pipeline.exec()) ?? []
      for (const [index, [error, exists]] of replies.entries()) {
        if (error !== null) throw error
        if (exists === 1) orderIds.add(batch[index] ?? '')
      }
    }
    const count = Number((await redis.get(redisKeys.applied)) ?? 0)
    return { orderIds, applied: { count, distinct: await redis.scard(redisKeys.seen) } }
  } finally {
    redis.disconnect()
    await forward.close()
  }
}
