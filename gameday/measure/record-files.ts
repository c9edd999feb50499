// A drill's record as files, and back: what `report --recompute` measures again. Lines (operations, timeline, samples) have files of
// their own; what is written here is all the rest.
import { z } from 'zod'
import { exportedTail } from '#protocol/agent.ts'
import { check, environment, faultRecord, stall, stepRecord } from '#protocol/journal.ts'
import { nanoseconds } from '#protocol/nanoseconds.ts'
import type { Runbook } from '#protocol/runbook.ts'
import { areas, regions } from '#protocol/sites.ts'
import { firstIssue } from '#runtime/first-issue.ts'
import { storeNames, type DrillRecord, type FinalReads } from './record.ts'

const natural = z.number().int().nonnegative()

/** The runbook after validation (durations in ms), which can't be validated again: only what figures are computed from is looked at. */
const validatedRunbook = z.looseObject({
  title: z.string(),
  topology: z.looseObject({ commit: z.string(), home: z.enum(regions) }),
  objectives: z.record(z.string(), z.unknown()),
  load: z.looseObject({ from: z.array(z.string()), rate: z.number() }),
  'steady-state-hypothesis': z.looseObject({ 'success-rate': z.number(), p99: z.number() }),
  method: z.array(z.looseObject({})),
})

/** record.json */
const recordFile = z.object({
  schemaVersion: z.literal(2),
  drill: z.string(),
  runbookName: z.string(),
  runbook: z.custom<Runbook>((value) => validatedRunbook.safeParse(value).success, 'expected a validated runbook'),
  seed: z.number(),
  command: z.string().nullable(),
  environment: environment.nullable(),
  world: z.string(),
  startedAt: z.string(),
  originNs: nanoseconds,
  endNs: nanoseconds,
  load: z
    .object({
      fromNs: nanoseconds,
      toNs: nanoseconds,
      areas: z.partialRecord(
        z.enum(areas),
        z.object({
          planned: natural,
          sent: z.number().nullable(),
          reason: z.string().nullable(),
        }),
      ),
    })
    .nullable(),
  epochBefore: z.object({ epoch: z.number(), region: z.string().nullable() }).nullable(),
  faults: z.array(faultRecord),
  steps: z.array(stepRecord.extend({ action: z.enum(['switchover', 'failover', 'failback']).nullable() })),
  exports: z.array(exportedTail),
  agreement: z.array(
    z.object({
      store: z.enum(storeNames),
      regions: z.array(z.enum(regions)),
      rows: natural,
      differing: natural,
      differences: z.array(z.string()),
      unread: z.string().nullable(),
    }),
  ),
  stalls: z.array(stall),
  unheard: z.array(z.string()),
  wanBytes: z.number().nullable(),
  checks: z.array(check),
  interruption: z.string().nullable(),
})

const ids = z.array(z.string())
const rowsRead = z
  .object({ ids, keys: ids })
  .refine((read) => read.ids.length === read.keys.length, 'expected as many keys as orders')
const eventsRead = z
  .object({ orderIds: ids, eventIds: ids })
  .refine((read) => new Set(read.eventIds).size >= read.orderIds.length, 'expected an event of each order at least')
const applied = z
  .object({ count: natural, distinct: natural })
  .refine(({ count, distinct }) => distinct <= count, 'expected no more different events than events')
/** final-reads.json: ids of orders and events, in the order in which they were read. */
const finalReadsFile = z.object({
  postgres: rowsRead.nullable(),
  kafka: z.partialRecord(z.enum(regions), eventsRead).nullable(),
  redis: z.partialRecord(z.enum(regions), z.object({ orderIds: ids, applied: applied.nullable() })).nullable(),
})

export type Lines = Pick<DrillRecord, 'operations' | 'events' | 'samples'>

export function recordText(record: DrillRecord): string {
  const { operations: _operations, events: _events, samples: _samples, finalReads: _finalReads, ...rest } = record
  const load = rest.load === null ? null : { ...rest.load, fromNs: `${rest.load.fromNs}`, toNs: `${rest.load.toNs}` }
  const file = { schemaVersion: 2, ...rest, originNs: `${rest.originNs}`, endNs: `${rest.endNs}`, load }
  return `${JSON.stringify(file, null, 2)}\n`
}

export function finalReadsText({ postgres, kafka, redis }: FinalReads): string {
  const file = {
    postgres: postgres === null ? null : { ids: [...postgres.ids], keys: [...postgres.keys] },
    kafka:
      kafka === null
        ? null
        : Object.fromEntries(
            [...kafka].map(([region, each]) => [region, { orderIds: [...each.orderIds], eventIds: each.eventIds }]),
          ),
    redis:
      redis === null
        ? null
        : Object.fromEntries(
            [...redis].map(([region, each]) => [region, { orderIds: [...each.orderIds], applied: each.applied }]),
          ),
  }
  return `${JSON.stringify(file)}\n`
}

/** Regions in the order of the file. */
function mapOf<Value extends object, Made>(
  byRegion: Readonly<Partial<Record<(typeof regions)[number], Value>>> | null,
  make: (value: Value) => Made,
): ReadonlyMap<(typeof regions)[number], Made> | null {
  if (byRegion === null) return null
  const names = Object.keys(byRegion) as (typeof regions)[number][]
  return new Map(names.flatMap((region) => (byRegion[region] ? [[region, make(byRegion[region])] as const] : [])))
}

/** @throws Error in one line that names the file, and what in it is not as a drill writes it */
function parse<Shape extends z.ZodType>(name: string, text: string, shape: Shape): z.infer<Shape> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new Error(`${name} is no JSON (${(error as Error).message})`, { cause: error })
  }
  const parsed = shape.safeParse(json)
  if (parsed.success) return parsed.data
  throw new Error(`${name} is not as a drill writes it (${firstIssue(parsed.error)})`)
}

/** @throws Error in one line if either text is no such file */
export function recordFrom(recordJson: string, finalReadsJson: string, lines: Lines): DrillRecord {
  const { schemaVersion: _, ...record } = parse('record.json', recordJson, recordFile)
  const reads = parse('final-reads.json', finalReadsJson, finalReadsFile)
  const load = record.load
  return {
    ...record,
    originNs: BigInt(record.originNs),
    endNs: BigInt(record.endNs),
    load: load === null ? null : { ...load, fromNs: BigInt(load.fromNs), toNs: BigInt(load.toNs) },
    finalReads: {
      postgres:
        reads.postgres === null ? null : { ids: new Set(reads.postgres.ids), keys: new Set(reads.postgres.keys) },
      kafka: mapOf(reads.kafka, ({ orderIds, eventIds }) => ({ orderIds: new Set(orderIds), eventIds })),
      redis: mapOf(reads.redis, ({ orderIds, applied }) => ({ orderIds: new Set(orderIds), applied })),
    },
    ...lines,
  }
}
