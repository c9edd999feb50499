// journal.json of a drill. What scripts read comes first, and those names stay. Times in ms; `null` means not measured, never zero.
import { z } from 'zod'
import { areas, regions } from './sites.ts'

export const verdicts = ['pass', 'fail', 'unknown'] as const
export type Verdict = (typeof verdicts)[number]
export const exitCodes: Readonly<Record<Verdict, number>> = { pass: 0, fail: 1, unknown: 2 }

const ms = z.number().nullable()
const count = z.number().int().nullable()

/** One demand and what became of it. `measured` is in the objective's own unit, for people. */
export const objectiveResult = z.object({
  name: z.string(),
  demanded: z.string(),
  measured: z.string(),
  status: z.enum(['met', 'missed', 'unknown']),
})
export type ObjectiveResult = z.infer<typeof objectiveResult>

export const epochSeen = z.object({
  epoch: z.number(),
  region: z.string().nullable(),
  /** When it was taken; null if it was current before the drill. */
  atNs: z.string().nullable(),
  /** `before` the drill; `fault`: a failover while a fault lasted; `ordered` by the runbook; `false`: by neither. */
  cause: z.enum(['before', 'fault', 'ordered', 'false']),
})
export type EpochSeen = z.infer<typeof epochSeen>

/** Loss of one store. Postgres: acked writes that are gone. Others: acked orders without their event, projection, object. */
export const storeLoss = z.object({ lostCount: count, windowMs: ms })
export type StoreLoss = z.infer<typeof storeLoss>

const areaRto = z.object({ firstWriteMs: ms, restoredMs: ms })

export const phases = z.object({
  detectMs: ms,
  decideMs: ms,
  fenceMs: ms,
  promoteMs: ms,
  steerMs: ms,
  recoverMs: ms,
})
export type Phases = z.infer<typeof phases>

/** A fault as it was injected. `firstNs` to `lastNs` is the span in which it took effect (the width of t0). */
export const faultRecord = z.object({
  id: z.string(),
  kind: z.string(),
  target: z.string(),
  background: z.boolean(),
  firstNs: z.string(),
  lastNs: z.string(),
  /** What showed that it took effect, and that it has gone. */
  proof: z.string(),
  healedNs: z.string().nullable(),
  healProof: z.string().nullable(),
})
export type FaultRecord = z.infer<typeof faultRecord>

export const stepRecord = z.object({
  /** Its place in the runbook: `method[3]`, `method[4].parallel[0][1]`, `rollback[0]`; empty in journals of older versions. */
  at: z.string().default(''),
  title: z.string(),
  kind: z.string(),
  fromNs: z.string(),
  toNs: z.string(),
  failed: z.string().nullable(),
})
export type StepRecord = z.infer<typeof stepRecord>

/** What a drill ran on. */
export const environment = z.object({
  /** `commit` has `-dirty` behind it where files were changed; null: no git checkout. */
  firedrill: z.object({ version: z.string(), commit: z.string().nullable() }),
  node: z.string(),
  /** Where the harness ran. */
  machine: z.object({
    processors: z.number(),
    processorModel: z.string(),
    memoryBytes: z.number(),
    kernel: z.string(),
    arch: z.string(),
  }),
  /** What containers had; null: Docker did not say. */
  docker: z
    .object({
      version: z.string(),
      compose: z.string().nullable(),
      processors: z.number(),
      memoryBytes: z.number(),
      kernel: z.string(),
      system: z.string(),
    })
    .nullable(),
  /** Image of each container, by its name: `postgres.a`. */
  images: z.record(z.string(), z.string()),
})
export type Environment = z.infer<typeof environment>

/** How busy the machine was during the drill, from samples of about a second. */
export const machineLoad = z.object({
  samples: z.number().int(),
  /** Mean share of the processors' time that was in use, 0..1. */
  busyShare: z.number().nullable(),
  /** Share of samples in which at least 95 % was in use. */
  saturatedShare: z.number().nullable(),
  /** How late the harness's own loop was: in the median sample, and at worst. */
  medianLateMs: ms,
  worstLateMs: ms,
})
export type MachineLoadSeen = z.infer<typeof machineLoad>

export const noPhases: Phases = {
  detectMs: null,
  decideMs: null,
  fenceMs: null,
  promoteMs: null,
  steerMs: null,
  recoverMs: null,
}

export const check = z.object({ name: z.string(), status: z.enum(['pass', 'fail', 'unknown']), reason: z.string() })
export type Check = z.infer<typeof check>

export const journal = z.object({
  schemaVersion: z.literal(1),
  verdict: z.enum(verdicts),
  exitCode: z.number(),
  runbook: z.string(),
  seed: z.number(),
  world: z.string(),
  objectives: z.array(objectiveResult),
  epochs: z.array(epochSeen),
  rto: z.object({
    firstWriteMs: ms,
    restoredMs: ms,
    areas: z.partialRecord(z.enum(areas), areaRto),
    phases: phases,
  }),
  outage: z.object({ longestMs: ms }),
  /** Its phases begin with the order. */
  failback: z.object({ outageMs: ms, failed: count, phases: phases.default(noPhases) }),
  rpo: z.object({ postgres: storeLoss, kafka: storeLoss, redis: storeLoss, objects: storeLoss }),
  splitBrain: z.object({ count: count, ms: ms }),
  requests: z.object({ ok: z.number(), failed: z.number(), unknown: z.number() }),
  duplicates: z.object({ delivered: count, appliedTwice: count }),
  falseFailovers: count,
  // What follows is for people and for reports.
  drill: z.string(),
  title: z.string(),
  startedAt: z.string(),
  /** The world's monotonic clock at `startedAt`: what maps the times below to wall time. Absent in journals of older versions. */
  originNs: z.string().optional(),
  durationMs: z.number(),
  /** Durations in ms. */
  topology: z.record(z.string(), z.unknown()),
  /** The values of the runbook's parameters. */
  parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  thresholds: z.object({ successRate: z.number(), p99Ms: z.number(), windowMs: z.number() }),
  /** t0 and how wide the fault's own effect was. */
  t0: z.object({ ns: z.string(), widthMs: z.number() }).nullable(),
  loadNs: z.object({ from: z.string(), to: z.string() }).nullable(),
  restoredUntilNs: z.string().nullable(),
  staleReads: count,
  wanBytes: count,
  faults: z.array(faultRecord),
  steps: z.array(stepRecord),
  checks: z.array(check),
  lost: z.object({
    postgres: z.array(z.string()),
    kafka: z.array(z.object({ region: z.enum(regions), orderId: z.string() })),
    redis: z.array(z.object({ region: z.enum(regions), orderId: z.string() })),
  }),
  /** Events that a region's Kafka holds more than once. */
  duplicated: z.array(z.object({ region: z.enum(regions), eventId: z.string(), times: z.number().int() })).default([]),
  /** Acked orders that some stores have and others lack: `postgres`, `kafka b`, `redis c`. */
  divergent: z
    .array(z.object({ orderId: z.string(), presentIn: z.array(z.string()), missingFrom: z.array(z.string()) }))
    .default([]),
  /** Keys of writes that were refused as not done, and yet are in Postgres. */
  refusedButPresent: z.array(z.string()).default([]),
  /** What rewinds threw away, each in a file `exports/<name>.json`. */
  exports: z
    .array(
      z.object({
        name: z.string(),
        region: z.enum(regions),
        epoch: z.number(),
        transactions: z.number(),
        orderIds: z.array(z.string()),
      }),
    )
    .default([]),
  /** What to run to get the same drill. */
  command: z.string().nullable().default(null),
  /** Null: recorded by a version that did not look. */
  environment: environment.nullable().default(null),
  machineLoad: machineLoad.nullable().default(null),
  /** Why the verdict is `unknown`, or what ended the drill early. */
  interruption: z.string().nullable(),
})
export type Journal = z.infer<typeof journal>
