// The events that the regions' Kafkas hold, each id kept once for all regions: ids, and a checksum of each event's key and value.
import { hash } from 'node:crypto'
import type { Region } from '#protocol/sites.ts'

/** What one record says. */
export interface SeenEvent {
  readonly eventId: string
  readonly orderId: string
  readonly value: Buffer | null
}

export interface EventDifference {
  readonly eventId: string
  readonly orderId: string
  readonly missingIn: readonly Region[]
  readonly thereIn: readonly Region[]
  /** A region has it with another value than the first one, or with two. */
  readonly hasOtherValues: boolean
}

const notThere = 0
const severalValues = -1

export class EventTable {
  readonly #regions: readonly Region[]
  readonly #indexes = new Map<string, number>()
  readonly #eventIds: string[] = []
  readonly #orderIds: string[] = []
  /** By region, by the event's index. */
  readonly #checksums: readonly number[][]

  constructor(regions: readonly Region[]) {
    this.#regions = regions
    this.#checksums = regions.map(() => [])
  }

  /** @returns its ids, in the one copy that is kept of them */
  saw(region: Region, { eventId, orderId, value }: SeenEvent): { readonly eventId: string; readonly orderId: string } {
    const index = this.#indexOf(eventId, orderId)
    const checksums = this.#checksums[this.#regions.indexOf(region)] ?? []
    const now = checksumOf(orderId, value)
    const before = checksums[index] ?? notThere
    checksums[index] = before === notThere || before === now ? now : severalValues
    return { eventId: this.#eventIds[index] ?? eventId, orderId: this.#orderIds[index] ?? orderId }
  }

  get size(): number {
    return this.#eventIds.length
  }

  /** Events that a region lacks and another one has. */
  lackedBy(region: Region): readonly string[] {
    const checksums = this.#checksums[this.#regions.indexOf(region)] ?? []
    return this.#eventIds.filter((_, index) => checksums[index] === notThere)
  }

  *differences(): Generator<EventDifference> {
    for (const [index, eventId] of this.#eventIds.entries()) {
      const found = this.#checksums.map((checksums) => checksums[index] ?? notThere)
      const values = new Set(found.filter((each) => each !== notThere))
      if (values.size === 1 && !values.has(severalValues) && !found.includes(notThere)) continue
      yield {
        eventId,
        orderId: this.#orderIds[index] ?? '',
        missingIn: this.#regions.filter((_, each) => found[each] === notThere),
        thereIn: this.#regions.filter((_, each) => found[each] !== notThere),
        hasOtherValues: values.size > 1 || values.has(severalValues),
      }
    }
  }

  #indexOf(eventId: string, orderId: string): number {
    const known = this.#indexes.get(eventId)
    if (known !== undefined) return known
    const index = this.#eventIds.length
    this.#indexes.set(eventId, index)
    this.#eventIds.push(eventId)
    this.#orderIds.push(orderId)
    for (const checksums of this.#checksums) checksums.push(notThere)
    return index
  }
}

/** 48 bits of a hash, never 0. */
function checksumOf(key: string, value: Buffer | null): number {
  const digest = hash('sha1', Buffer.concat([Buffer.from(`${key}\n`), value ?? Buffer.alloc(0)]), 'buffer')
  return digest.readUIntBE(0, 6) + 1
}
