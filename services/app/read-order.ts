// Reads of one order: the region's Redis (cache-aside) as far as the app may use it, else the local Postgres.
import { order, redisKeys, type Order } from '#protocol/order.ts'
import type { RedisPort } from '#runtime/redis.ts'
import type { SessionPool } from './session-pool.ts'

const readTimeoutMs = 1000
const acquireTimeoutMs = 500
const cacheSeconds = 60

// A cache entry is written under an epoch; the cache takes none of a lower epoch than the highest that wrote to it.
const putScript = `
local highest = tonumber(redis.call('GET', KEYS[2]) or '0')
local epoch = tonumber(ARGV[1])
if epoch < highest then return 0 end
if epoch > highest then redis.call('SET', KEYS[2], ARGV[1]) end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1`

const cached = order.extend({ cachedEpoch: order.shape.epoch })

export type Found = { readonly order: Order | null; readonly source: 'cache' | 'postgres' }

export class OrderReader {
  readonly #pool: SessionPool
  readonly #redis: RedisPort
  constructor(options: { pool: SessionPool; redis: RedisPort }) {
    this.#pool = options.pool
    this.#redis = options.redis
  }

  /**
   * @param cacheEpoch the epoch under which Redis may be used now; null: keep off
   * @throws Error if Postgres had to be asked and did not answer
   */
  async read(id: string, cacheEpoch: number | null): Promise<Found> {
    if (cacheEpoch !== null) {
      const hit = await this.#fromCache(id, cacheEpoch)
      if (hit !== null) return { order: hit, source: 'cache' }
    }
    const found = await this.#fromPostgres(id)
    if (found !== null && cacheEpoch !== null) void this.#fill(found, cacheEpoch)
    return { order: found, source: 'postgres' }
  }

  /** Entries of another epoch are misses: what an earlier epoch acknowledged in `commit: async` may be gone. */
  async #fromCache(id: string, epoch: number): Promise<Order | null> {
    try {
      const text = await this.#redis.get(redisKeys.order(id))
      if (text === null) return null
      const { cachedEpoch, ...hit } = cached.parse(JSON.parse(text))
      return cachedEpoch === epoch ? hit : null
    } catch {
      return null
    }
  }

  async #fill(found: Order, epoch: number): Promise<void> {
    const entry = JSON.stringify({ ...found, cachedEpoch: epoch })
    await this.#redis
      .eval(putScript, 2, redisKeys.order(found.id), redisKeys.cacheEpoch, String(epoch), entry, String(cacheSeconds))
      .catch(() => undefined)
  }

  async #fromPostgres(id: string): Promise<Order | null> {
    const session = await this.#pool.acquire(acquireTimeoutMs)
    try {
      const { rows } = await session.query(
        'SELECT id, customer, item, quantity, region, epoch::integer, created_at FROM orders WHERE id = $1',
        [id],
        readTimeoutMs,
      )
      const row = rows[0]
      if (row === undefined) return null
      const { created_at: createdAt, ...rest } = row
      return order.parse({ ...rest, createdAt: (createdAt as Date).toISOString() })
    } catch (error) {
      session.close()
      throw error
    } finally {
      this.#pool.release(session)
    }
  }
}
