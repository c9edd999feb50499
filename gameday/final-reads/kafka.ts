// What a region's Kafka holds of a drill's orders: all records of topic `orders` from given offsets on.
import { openRegionKafka } from '#chaos/stores.ts'
import { eventHeaders, ordersTopic } from '#protocol/order.ts'
import type { Region } from '#protocol/sites.ts'
import type { KafkaSession } from '#runtime/kafka.ts'
import type { RunningWorld } from '#world/running-world.ts'

/** Where to begin. Offsets count for this topic id only: a Kafka that lost its data has a topic of another. */
export interface TopicEnd {
  readonly topicId: string
  readonly offsets: ReadonlyMap<number, number>
}

export interface KafkaReader extends AsyncDisposable {
  /** Order and event ids of the records so far; an event id for each record. */
  readonly orderIds: ReadonlySet<string>
  readonly eventIds: readonly string[]
  /** Reads up to the present end of the topic. */
  readOn(): Promise<void>
}

const fetchWaitMs = 100

async function offsetsOf(
  session: KafkaSession,
  end: 'first' | 'end',
): Promise<{ readonly topicId: string; readonly offsets: Map<number, number> }> {
  const facts = await session.topic(ordersTopic)
  if (facts === null) return { topicId: '', offsets: new Map() }
  const offsets = new Map<number, number>()
  for (let partition = 0; partition < facts.partitions; partition += 1)
    offsets.set(partition, (await session.offsets(ordersTopic, partition))[end])
  return { topicId: facts.id, offsets }
}

/** The end of each partition now: where a drill's own records will begin. */
export async function topicEnd(world: RunningWorld, region: Region): Promise<TopicEnd> {
  await using opened = await openRegionKafka(world, region)
  // Awaited here: the session must outlive the answer.
  return await offsetsOf(opened.session, 'end')
}

export async function readKafka(world: RunningWorld, region: Region, from: TopicEnd): Promise<KafkaReader> {
  const opened = await openRegionKafka(world, region)
  const orderIds = new Set<string>()
  const eventIds: string[] = []
  try {
    const { session } = opened
    const start = await offsetsOf(session, 'first')
    const next = start.topicId === from.topicId ? new Map(from.offsets) : start.offsets
    return {
      orderIds,
      eventIds,
      readOn: async () => {
        if (next.size === 0) return
        for (let behind = true; behind;) {
          const fetched = await session.fetch(ordersTopic, next, fetchWaitMs)
          behind = fetched.some((each) => each.nextOffset < each.endOffset)
          for (const { partition, records, nextOffset } of fetched) {
            next.set(partition, nextOffset)
            for (const record of records) {
              orderIds.add(record.key ?? '')
              eventIds.push(record.headers[eventHeaders.id] ?? '')
            }
          }
        }
      },
      [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
    }
  } catch (error) {
    await opened[Symbol.asyncDispose]()
    throw error
  }
}
