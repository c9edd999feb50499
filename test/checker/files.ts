// What the checker reads of a drill: the files of its folder as they are, and the same in whole nanoseconds since the drill's origin.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface OperationLine {
  readonly area: string
  readonly seq: number
  readonly kind: 'write' | 'read'
  readonly key: string
  readonly intendedNs: string
  readonly startedNs: string | null
  readonly sentNs: string | null
  readonly doneNs: string
  readonly outcome: 'ok' | 'failed' | 'unknown'
  readonly status: number | null
  readonly orderId: string | null
  readonly epoch: number | null
  readonly shed?: boolean
}

export interface StepOfMethod {
  readonly heal?: string
  readonly fault?: { readonly id: string }
  readonly parallel?: readonly (StepOfMethod | readonly StepOfMethod[])[]
}

export interface FaultOfRecord {
  readonly id: string
  readonly background: boolean
  readonly firstNs: string
  readonly healBeganNs: string | null
  readonly endedNs: string | null
  readonly endedBy?: string | null
  readonly momentary?: boolean
  readonly blindMs?: number
}

/** record.json, as far as figures follow from it. */
export interface RecordFile {
  readonly runbook: {
    readonly method: readonly StepOfMethod[]
    readonly rollback?: readonly StepOfMethod[]
    readonly 'steady-state-hypothesis': { readonly 'success-rate': number; readonly p99: number }
    /** Milliseconds after which a client gives up. */
    readonly load: { readonly timeout: number }
  }
  readonly originNs: string
  readonly load: {
    readonly fromNs: string
    readonly toNs: string
    readonly areas: Readonly<Record<string, { readonly planned: number }>>
  } | null
  readonly epochBefore: { readonly epoch: number } | null
  readonly faults: readonly FaultOfRecord[]
  readonly steps: readonly { readonly fromNs: string; readonly action: 'switchover' | 'failover' | 'failback' | null }[]
  readonly stalls: readonly {
    readonly part: string
    readonly kind: string
    readonly fromNs: string
    readonly toNs: string
    readonly ms?: number
  }[]
}

/** final-reads.json */
export interface FinalReadsFile {
  readonly postgres: { readonly ids: readonly string[]; readonly keys: readonly string[] } | null
  readonly kafka: Readonly<
    Record<string, { readonly orderIds: readonly string[]; readonly eventIds: readonly string[] }>
  > | null
  readonly redis: Readonly<
    Record<
      string,
      {
        readonly orderIds: readonly string[]
        readonly applied: { readonly count: number; readonly distinct: number } | null
      }
    >
  > | null
}

/** A line of timeline.ndjson. */
export interface EventLine {
  readonly atNs: string
  readonly kind: string
  readonly epoch?: number
}

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

function lines(text: string): readonly unknown[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as unknown)
}

/** @throws Error if a file is missing or is no JSON */
export async function readDrill(folder: string): Promise<DrillFiles> {
  const text = (name: string): Promise<string> => readFile(join(folder, name), 'utf8')
  return {
    record: JSON.parse(await text('record.json')) as RecordFile,
    finalReads: JSON.parse(await text('final-reads.json')) as FinalReadsFile,
    operations: lines(await text('ops.ndjson')) as OperationLine[],
    timeline: lines(await text('timeline.ndjson')) as EventLine[],
  }
}
