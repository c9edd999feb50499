// The port to a region's Redis. Commands fail fast: nothing waits in a queue for a Redis that isn't there.
import { Redis } from 'ioredis'

export type RedisPort = Pick<Redis, 'get' | 'hgetall' | 'hset' | 'scard' | 'eval' | 'ping' | 'disconnect'>

/**
 * @param authority `redis.a:6379`
 * @param commandTimeoutMs a command that takes longer is rejected; it may still be done
 */
export function connectRedis(authority: string, commandTimeoutMs: number): RedisPort {
  const [host = '', port = ''] = authority.split(':')
  const redis = new Redis({
    host,
    port: Number(port),
    commandTimeout: commandTimeoutMs,
    connectTimeout: 1000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(100 * times, 1000),
  })
  // Each command's own rejection says it; without a listener the process would end.
  redis.on('error', () => undefined)
  return redis
}
