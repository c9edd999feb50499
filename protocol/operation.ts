// One client operation, and the plan that a load client gets (HTTP on the client's ports.control, bearer token `control`).
import { z } from 'zod'
import { drillName } from './names.ts'
import { nanoseconds, signedNanoseconds } from './nanoseconds.ts'
import { areas } from './sites.ts'
import { steerings } from './topology.ts'
import { areaRate, clientTimeoutMs, longestDrillMs, seed, share } from './values.ts'

/**
 * POST /load {plan}: starts open-loop load at `startNs` (Poisson arrivals drawn from the seed and the area). One plan at a time
 * (409). POST /load/end {loadEnd}: no arrival intended at `untilNs` or later is turned to any more; 409 if another plan, or none, is
 * known. DELETE /load: none at all any more. GET /load. All answer `loadStatus` at once; the load has ended when it is not `running`.
 */
export const loadPlan = z.strictObject({
  /** Begins each idempotency key, so it must be new for each plan: `<drill>-<area>-<seq>`. */
  drill: drillName,
  seed,
  /** Operations per second of this area. */
  rate: areaRate,
  /** Share of reads, 0..1. */
  reads: share,
  steering: z.enum(steerings),
  /** Monotonic clock; at most 2 s ago (400). */
  startNs: nanoseconds,
  /** Load ends by itself after this time. */
  durationMs: z.number().positive().max(longestDrillMs),
  timeoutMs: clientTimeoutMs.default(3000),
  /** At most so many under way; arrivals above are shed and count as failures. */
  maxInFlight: z.number().int().positive().default(1000),
})
export type LoadPlan = z.infer<typeof loadPlan>

export const loadEnd = z.strictObject({
  /** Of the plan that is to end. */
  drill: z.string(),
  /** Monotonic clock; a little ahead, so that no arrival after it was turned to before. An end is never put off by a later one. */
  untilNs: nanoseconds,
})

export const loadStatus = z.object({
  /** True until the last arrival has been answered. */
  running: z.boolean(),
  /** Arrivals that the client has turned to so far: the numbers below it. */
  planned: z.number(),
  inFlight: z.number(),
  done: z.number(),
  /** Names the log of operations that is kept: a client that was restarted, or was given another plan, has another one. */
  run: z.string().default(''),
  /** When this process of the client began, by the monotonic clock. */
  processSinceNs: z.string().default('0'),
  /** Of the latest plan; null: this process was given none yet. */
  drill: z.string().nullable().default(null),
  /** Of the latest plan: what is in flight ends within it. */
  timeoutMs: z.number().default(0),
})
export type LoadStatus = z.infer<typeof loadStatus>

/**
 * One line of ops.ndjson. GET /operations?from=N: NDJSON in the order in which they ended, at most 5,000 of them. Headers: `x-next`, the
 * next N; `x-end`, the N after the last; `x-first`, the lowest N that is kept; `x-run`, as in `loadStatus`. A plan's operations count
 * from 0 and are kept until the next plan begins, the last 600,000 of them (410 below, 400 above; both with `x-first` and `x-run`).
 */
export const operation = z.object({
  area: z.enum(areas),
  /** Number of the arrival in its plan, from 0. */
  seq: z.number().int(),
  /** A read that finds no acked order of its area yet is a write. */
  kind: z.enum(['write', 'read']),
  /** Idempotency key of a write, order id of a read. */
  key: z.string(),
  /**
   * When it should have been sent, when the client turned to it (null: recorded by an older version), when it began to be written to
   * a connection (null: never), when it was answered or given up: monotonic ns.
   */
  intendedNs: signedNanoseconds,
  startedNs: signedNanoseconds.nullable().default(null),
  sentNs: signedNanoseconds.nullable(),
  doneNs: signedNanoseconds,
  outcome: z.enum(['ok', 'failed', 'unknown']),
  status: z.number().nullable(),
  orderId: z.string().nullable(),
  /** Of the order in the answer: where, and under which epoch, it was accepted. */
  region: z.string().nullable(),
  epoch: z.number().nullable(),
  reason: z.string().nullable(),
  /** Never tried, since too many were under way or no socket was left: the client's doing, not the service's. */
  shed: z.boolean().default(false),
})
export type Operation = z.infer<typeof operation>
