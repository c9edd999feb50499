// What the report needs of the operations, gathered in one pass over them, so that they need not be kept: success and latency in
// slices of the load's time by area, and where writes went at some moments.
import type { Journal } from '#protocol/journal.ts'
import type { Operation } from '#protocol/operation.ts'
import { isRegion, type Area, type Region } from '#protocol/sites.ts'
import { sinceMs } from '../measure/history.ts'
import { percentile } from '../measure/service.ts'

export interface Slice {
  /** Middle of the slice, seconds since the load began. */
  readonly atS: number
  /** Share of this slice's operations that succeeded; null if none was intended in it. */
  readonly successRate: number | null
  readonly p50Ms: number | null
  readonly p99Ms: number | null
}

export interface AreaSeen {
  readonly all: number
  readonly ok: number
  readonly slices: readonly Slice[]
}

export type WritesTo = Readonly<Partial<Record<Area, Region>>>

export interface LoadSeen {
  /** Of those areas from which anything was collected. */
  readonly areas: ReadonlyMap<Area, AreaSeen>
  /** The region that acknowledged each area's last write by a moment, for each moment that was asked for. */
  readonly writesTo: readonly WritesTo[]
}

interface Bucket {
  all: number
  readonly latenciesMs: number[]
}

interface Tally {
  all: number
  ok: number
  readonly taken: Taken
  readonly buckets: Map<number, Bucket>
}

/** Numbers that were there before, 32 of them in a word. */
class Taken {
  readonly #words = new Map<number, number>()

  /** @returns false if it was there before */
  add(number: number): boolean {
    const word = Math.floor(number / 32)
    const bit = 1 << (number - word * 32)
    const before = this.#words.get(word) ?? 0
    this.#words.set(word, before | bit)
    return (before & bit) === 0
  }
}

interface Acked {
  readonly doneNs: bigint
  readonly region: Region
}

export class LoadTally {
  readonly #fromNs: bigint
  readonly #lengthMs: number
  readonly #sliceMs: number
  readonly #areas = new Map<Area, Tally>()
  readonly #moments: readonly { readonly atNs: bigint; readonly last: Map<Area, Acked> }[]

  /** About 240 slices, none shorter than a second. */
  constructor({ loadNs }: Journal, momentsNs: readonly bigint[]) {
    this.#fromNs = BigInt(loadNs?.from ?? '0')
    this.#lengthMs = loadNs === null ? 0 : sinceMs(this.#fromNs, loadNs.to)
    this.#sliceMs = Math.max(1000, Math.ceil(this.#lengthMs / 240 / 500) * 500)
    this.#moments = momentsNs.map((atNs) => ({ atNs, last: new Map() }))
  }

  /** Of those intended within the load, each number of an area once. */
  add(each: Operation): void {
    const intendedMs = sinceMs(this.#fromNs, each.intendedNs)
    if (intendedMs < 0 || intendedMs >= this.#lengthMs) return
    const tally = this.#areas.get(each.area) ?? { all: 0, ok: 0, taken: new Taken(), buckets: new Map() }
    this.#areas.set(each.area, tally)
    if (!tally.taken.add(each.seq)) return
    const index = Math.floor(intendedMs / this.#sliceMs)
    const bucket = tally.buckets.get(index) ?? { all: 0, latenciesMs: [] }
    tally.buckets.set(index, bucket)
    tally.all += 1
    bucket.all += 1
    if (each.outcome !== 'ok') return
    tally.ok += 1
    bucket.latenciesMs.push(sinceMs(this.#fromNs, each.doneNs) - intendedMs)
    if (each.kind === 'write') this.#keepAck(each)
  }

  #keepAck({ area, region, doneNs: done }: Operation): void {
    if (region === null || !isRegion(region)) return
    const doneNs = BigInt(done)
    for (const { atNs, last } of this.#moments)
      if (doneNs <= atNs && doneNs >= (last.get(area)?.doneNs ?? 0n)) last.set(area, { doneNs, region })
  }

  seen(): LoadSeen {
    return {
      areas: new Map(
        [...this.#areas].map(([area, { all, ok, buckets }]) => [area, { all, ok, slices: this.#slices(buckets) }]),
      ),
      writesTo: this.#moments.map(({ last }) =>
        Object.fromEntries([...last].map(([area, { region }]) => [area, region])),
      ),
    }
  }

  #slices(buckets: ReadonlyMap<number, Bucket>): readonly Slice[] {
    return Array.from({ length: Math.ceil(this.#lengthMs / this.#sliceMs) }, (_, index) => {
      const bucket = buckets.get(index)
      return {
        atS: ((index + 0.5) * this.#sliceMs) / 1000,
        successRate: bucket === undefined ? null : bucket.latenciesMs.length / bucket.all,
        p50Ms: percentile(bucket?.latenciesMs ?? [], 0.5),
        p99Ms: percentile(bucket?.latenciesMs ?? [], 0.99),
      }
    })
  }
}
