// Which sent events are in every region's Kafka: the relay's books. Pure but for being a class with state of its own.
import type { PositionsReply } from '#protocol/bus.ts'
import type { Region } from '#protocol/sites.ts'

interface Batch {
  readonly atMs: number
  readonly seqs: readonly string[]
  /** By partition, the offset of the batch's last record in it. */
  readonly lastOffsets: ReadonlyMap<number, number>
}

export class Confirmations {
  readonly #origin: Region
  readonly #topicId: string
  readonly #others: readonly Region[]
  readonly #longest: number
  readonly #positions = new Map<Region, readonly number[]>()
  #batches: Batch[] = []
  #count = 0
  #hasForgotten = false

  /** @param longest at most so many events are remembered; the table keeps the others, and they are sent again later */
  constructor(options: { origin: Region; topicId: string; others: readonly Region[]; longest: number }) {
    this.#origin = options.origin
    this.#topicId = options.topicId
    this.#others = options.others
    this.#longest = options.longest
  }

  get unconfirmed(): number {
    return this.#count
  }

  /** Some events were not remembered, and all that were are confirmed: time to read the table from its beginning. */
  get mustStartOver(): boolean {
    return this.#hasForgotten && this.#count === 0
  }

  /** When the oldest unconfirmed batch was sent; null: there is none. */
  get oldestAtMs(): number | null {
    return this.#batches[0]?.atMs ?? null
  }

  sent(seqs: readonly string[], lastOffsets: ReadonlyMap<number, number>, atMs: number): void {
    if (this.#count + seqs.length > this.#longest) {
      this.#hasForgotten = true
      return
    }
    this.#batches.push({ atMs, seqs, lastOffsets })
    this.#count += seqs.length
  }

  /** Positions in another topic than ours (a Kafka that was made anew, before or since) say nothing. */
  heard(reply: PositionsReply): void {
    const source = reply.sources.find((each) => each.source === this.#origin)
    if (source !== undefined && source.topicId === this.#topicId) this.#positions.set(reply.region, source.offsets)
    else this.#positions.delete(reply.region)
  }

  /** Takes out what every other region has, oldest first. */
  takeDone(): string[] {
    const open = this.#batches.findIndex((batch) => !this.#isEverywhere(batch))
    const done = this.#batches.splice(0, open === -1 ? this.#batches.length : open).flatMap((batch) => batch.seqs)
    this.#count -= done.length
    return done
  }

  #isEverywhere(batch: Batch): boolean {
    return this.#others.every((region) => {
      const offsets = this.#positions.get(region)
      if (offsets === undefined) return false
      return [...batch.lastOffsets].every(([partition, offset]) => (offsets[partition] ?? 0) > offset)
    })
  }
}
