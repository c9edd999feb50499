// What the checker reads of a drill: the files of its folder as they are, and the same in whole nanoseconds since the drill's origin.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

const text = z.string()
const monotonic = text.regex(/^-?\d+$/, 'expected nanoseconds')
const natural = z.number().int().nonnegative()

const operationLine = z.object({
  area: text,
  seq: z.number().int(),
  kind: z.enum(['write', 'read']),
  key: text,
  intendedNs: monotonic,
  startedNs: monotonic.nullable(),
  sentNs: monotonic.nullable(),
  doneNs: monotonic,
  outcome: z.enum(['ok', 'failed', 'unknown']),
  status: z.number().nullable(),
  orderId: text.nullable(),
  epoch: z.number().nullable(),
  shed: z.boolean().optional(),
})
export type OperationLine = z.infer<typeof operationLine>

const singleStep = z.object({ heal: text.optional(), fault: z.object({ id: text }).optional() })
const step = singleStep.extend({ parallel: z.array(z.union([singleStep, z.array(singleStep)])).optional() })
export type StepOfMethod = z.infer<typeof step>

const fault = z.object({
  id: text,
  background: z.boolean(),
  /** Somebody else's, beside the drill. */
  outside: z.boolean().optional(),
  firstNs: monotonic,
  healBeganNs: monotonic.nullable(),
  endedNs: monotonic.nullable(),
  endedBy: text.nullish(),
  momentary: z.boolean().optional(),
  blindMs: z.number().optional(),
})
export type FaultOfRecord = z.infer<typeof fault>

/** record.json, as far as figures follow from it. */
const recordFile = z.object({
  runbook: z.object({
    method: z.array(step),
    rollback: z.array(step).optional(),
    'steady-state-hypothesis': z.object({ 'success-rate': z.number(), p99: z.number() }),
    /** Milliseconds after which a client gives up. */
    load: z.object({ timeout: z.number() }),
  }),
  originNs: monotonic,
  load: z
    .object({ fromNs: monotonic, toNs: monotonic, areas: z.record(text, z.object({ planned: natural })) })
    .nullable(),
  epochBefore: z.object({ epoch: z.number() }).nullable(),
  faults: z.array(fault),
  steps: z.array(z.object({ fromNs: monotonic, action: z.enum(['switchover', 'failover', 'failback']).nullable() })),
  stalls: z.array(z.object({ part: text, kind: text, fromNs: monotonic, toNs: monotonic, ms: z.number().optional() })),
})
export type RecordFile = z.infer<typeof recordFile>

/** final-reads.json */
const finalReadsFile = z.object({
  postgres: z.object({ ids: z.array(text), keys: z.array(text) }).nullable(),
  kafka: z.record(text, z.object({ orderIds: z.array(text), eventIds: z.array(text) })).nullable(),
  redis: z
    .record(
      text,
      z.object({ orderIds: z.array(text), applied: z.object({ count: natural, distinct: natural }).nullable() }),
    )
    .nullable(),
})
export type FinalReadsFile = z.infer<typeof finalReadsFile>

/** A line of timeline.ndjson. */
const eventLine = z.object({ atNs: monotonic, kind: text, epoch: z.number().optional() })
export type EventLine = z.infer<typeof eventLine>

export interface DrillFiles {
  readonly record: RecordFile
  readonly finalReads: FinalReadsFile
  readonly operations: readonly OperationLine[]
  readonly timeline: readonly EventLine[]
}

/** Times in nanoseconds since the origin: whole numbers, exact for a hundred days. */
export interface Op {
  readonly area: string
  readonly seq: number
  readonly isWrite: boolean
  readonly key: string
  readonly intended: number
  readonly started: number | null
  readonly sent: number | null
  readonly done: number
  readonly outcome: 'ok' | 'failed' | 'unknown'
  readonly status: number | null
  readonly orderId: string | null
  readonly epoch: number | null
  readonly shed: boolean
}

/** An acked write. */
export interface Ack extends Op {
  readonly sent: number
  readonly orderId: string
  readonly epoch: number
}

export function nanoseconds(text: string, origin: bigint): number {
  return Number(BigInt(text) - origin)
}

export function toOp(line: OperationLine, origin: bigint): Op {
  return {
    area: line.area,
    seq: line.seq,
    isWrite: line.kind === 'write',
    key: line.key,
    intended: nanoseconds(line.intendedNs, origin),
    started: line.startedNs === null ? null : nanoseconds(line.startedNs, origin),
    sent: line.sentNs === null ? null : nanoseconds(line.sentNs, origin),
    done: nanoseconds(line.doneNs, origin),
    outcome: line.outcome,
    status: line.status,
    orderId: line.orderId,
    epoch: line.epoch,
    shed: line.shed === true,
  }
}

export function isAck(op: Op): op is Ack {
  return op.isWrite && op.outcome === 'ok' && op.orderId !== null && op.epoch !== null
}

/** @throws Error that names the place and what is wrong there */
function shaped<Value>(place: string, schema: z.ZodType<Value>, json: string): Value {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw new Error(`${place}: expected JSON`)
  }
  const { success, data, error } = schema.safeParse(value)
  if (success) return data
  const [issue] = error.issues
  const field = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `
  throw new Error(`${place}: ${field}${issue?.message ?? 'not as expected'}`)
}

/** @throws Error if a file is missing, is no JSON or has another shape: it names the file, the line and the field */
export async function readFileOf<Value>(folder: string, name: string, schema: z.ZodType<Value>): Promise<Value> {
  return shaped(name, schema, await readFile(join(folder, name), 'utf8'))
}

async function linesOf<Value>(folder: string, name: string, schema: z.ZodType<Value>): Promise<readonly Value[]> {
  const all = (await readFile(join(folder, name), 'utf8')).split('\n')
  return all.flatMap((line, at) => (line.trim() === '' ? [] : [shaped(`${name}:${at + 1}`, schema, line)]))
}

/** @throws Error as `readFileOf` does */
export async function readDrill(folder: string): Promise<DrillFiles> {
  return {
    record: await readFileOf(folder, 'record.json', recordFile),
    finalReads: await readFileOf(folder, 'final-reads.json', finalReadsFile),
    operations: await linesOf(folder, 'ops.ndjson', operationLine),
    timeline: await linesOf(folder, 'timeline.ndjson', eventLine),
  }
}
