// Each region's projection against the orders of the primary's Postgres: value by value, and nothing besides.
import { z } from 'zod'
import { order, type Order } from '#protocol/order.ts'
import type { Region } from '#protocol/sites.ts'
import { throwIfInterrupted, untilAnswered } from '../wait.ts'
import type { StoreAgreement } from '../measure/record.ts'
import { absent, agreementOf, asked, noPrimary, notRead, type Compared, type Comparing } from './comparing.ts'
import { Differences, shown } from './differences.ts'
import { Kept } from './kept.ts'
import { RegionRedis } from './redis.ts'
import { RegionPostgres, type Row } from './region-postgres.ts'
import { settling, type Settle } from './settling.ts'

const ordersAtATime = 2000
const columns = 'id::text AS id, customer, item, quantity, region, epoch::integer AS epoch, created_at'

const fields = order.keyof().options

interface Place {
  readonly region: Region
  readonly id: string
}

/** What both sides say of one order; null: they have none. */
interface Pair extends Place {
  readonly stored: string | null
  readonly projected: string | null
}

export async function compareRedis(comparing: Comparing): Promise<StoreAgreement> {
  const compared: Compared = {
    regions: [],
    rows: 0,
    differences: new Differences(),
    unread: [...absent(comparing.live)],
  }
  return agreementOf('redis', compared, async () => {
    if (comparing.primary === null) throw new Error(noPrimary)
    await using open = new AsyncDisposableStack()
    const postgres = open.use(new RegionPostgres(comparing.world, comparing.primary))
    const redises = new Map(
      comparing.live.map((region) => [region, open.use(new Kept(() => RegionRedis.open(comparing.world, region)))]),
    )
    await new Projections(comparing, postgres, redises, compared).compare()
  })
}

class Projections {
  readonly #comparing: Comparing
  readonly #postgres: RegionPostgres
  readonly #redises: ReadonlyMap<Region, Kept<RegionRedis>>
  readonly #compared: Compared
  readonly #settle: Settle
  /** Projections of stored orders, by region. */
  readonly #found = new Map<Region, number>()

  constructor(
    comparing: Comparing,
    postgres: RegionPostgres,
    redises: ReadonlyMap<Region, Kept<RegionRedis>>,
    compared: Compared,
  ) {
    this.#comparing = comparing
    this.#postgres = postgres
    this.#redises = redises
    this.#compared = compared
    this.#settle = settling(comparing.settleWithinMs, comparing.signal, comparing.note)
  }

  async compare(): Promise<void> {
    const regions = [...this.#redises.keys()]
    this.#compared.regions = regions
    for (let after: string | null = null; ;) {
      const stored: ReadonlyMap<string, string> = await this.#storedAfter(after)
      const pairs = (await Promise.all(regions.map((region) => this.#pairsOf(region, stored)))).flat()
      for (const { region, projected } of pairs)
        if (projected !== null) this.#found.set(region, (this.#found.get(region) ?? 0) + 1)
      await this.#judge(pairs)
      this.#compared.rows += stored.size
      this.#comparing.note(`Redis: ${this.#compared.rows} orders compared`)
      if (stored.size < ordersAtATime) break
      after = [...stored.keys()].at(-1) ?? null
    }
    for (const region of regions) await this.#judgeExtras(region)
  }

  async #judge(pairs: readonly Pair[]): Promise<void> {
    const left = await this.#settle(pairs.filter(isDifferent), async (differing) =>
      (await this.#lookAgain(differing)).filter(isDifferent),
    )
    for (const pair of left) this.#compared.differences.add(() => this.#sentenceOf(pair))
  }

  /** Looked for only where there are more projections than stored orders that have one. */
  async #judgeExtras(region: Region): Promise<void> {
    const count = await this.#ask(region, async (redis) => {
      let count = 0
      for await (const ids of redis.everyProjected()) count += ids.length
      return count
    })
    if (count <= (this.#found.get(region) ?? 0)) return
    const extras = await this.#ask(region, async (redis) => {
      const extras = new Set<string>()
      for await (const ids of redis.everyProjected()) {
        const stored = await this.#storedOf(ids)
        for (const id of ids) if (!stored.has(id)) extras.add(id)
      }
      return extras
    })
    const pairs = await this.#lookAgain([...extras].map((id) => ({ region, id })))
    const own = pairs.filter((pair) => !this.#isOfBefore(pair))
    this.#compared.rows += own.length
    await this.#judge(own)
  }

  #isOfBefore({ stored, projected }: Pair): boolean {
    const { lostBelowEpoch } = this.#comparing
    const order = stored === null && projected !== null ? orderIn(projected) : null
    return lostBelowEpoch !== null && order !== null && order.epoch < lostBelowEpoch
  }

  async #lookAgain(places: readonly Place[]): Promise<readonly Pair[]> {
    const stored = await this.#storedOf([...new Set(places.map(({ id }) => id))])
    const byRegion = [...Map.groupBy(places, ({ region }) => region)]
    const pairs = byRegion.map(async ([region, each]) => {
      const ids = each.map(({ id }) => id)
      const texts = await this.#ask(region, (redis) => redis.projected(ids))
      return ids.map((id, index) => ({ region, id, stored: stored.get(id) ?? null, projected: texts[index] ?? null }))
    })
    return (await Promise.all(pairs)).flat()
  }

  async #pairsOf(region: Region, stored: ReadonlyMap<string, string>): Promise<readonly Pair[]> {
    const texts = await this.#ask(region, (redis) => redis.projected([...stored.keys()]))
    return [...stored].map(([id, text], index) => ({ region, id, stored: text, projected: texts[index] ?? null }))
  }

  async #storedAfter(after: string | null): Promise<ReadonlyMap<string, string>> {
    const where = after === null ? '' : 'WHERE id > $1::uuid'
    const text = `SELECT ${columns} FROM orders ${where} ORDER BY id LIMIT ${ordersAtATime}`
    return projectionsOf(await asked(this.#comparing, this.#postgres, text, after === null ? [] : [after]))
  }

  async #storedOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const text = `SELECT ${columns} FROM orders WHERE id = ANY($1::uuid[])`
    const known = ids.filter((id) => z.uuid().safeParse(id).success)
    return projectionsOf(await asked(this.#comparing, this.#postgres, text, [known]))
  }

  async #ask<Answer>(region: Region, work: (redis: RegionRedis) => Promise<Answer>): Promise<Answer> {
    const { answerWithinMs, signal, note } = this.#comparing
    throwIfInterrupted(signal)
    const kept = this.#redises.get(region)
    if (kept === undefined) throw new Error(`expected a session with Redis of ${region}, saw none`)
    return untilAnswered(() => kept.use(work), answerWithinMs, signal, note).catch((error: unknown) => {
      throw notRead(`Redis of ${region}`, error)
    })
  }

  #sentenceOf({ region, id, stored, projected }: Pair): string {
    const primary = this.#postgres.region
    if (projected === null) return `order ${id}: missing in Redis of ${region}, there in Postgres of ${primary}`
    if (stored === null) return `order ${id}: missing in Postgres of ${primary}, there in Redis of ${region}`
    const differing = differingFields(orderIn(projected), orderIn(stored)).map(
      ([field, left, right]) => `${field} is ${left} in Redis of ${region}, ${right} in Postgres of ${primary}`,
    )
    if (differing.length > 0) return `order ${id}: ${differing.join('; ')}`
    return `order ${id}: expected an order in Redis of ${region}, saw ${shown(projected)}`
  }
}

function isDifferent({ stored, projected }: Pair): boolean {
  if (stored === projected) return false
  if (stored === null || projected === null) return true
  const [left, right] = [orderIn(stored), orderIn(projected)]
  return left === null || right === null || differingFields(left, right).length > 0
}

/** Names of the fields, and both values as JSON. */
function differingFields(left: Order | null, right: Order | null): readonly (readonly [string, string, string])[] {
  if (left === null || right === null) return []
  return fields.flatMap((field) =>
    left[field] === right[field]
      ? []
      : [[field, shown(JSON.stringify(left[field])), shown(JSON.stringify(right[field]))] as const],
  )
}

/** Null if the text is no order. */
function orderIn(text: string): Order | null {
  try {
    return order.parse(JSON.parse(text))
  } catch {
    return null
  }
}

/** As the projection keeps them: the very text, as a rule. */
function projectionsOf(rows: readonly Row[]): ReadonlyMap<string, string> {
  return new Map(
    rows.map(({ created_at: createdAt, ...row }) => {
      const { customer, item, quantity, id, region, epoch } = row
      const text = JSON.stringify({
        customer,
        item,
        quantity,
        id,
        region,
        epoch,
        createdAt: (createdAt as Date).toISOString(),
      })
      return [String(id), text]
    }),
  )
}
