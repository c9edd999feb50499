// The region's consumer: applies each event of the region's Kafka exactly once to the projection in the region's Redis.
// Effect, event id and position change in one Lua call; a Redis without our position has lost its data and is rebuilt.
import { bridgeHeaders, ordersPartitions, type BusReply } from '#protocol/bus.ts'
import { eventHeaders, orderEvent, ordersTopic, redisKeys } from '#protocol/order.ts'
import type { Region } from '#protocol/sites.ts'
import { KafkaError, type FetchedPartition, type FetchedRecord, type OpenKafka } from '#runtime/kafka.ts'
import type { Log } from '#runtime/log.ts'
import type { RedisPort } from '#runtime/redis.ts'

const waitMs = 1000
/** Events that come soon after one another are taken together. */
const gatherMs = 100
const retryMs = 500
const batchSize = 100

// KEYS: position. ARGV: topic id, number of partitions. Keeps the position if it is of this topic. Returns the offsets.
const beginScript = `
if redis.call('HGET', KEYS[1], 'topic') ~= ARGV[1] then
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[1], 'topic', ARGV[1])
end
local offsets = {}
for partition = 0, tonumber(ARGV[2]) - 1 do
  redis.call('HSETNX', KEYS[1], partition, 0)
  offsets[partition + 1] = tonumber(redis.call('HGET', KEYS[1], partition))
end
return offsets`

// KEYS: position, epoch, seen, applied, counts. ARGV: topic id, partition, expected offset, next offset, then seven per record:
// event id, origin, `own` if this region's own relay wrote it, epoch, key of the projection, key of the cached order, summary as
// JSON. Returns 0 if Redis is elsewhere. A record that the own relay wrote under an epoch below one already seen in the partition
// comes from a deposed primary: the new one sends it again. What the bridge has brought has passed the bridge's own fence.
const applyScript = `
if redis.call('HGET', KEYS[1], 'topic') ~= ARGV[1] or redis.call('HGET', KEYS[1], ARGV[2]) ~= ARGV[3] then return 0 end
local highest = tonumber(redis.call('HGET', KEYS[2], ARGV[2]) or '0')
for at = 5, #ARGV, 7 do
  local epoch = tonumber(ARGV[at + 3])
  redis.call('HINCRBY', KEYS[5], 'delivered', 1)
  if epoch < highest and ARGV[at + 2] == 'own' then
    redis.call('HINCRBY', KEYS[5], 'refused', 1)
  elseif redis.call('SADD', KEYS[3], ARGV[at]) == 0 then
    redis.call('HINCRBY', KEYS[5], 'duplicates', 1)
  else
    redis.call('HSET', ARGV[at + 4], 'order', ARGV[at + 6], 'event', ARGV[at], 'origin', ARGV[at + 1], 'epoch', epoch)
    redis.call('HINCRBY', ARGV[at + 4], 'applied', 1)
    redis.call('INCR', KEYS[4])
    redis.call('DEL', ARGV[at + 5])
  end
  if epoch > highest then highest = epoch end
end
redis.call('HSET', KEYS[2], ARGV[2], highest)
redis.call('HSET', KEYS[1], ARGV[2], ARGV[4])
return 1`

export interface ProjectionOptions {
  readonly region: Region
  readonly redis: RedisPort
  readonly openKafka: OpenKafka
  readonly kafka: string
  readonly log: Log
}

export class Projection {
  readonly #options: ProjectionOptions
  #stopped = false
  #ended: Promise<void> = Promise.resolve()
  #close: () => void = () => {}
  /** Records of the log that are no orders' events; they are passed over. */
  malformed = 0

  constructor(options: ProjectionOptions) {
    this.#options = options
  }

  start(): void {
    this.#ended = this.#loop()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#close()
    await this.#ended
  }

  /** Null if Redis does not answer. */
  async counts(): Promise<BusReply['projection']> {
    const { redis } = this.#options
    try {
      const counts = await redis.hgetall(redisKeys.counts)
      const count = (name: string): number => Number(counts[name] ?? 0)
      return {
        delivered: count('delivered'),
        duplicates: count('duplicates'),
        refused: count('refused'),
        applied: Number((await redis.get(redisKeys.applied)) ?? 0),
        distinct: await redis.scard(redisKeys.seen),
      }
    } catch {
      return null
    }
  }

  async #loop(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#consume()
      } catch (error) {
        if (this.#stopped) break
        this.#options.log.warn({ reason: (error as Error).message }, 'projection interrupted')
        await new Promise((resolve) => setTimeout(resolve, retryMs))
      } finally {
        this.#close()
      }
    }
  }

  async #consume(): Promise<void> {
    const { openKafka, kafka, log, redis } = this.#options
    const session = await openKafka(kafka)
    this.#close = () => session.close()
    await session.ensureTopic(ordersTopic, { partitions: ordersPartitions, compacted: false })
    const topic = await session.topic(ordersTopic)
    if (topic === null) throw new KafkaError('unknown-topic', `expected topic ${ordersTopic}, saw none`)
    const offsets = await redis.eval(
      beginScript,
      2,
      redisKeys.position,
      redisKeys.epoch,
      topic.id,
      String(topic.partitions),
    )
    const from = new Map((offsets as number[]).entries())
    for (const [partition, offset] of from) {
      const { first, end } = await session.offsets(ordersTopic, partition)
      if (offset >= first && offset <= end) continue
      // The log has lost its tail: what is written there now is read from the beginning, and known events are dropped.
      await redis.hset(redisKeys.position, String(partition), String(first))
      from.set(partition, first)
    }
    log.info({ topicId: topic.id, offsets }, 'projecting')
    while (!this.#stopped) {
      const fetched = await session.fetch(ordersTopic, from, waitMs)
      const isNothing = fetched.every((each) => each.records.length === 0)
      // While nothing is applied nothing else would tell that Redis has lost its data.
      let isAsLeft = !isNothing || (await this.#isAsLeft(topic.id, from))
      for (const partition of fetched) isAsLeft &&= await this.#apply(topic.id, from, partition)
      if (!isAsLeft) {
        log.warn('redis is at another position than we left it: beginning there')
        return
      }
      if (!isNothing) await new Promise((resolve) => setTimeout(resolve, gatherMs))
    }
  }

  async #isAsLeft(topicId: string, from: ReadonlyMap<number, number>): Promise<boolean> {
    const position = await this.#options.redis.hgetall(redisKeys.position)
    return position['topic'] === topicId && [...from].every(([partition, at]) => position[partition] === String(at))
  }

  async #apply(topicId: string, from: Map<number, number>, fetched: FetchedPartition): Promise<boolean> {
    for (let at = 0; at < fetched.records.length; at += batchSize) {
      const records = fetched.records.slice(at, at + batchSize)
      const isLast = at + batchSize >= fetched.records.length
      const next = isLast ? fetched.nextOffset : (records.at(-1)?.offset ?? 0) + 1
      const applied = await this.#options.redis.eval(
        applyScript,
        5,
        redisKeys.position,
        redisKeys.epoch,
        redisKeys.seen,
        redisKeys.applied,
        redisKeys.counts,
        topicId,
        String(fetched.partition),
        String(from.get(fetched.partition) ?? 0),
        String(next),
        ...records.flatMap((record) => this.#scriptArguments(record)),
      )
      if (applied !== 1) return false
      from.set(fetched.partition, next)
    }
    return true
  }

  #scriptArguments(record: FetchedRecord): string[] {
    const { headers } = record
    const eventId = headers[eventHeaders.id]
    const origin = headers[eventHeaders.origin]
    const epoch = Number(headers[eventHeaders.epoch])
    let json: unknown
    try {
      json = JSON.parse(String(record.value))
    } catch {
      json = null
    }
    const event = orderEvent.safeParse(json)
    if (!event.success || eventId === undefined || origin === undefined || !Number.isInteger(epoch)) {
      this.malformed += 1
      return []
    }
    const { order } = event.data
    const isOwn = origin === this.#options.region && headers[bridgeHeaders.topicId] === undefined
    return [
      eventId,
      origin,
      isOwn ? 'own' : '',
      String(epoch),
      redisKeys.projection(order.id),
      redisKeys.order(order.id),
      JSON.stringify(order),
    ]
  }
}
