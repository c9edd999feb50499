// A region's Redis, through the way in: what its projection holds, and how often events were applied.
import { Redis } from 'ioredis'
import { redisKeys } from '#protocol/order.ts'
import { ports, type Region } from '#protocol/sites.ts'
import type { StoresOf } from './region-postgres.ts'

export interface Applied {
  readonly count: number
  readonly distinct: number
}

const batchSize = 1000
const prefix = redisKeys.projection('')

// One call for a batch: a call for each key would cost the harness ten times as much.
const eachKey = (command: string): string => `
local found = {}
for at, key in ipairs(KEYS) do found[at] = ${command} end
return found`
const presentScript = eachKey(`redis.call('EXISTS', key)`)
const projectedScript = eachKey(`redis.call('HGET', key, 'order')`)

/** Every method rejects if Redis can't be asked; another session is opened then. */
export class RegionRedis implements AsyncDisposable {
  readonly #redis: Redis
  readonly #close: () => Promise<void>

  private constructor(redis: Redis, close: () => Promise<void>) {
    this.#redis = redis
    this.#close = close
  }

  static async open({ wayIn }: StoresOf, region: Region): Promise<RegionRedis> {
    const forward = await wayIn.forward(`redis.${region}`, ports.redis)
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
    const session = new RegionRedis(redis, () => forward.close())
    try {
      await redis.connect()
      return session
    } catch (error) {
      await session[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Those of the orders that have a projection. */
  async present(ids: readonly string[]): Promise<readonly string[]> {
    const found = await this.#each(ids, presentScript)
    return ids.filter((_, index) => found[index] === 1)
  }

  /** The projected orders, JSON, in the order of the ids; null: there is none. */
  async projected(ids: readonly string[]): Promise<readonly (string | null)[]> {
    const texts = await this.#each(ids, projectedScript)
    return texts.map((text) => (typeof text === 'string' ? text : null))
  }

  async #each(ids: readonly string[], script: string): Promise<readonly unknown[]> {
    const answers: unknown[] = []
    for (let from = 0; from < ids.length; from += batchSize) {
      const keys = ids.slice(from, from + batchSize).map((id) => redisKeys.projection(id))
      for (const answer of (await this.#redis.eval(script, keys.length, ...keys)) as readonly unknown[])
        answers.push(answer)
    }
    return answers
  }

  /** Ids of all orders that have a projection, some at a time; one may come twice. */
  async *everyProjected(): AsyncGenerator<readonly string[]> {
    let cursor = '0'
    do {
      const [next, keys] = await this.#redis.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', batchSize)
      yield keys.map((key) => key.slice(prefix.length))
      cursor = next
    } while (cursor !== '0')
  }

  async applied(): Promise<Applied> {
    const count = Number((await this.#redis.get(redisKeys.applied)) ?? 0)
    return { count, distinct: await this.#redis.scard(redisKeys.seen) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#redis.disconnect()
    await this.#close()
  }
}
