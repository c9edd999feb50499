// The ids of the events that the region's own Kafka holds. They are known only while it is being filled: each event lies in every
// other region's log, and must come back once.
import { ordersPartitions } from '#protocol/bus.ts'
import { eventHeaders, ordersTopic } from '#protocol/order.ts'
import type { Region } from '#protocol/sites.ts'
import type { KafkaSession } from '#runtime/kafka.ts'

export class HeldEvents {
  /** Sources that the Kafka is being filled from. */
  readonly #sources = new Set<Region>()
  /** The topic that `#ids` are of. */
  #topicId: string | null = null
  #ids = new Set<string>()
  #turn: Promise<unknown> = Promise.resolve()

  get areKnown(): boolean {
    return this.#sources.size > 0
  }

  has(eventId: string): boolean {
    return this.#ids.has(eventId)
  }

  add(eventIds: Iterable<string>): void {
    for (const id of eventIds) this.#ids.add(id)
  }

  /** The Kafka is to be filled from `source`. What it has already is read, unless that is known. */
  async begin(source: Region, local: KafkaSession, topicId: string): Promise<void> {
    this.#sources.add(source)
    await this.inTurn(async () => {
      if (this.#topicId === topicId) return
      this.#ids = await readIds(local)
      this.#topicId = topicId
    })
  }

  end(source: Region): void {
    this.#sources.delete(source)
    if (this.#sources.size > 0) return
    this.#ids = new Set()
    this.#topicId = null
  }

  /** One after another: what one copies the next must know of. */
  async inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch(() => undefined)
    await mine
  }
}

async function readIds(local: KafkaSession): Promise<Set<string>> {
  const ids = new Set<string>()
  for (let partition = 0; partition < ordersPartitions; partition += 1) {
    const { first, end } = await local.offsets(ordersTopic, partition)
    for (let offset = first; offset < end;) {
      const [fetched] = await local.fetch(ordersTopic, new Map([[partition, offset]]), 0)
      if (fetched === undefined || fetched.nextOffset === offset) break
      for (const record of fetched.records) ids.add(record.headers[eventHeaders.id] ?? '')
      offset = fetched.nextOffset
    }
  }
  return ids
}
