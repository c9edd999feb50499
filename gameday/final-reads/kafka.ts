// What a region's Kafka holds of a drill's orders: all records of topic `orders` from given offsets on.
import { openRegionKafka, type OpenSession } from '#chaos/stores.ts'
import { eventHeaders, ordersTopic } from '#protocol/order.ts'
import type { Region } from '#protocol/sites.ts'
import type { FetchedRecord, KafkaSession } from '#runtime/kafka.ts'
import type { EventTable } from './event-table.ts'
import { Kept } from './kept.ts'
import type { StoresOf } from './region-postgres.ts'

/** Where to begin. Offsets count for this topic id only: a Kafka that lost its data has a topic of another. */
export interface TopicEnd {
  readonly topicId: string
  readonly offsets: ReadonlyMap<number, number>
}

const fetchWaitMs = 100

interface TopicStart extends TopicEnd {
  readonly offsets: Map<number, number>
}

async function offsetsOf(session: KafkaSession, end: 'first' | 'end'): Promise<TopicStart> {
  const facts = await session.topic(ordersTopic)
  if (facts === null) return { topicId: '', offsets: new Map() }
  const offsets = new Map<number, number>()
  for (let partition = 0; partition < facts.partitions; partition += 1)
    offsets.set(partition, (await session.offsets(ordersTopic, partition))[end])
  return { topicId: facts.id, offsets }
}

/** The end of each partition now: where a drill's own records will begin. */
export async function topicEnd(world: StoresOf, region: Region): Promise<TopicEnd> {
  await using opened = await openRegionKafka(world, region)
  // Awaited here: the session must outlive the answer.
  return await offsetsOf(opened.session, 'end')
}

/** A broker whose connection is lost is connected to again, and read on where the reading had got to. */
export class KafkaReader implements AsyncDisposable {
  readonly region: Region
  /** Order and event ids of the records so far; an event id for each record. */
  readonly orderIds = new Set<string>()
  readonly eventIds: string[] = []
  readonly #kept: Kept<OpenSession>
  readonly #events: EventTable
  readonly #from: TopicEnd
  #next: TopicStart | null = null
  #isClosed = false

  /** @param events is told every record */
  constructor(world: StoresOf, region: Region, from: TopicEnd, events: EventTable) {
    this.region = region
    this.#kept = new Kept(() => openRegionKafka(world, region))
    this.#from = from
    this.#events = events
  }

  /** Reads up to the present end of the topic. @throws KafkaError, or Error if the topic was made anew meanwhile */
  async readOn(): Promise<void> {
    await this.#kept.use(async ({ session }) => {
      const next = await this.#begun(session)
      if (next === null) return
      await readUntil(session, next.offsets, null, (record) => {
        const { eventId, orderId } = this.#events.saw(this.region, seenIn(record))
        if (this.#isClosed) return
        this.orderIds.add(orderId)
        this.eventIds.push(eventId)
      })
    })
  }

  /** What is read on after this is told to the events' table only: the ids stay as they are. */
  closeReads(): this {
    this.#isClosed = true
    return this
  }

  /** Looks for events in what lies before the beginning: one that is sent again, or came right then, is not lacking. */
  async readEarlier(wanted: ReadonlySet<string>): Promise<void> {
    if (this.#next?.topicId !== this.#from.topicId || wanted.size === 0) return
    await this.#kept.use(async ({ session }) => {
      const { offsets } = await offsetsOf(session, 'first')
      await readUntil(session, offsets, this.#from.offsets, (record) => {
        const event = seenIn(record)
        if (wanted.has(event.eventId)) this.#events.saw(this.region, event)
      })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kept[Symbol.asyncDispose]()
  }

  /** Where to read on; null: there is no topic. */
  async #begun(session: KafkaSession): Promise<TopicStart | null> {
    if (this.#next === null) {
      const start = await offsetsOf(session, 'first')
      if (start.topicId === '') return null
      this.#next = start.topicId === this.#from.topicId ? { ...start, offsets: new Map(this.#from.offsets) } : start
      return this.#next
    }
    const topicId = (await session.topic(ordersTopic))?.id ?? 'none'
    if (topicId !== this.#next.topicId)
      throw new Error(`expected topic ${this.#next.topicId} in Kafka of ${this.region}, saw ${topicId}`)
    return this.#next
  }
}

function seenIn(record: FetchedRecord): { eventId: string; orderId: string; value: Buffer | null } {
  return { eventId: record.headers[eventHeaders.id] ?? '', orderId: record.key ?? '', value: record.value }
}

/**
 * @param next moved on as records are read
 * @param ends exclusive; null: the present ones
 */
async function readUntil(
  session: KafkaSession,
  next: Map<number, number>,
  ends: ReadonlyMap<number, number> | null,
  take: (record: FetchedRecord) => void,
): Promise<void> {
  const endOf = (partition: number): number => ends?.get(partition) ?? Number.POSITIVE_INFINITY
  for (let behind = new Map(next); ;) {
    for (const [partition, offset] of behind) if (offset >= endOf(partition)) behind.delete(partition)
    if (behind.size === 0) return
    const fetched = await session.fetch(ordersTopic, behind, fetchWaitMs)
    for (const { partition, records, nextOffset } of fetched) {
      for (const record of records) if (record.offset < endOf(partition)) take(record)
      next.set(partition, nextOffset)
    }
    behind = new Map(
      fetched
        .filter(({ nextOffset, endOffset }) => nextOffset < endOffset)
        .map(({ partition, nextOffset }) => [partition, nextOffset]),
    )
  }
}
