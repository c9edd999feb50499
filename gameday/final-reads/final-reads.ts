// The final reads of a drill: every store of every live region, until nothing is missing or 30 s after the end of the load; then the
// stores of all regions against each other.
import type { Check } from '#protocol/journal.ts'
import { regions, type Region } from '#protocol/sites.ts'
import { messageOf } from '#runtime/message-of.ts'
import type { FinalReads, StoreAgreement } from '../measure/record.ts'
import { Interrupted, until, untilAnswered } from '../wait.ts'
import { compareKafka, type KafkaReads } from './compare-kafka.ts'
import { comparePostgres } from './compare-postgres.ts'
import { compareRedis } from './compare-redis.ts'
import { absent, noPrimary, type Comparing } from './comparing.ts'
import { EventTable } from './event-table.ts'
import { KafkaReader, topicEnd, type TopicEnd } from './kafka.ts'
import { Kept } from './kept.ts'
import { Outstanding } from './outstanding.ts'
import { readPostgres } from './postgres.ts'
import { RegionRedis } from './redis.ts'
import type { StoresOf } from './region-postgres.ts'

/** Ends of the regions' topics before the load. */
export type KafkaBaseline = ReadonlyMap<Region, TopicEnd>

export const nothingRead: FinalReads = { postgres: null, kafka: null, redis: null }

export async function kafkaBaseline(world: StoresOf): Promise<KafkaBaseline> {
  const ends = await Promise.all(regions.map(async (region) => [region, await topicEnd(world, region)] as const))
  return new Map(ends)
}

export interface FinalReadOptions {
  readonly world: StoresOf
  readonly drill: string
  readonly primary: Region | null
  readonly live: readonly Region[]
  readonly baseline: KafkaBaseline
  /** As of `Comparing`. */
  readonly lostBelowEpoch: number | null
  readonly ackedIds: readonly string[]
  /** For what is missing, and for each question that fails. */
  readonly withinMs: number
  /** What differs between regions is looked at again for so long, by store. */
  readonly settleWithinMs: number
  readonly signal: AbortSignal
}

type Note = (text: string) => void

/** The stores of a world after a drill: to be read first, then compared. */
export class FinalStores implements AsyncDisposable {
  readonly #options: FinalReadOptions
  readonly #problems: string[] = []
  readonly #open = new AsyncDisposableStack()
  #kafka: KafkaReads | Error = new Error('Kafka was not read: the drill was over before')

  constructor(options: FinalReadOptions) {
    this.#options = options
  }

  /** What was not read, and why; empty: every store of every region was. */
  get problems(): readonly string[] {
    return this.#problems
  }

  /**
   * A store that can't be read gives null, and a problem.
   * @throws Interrupted
   */
  async read(note: Note): Promise<FinalReads> {
    const { world, drill, primary, live, ackedIds, withinMs, signal } = this.#options
    this.#problems.push(...absent(live))
    // After a long outage the app may hold every session that Postgres has to give; idle ones are closed in 20 s.
    const postgres = await this.#attempt('Postgres', async () => {
      if (primary === null) throw new Error(noPrimary)
      return untilAnswered(() => readPostgres(world, primary, drill), withinMs, signal, note)
    })
    if (live.length === 0) return { postgres, kafka: null, redis: null }
    const awaitedIds = stillToCome(ackedIds, postgres?.ids ?? null)
    const [kafka, redis] = await Promise.all([
      this.#attempt('Kafka', () => this.#readKafkas(awaitedIds, note)),
      this.#attempt('Redis', () => this.#readRedises(awaitedIds, note)),
    ])
    return { postgres, kafka, redis }
  }

  /** After the reads. Never rejects: what could not be compared says so. */
  async compare(note: Note): Promise<readonly StoreAgreement[]> {
    const { world, primary, live, lostBelowEpoch, withinMs, settleWithinMs, signal } = this.#options
    const times = { answerWithinMs: withinMs, settleWithinMs }
    const comparing: Comparing = { world, primary, live, lostBelowEpoch, ...times, signal, note }
    return Promise.all([comparePostgres(comparing), compareKafka(comparing, this.#kafka), compareRedis(comparing)])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open[Symbol.asyncDispose]()
  }

  async #attempt<Result>(store: string, work: () => Promise<Result>): Promise<Result | null> {
    return work().catch((error: unknown) => {
      if (error instanceof Interrupted) throw error
      const problem = `${store} was not read: ${messageOf(error)}`
      this.#problems.push(problem)
      if (store === 'Kafka') this.#kafka = new Error(problem)
      return null
    })
  }

  async #readKafkas(awaitedIds: readonly string[], note: Note): Promise<FinalReads['kafka']> {
    const { world, live, baseline, withinMs, signal } = this.#options
    const fromTheStart: TopicEnd = { topicId: '', offsets: new Map() }
    const events = new EventTable(live)
    const readers = live.map((region) =>
      this.#open.use(new KafkaReader(world, region, baseline.get(region) ?? fromTheStart, events)),
    )
    const outstanding = readers.map(() => new Outstanding(awaitedIds))
    let records = -1
    // Duplicates come late: the topics must also have been quiet from one look to the next.
    const look = async (): Promise<readonly string[]> => {
      // A Kafka that was starved of processors has lost its partitions' leadership to nobody, and takes it again.
      await Promise.all(
        readers.map((reader) =>
          of(
            reader.region,
            untilAnswered(() => reader.readOn(), withinMs, signal, note),
          ),
        ),
      )
      const before = records
      records = readers.reduce((sum, { eventIds }) => sum + eventIds.length, 0)
      const moving = records === before ? [] : [`Kafka: ${records} records so far`]
      const missing = readers.flatMap(({ region, orderIds }, index) => {
        outstanding[index]?.found((id) => orderIds.has(id))
        return outstanding[index]?.missing(`Kafka of ${region}`) ?? []
      })
      return [...missing, ...moving]
    }
    await until(look, withinMs, signal, note)
    this.#kafka = { readers, events }
    return new Map(readers.map((reader) => [reader.region, reader.closeReads()]))
  }

  async #readRedises(awaitedIds: readonly string[], note: Note): Promise<FinalReads['redis']> {
    const { world, live, ackedIds, withinMs, signal } = this.#options
    const awaited = new Set(awaitedIds)
    const others = ackedIds.filter((id) => !awaited.has(id))
    await using open = new AsyncDisposableStack()
    const redises = live.map((region) => ({
      region,
      kept: open.use(new Kept(() => RegionRedis.open(world, region))),
      orderIds: new Set<string>(),
      awaited: new Outstanding(awaitedIds),
      others: new Outstanding(others),
    }))
    const look = async (): Promise<readonly string[]> => {
      const missing = redises.map(async ({ region, kept, orderIds, awaited, others }) => {
        const left = [...awaited.left, ...others.left]
        const present = await of(
          region,
          kept.use((redis) => redis.present(left)),
        )
        for (const id of present) orderIds.add(id)
        for (const each of [awaited, others]) each.found((id) => orderIds.has(id))
        return awaited.missing(`Redis of ${region}`)
      })
      return (await Promise.all(missing)).flat()
    }
    await until(look, withinMs, signal, note)
    const seen = redises.map(async ({ region, kept, orderIds }) => {
      const applied = await of(
        region,
        kept.use((redis) => redis.applied()),
      )
      return [region, { orderIds, applied }] as const
    })
    return new Map(await Promise.all(seen))
  }
}

/** Names the region in what goes wrong. */
async function of<Answer>(region: Region, asking: Promise<Answer>): Promise<Answer> {
  return asking.catch((error: unknown) => {
    throw error instanceof Interrupted ? error : new Error(`region ${region}: ${messageOf(error)}`, { cause: error })
  })
}

/** The orders whose events are waited for: what is lost in Postgres was lost with its event, unless that had been sent before. */
export function stillToCome(ackedIds: readonly string[], present: ReadonlySet<string> | null): readonly string[] {
  return present === null ? ackedIds : ackedIds.filter((id) => present.has(id))
}

/** @param interruption what ended the drill early; then nobody can say what would have been read. Null: nothing did */
export function everyStoreRead(problems: readonly string[], interruption: string | null): Check {
  const name = 'every store was read'
  if (problems.length === 0)
    return { name, status: 'pass', reason: 'Postgres of the primary, Kafka and Redis of every region' }
  return { name, status: interruption === null ? 'fail' : 'unknown', reason: problems.join('; ') }
}
