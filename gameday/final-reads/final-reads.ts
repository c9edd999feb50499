// The final reads of a drill: every store of every live region, until nothing is missing or 30 s after the end of the load.
import { regions, type Region } from '#protocol/sites.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { messageOf } from '#runtime/message-of.ts'
import type { FinalReads } from '../measure/record.ts'
import { Interrupted, until, untilAnswered } from '../wait.ts'
import { readKafka, topicEnd, type KafkaReader, type TopicEnd } from './kafka.ts'
import { readPostgres, type PresentOrders } from './postgres.ts'
import { readRedis, type Projection } from './redis.ts'

/** Ends of the regions' topics before the load. */
export type KafkaBaseline = ReadonlyMap<Region, TopicEnd>

export const nothingRead: FinalReads = { postgres: null, kafka: null, redis: null }

export async function kafkaBaseline(world: RunningWorld): Promise<KafkaBaseline> {
  const ends = await Promise.all(regions.map(async (region) => [region, await topicEnd(world, region)] as const))
  return new Map(ends)
}

export interface FinalReadOptions {
  readonly world: RunningWorld
  readonly drill: string
  readonly primary: Region | null
  readonly live: readonly Region[]
  readonly baseline: KafkaBaseline
  readonly ackedIds: readonly string[]
  readonly withinMs: number
  readonly signal: AbortSignal
  readonly note: (text: string) => void
}

/**
 * A store that can't be read gives null; `problem` is told why.
 * @throws Interrupted
 */
export async function readFinal(options: FinalReadOptions, problem: (text: string) => void): Promise<FinalReads> {
  const attempt = <Result>(store: string, work: () => Promise<Result>): Promise<Result | null> =>
    work().catch((error: unknown) => {
      if (error instanceof Interrupted) throw error
      problem(`${store} was not read: ${messageOf(error)}`)
      return null
    })
  const { world, drill, primary, ackedIds, withinMs, signal, note } = options
  // After a long outage the app may hold every session that Postgres has to give; idle ones are closed in 20 s.
  const askPostgres = (from: Region): Promise<PresentOrders> =>
    untilAnswered(() => readPostgres(world, from, drill), withinMs, signal, note)
  const postgres = primary === null ? null : await attempt('Postgres', () => askPostgres(primary))
  const awaitedIds = stillToCome(ackedIds, postgres?.ids ?? null)
  const [kafka, redis] = await Promise.all([
    attempt('Kafka', () => readAllKafkas(options, awaitedIds)),
    attempt('Redis', () => readAllRedises(options, awaitedIds)),
  ])
  return { postgres, kafka, redis }
}

/** The orders whose events are waited for: what is lost in Postgres was lost with its event, unless that had been sent before. */
export function stillToCome(ackedIds: readonly string[], present: ReadonlySet<string> | null): readonly string[] {
  return present === null ? ackedIds : ackedIds.filter((id) => present.has(id))
}

async function readAllKafkas(options: FinalReadOptions, awaitedIds: readonly string[]): Promise<FinalReads['kafka']> {
  const { world, live, baseline, withinMs, signal, note } = options
  const fromTheStart: TopicEnd = { topicId: '', offsets: new Map() }
  await using open = new AsyncDisposableStack()
  const readers = await Promise.all(
    live.map(async (region): Promise<readonly [Region, KafkaReader]> => {
      // A Kafka that was starved of processors has lost its partitions' leadership to nobody, and takes it again.
      const ask = (): Promise<KafkaReader> => readKafka(world, region, baseline.get(region) ?? fromTheStart)
      return [region, open.use(await untilAnswered(ask, withinMs, signal, note))]
    }),
  )
  let records = -1
  // Duplicates come late: the topics must also have been quiet from one look to the next.
  const look = async (): Promise<readonly string[]> => {
    await Promise.all(readers.map(([, reader]) => untilAnswered(() => reader.readOn(), withinMs, signal, note)))
    const before = records
    records = readers.reduce((sum, [, reader]) => sum + reader.eventIds.length, 0)
    const moving = records === before ? [] : [`Kafka: ${records} records so far`]
    return [...missingIn(readers, awaitedIds, 'Kafka'), ...moving]
  }
  await until(look, withinMs, signal, note)
  return new Map(readers.map(([region, { orderIds, eventIds }]) => [region, { orderIds, eventIds: [...eventIds] }]))
}

async function readAllRedises(options: FinalReadOptions, awaitedIds: readonly string[]): Promise<FinalReads['redis']> {
  let seen: readonly (readonly [Region, Projection])[] = []
  await until(
    async () => {
      seen = await Promise.all(
        options.live.map(async (region) => [region, await readRedis(options.world, region, options.ackedIds)] as const),
      )
      return missingIn(seen, awaitedIds, 'Redis')
    },
    options.withinMs,
    options.signal,
    options.note,
  )
  return new Map(seen)
}

function missingIn(
  seen: readonly (readonly [Region, { readonly orderIds: ReadonlySet<string> }])[],
  awaitedIds: readonly string[],
  store: string,
): readonly string[] {
  return seen.flatMap(([region, { orderIds }]) => {
    const missing = awaitedIds.filter((id) => !orderIds.has(id)).length
    return missing === 0 ? [] : [`${store} of ${region}: ${missing} of ${awaitedIds.length} acked orders not there yet`]
  })
}
