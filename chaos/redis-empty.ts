// A Redis loses all that it holds.
import type { FaultHandler } from './fault.ts'
import { notBuilt } from './not-built.ts'

export const redisEmpty: FaultHandler<'redis-empty'> = {
  summary: 'a Redis loses all that it holds',
  ...notBuilt,
}
