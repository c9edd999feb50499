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
  /** What it came to in each incident that it is judged for, by the incident's id; the worst is `measured`. */
  incidents: z
    .array(z.object({ id: z.string(), measured: z.string(), status: z.enum(['met', 'missed', 'unknown']) }))
    .default([]),
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

/**
 * `resolutionMs`: how far `restoredMs` may be from the truth either way, as the load is not continuous. `stillOutMs`: service was not
 * back when the load ended, so long after t0; `restoredMs` is null then.
 */
const areaRto = z.object({
  firstWriteMs: ms,
  restoredMs: ms,
  resolutionMs: ms.default(null),
  stillOutMs: ms.default(null),
})
export type AreaRto = z.infer<typeof areaRto>

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
  /** Nobody's of the drill: injected by a person beside it, or done by Docker (`docker-kill`, `docker-pause`) to a container. */
  outside: z.boolean().default(false),
  firstNs: z.string(),
  lastNs: z.string(),
  /** What showed that it took effect, and that it has gone. */
  proof: z.string(),
  healedNs: z.string().nullable(),
  healProof: z.string().nullable(),
  /** When its own heal began: a step's, the rollback's, or the drill's at its end. */
  healBeganNs: z.string().nullable().default(null),
  /** It is over once it has happened, and has no span: a process that died. */
  momentary: z.boolean().default(false),
  /** The first evidence, before its own heal, that it was not in force as a whole any more, and what showed it. */
  endedNs: z.string().nullable().default(null),
  endedBy: z.string().nullable().default(null),
  /** The longest time in which nobody could look whether it was in force. */
  blindMs: z.number().default(0),
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
  /** Share of samples in which at least 95 % was in use, and the spans of such samples that follow one another. */
  saturatedShare: z.number().nullable(),
  saturatedSpans: z.array(z.object({ fromNs: z.string(), toNs: z.string() })).default([]),
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

export const incidentCauses = [
  'fault',
  'switchover',
  'failover',
  'failback',
  'heal',
  'during',
  'outside',
  'unexplained',
] as const
export type IncidentCause = (typeof incidentCauses)[number]

/** What clients saw from one row of faults, one order, or one breakdown without either (docs/measuring.md). */
export const incident = z.object({
  /** Unique in the drill: fault ids joined by `+`, `failback`, `failback-2`, `unexplained-1`. */
  id: z.string(),
  cause: z.enum(incidentCauses),
  title: z.string(),
  t0: z.object({ ns: z.string(), widthMs: z.number() }),
  /** The t0 of the next fault or order, or the end of the load. */
  untilNs: z.string(),
  firstWriteMs: ms,
  firstWriteResolutionMs: ms,
  restoredMs: ms,
  resolutionMs: ms,
  stillOutMs: ms,
  areas: z.partialRecord(z.enum(areas), areaRto),
  phases,
  /** Of the span. Its resolution: how much shorter the outage behind it may have been. */
  longestGapMs: ms,
  longestGapResolutionMs: ms,
  /** It was still going on when the load ended: the true one is longer. */
  longestGapOpen: z.boolean().default(false),
  /** Operations intended in the span that failed or ended as unknown. */
  failed: count,
  rpo: z.object({ postgres: storeLoss, kafka: storeLoss, redis: storeLoss }),
  splitBrain: z.object({ count, ms }),
})
export type Incident = z.infer<typeof incident>

/** What became of an area's planned operations. */
export const areaCollection = z.object({
  planned: z.number().int(),
  /** As the client said at last; null: it did not. */
  sent: count,
  collected: z.number().int(),
  missing: z.number().int(),
  /** Collected more than once. */
  repeated: z.number().int(),
  /** Lines of numbers that were not planned, or intended outside of the load: they count nowhere. */
  outside: z.number().int().default(0),
  late: z.number().int(),
  shed: z.number().int(),
  /** Spans in which operations are missing, or were late or shed by the client. */
  spans: z.array(
    z.object({ kind: z.enum(['missing', 'late', 'shed']), fromNs: z.string(), toNs: z.string(), count: z.number() }),
  ),
  /** Why the client's operations could not all be had. */
  reason: z.string().nullable(),
})
export type AreaCollection = z.infer<typeof areaCollection>

/**
 * A span in which the measuring itself stood still, or its clock was moved, on the WAN's clock; `stall` of the WAN: it did not
 * answer the harness, whatever packets did meanwhile. That stands still itself while what
 * it runs on is suspended: the span of a `suspend` is short, `ms` says how long it was. `ms` of a `clock-step` is by how much the
 * wall clock was moved, negative: back.
 */
export const stall = z.object({
  part: z.enum(['harness', 'wan', 'machine']),
  kind: z.enum(['stall', 'suspend', 'clock-step']),
  fromNs: z.string(),
  toNs: z.string(),
  ms: z.number(),
})
export type Stall = z.infer<typeof stall>

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
    /** Of the incident with the worst `restoredMs`, whose areas and phases these are; null: there was none. */
    incident: z.string().nullable().default(null),
    firstWriteResolutionMs: ms.default(null),
    resolutionMs: ms.default(null),
    stillOutMs: ms.default(null),
  }),
  /** `open`: the longest was still going on when the load ended. */
  outage: z.object({ longestMs: ms, resolutionMs: ms.default(null), open: z.boolean().default(false) }),
  /** Its phases begin with the order. */
  failback: z.object({ outageMs: ms, failed: count, phases: phases.default(noPhases) }),
  rpo: z.object({ postgres: storeLoss, kafka: storeLoss, redis: storeLoss, objects: storeLoss }),
  splitBrain: z.object({ count: count, ms: ms }),
  /** Null where operations are missing. */
  requests: z.object({ ok: count, failed: count, unknown: count }),
  duplicates: z.object({ delivered: count, appliedTwice: count }),
  falseFailovers: count,
  /** In order of their t0. */
  incidents: z.array(incident).default([]),
  /** Why a figure is unknown, by its path: `rpo.postgres.lostCount`, `incidents[0].restoredMs`. */
  unknown: z.record(z.string(), z.string()).default({}),
  /** What was found all the same of a figure that is unknown, by its path. */
  atLeast: z.record(z.string(), z.number()).default({}),
  collection: z.partialRecord(z.enum(areas), areaCollection).default({}),
  stalls: z.array(stall).default([]),
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

/** Requests that failed or ended as unknown; null where operations are missing. */
export function withoutSuccess({ requests }: Pick<Journal, 'requests'>): number | null {
  return requests.failed === null || requests.unknown === null ? null : requests.failed + requests.unknown
}
