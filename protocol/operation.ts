// One client operation, and the plan that a load client gets (HTTP on the client's ports.control, bearer token `control`).
import { z } from 'zod'
import { areas } from './sites.ts'

/**
 * POST /load {plan}: starts open-loop load at `startNs` (Poisson arrivals drawn from the seed); DELETE /load ends it after
 * what is in flight. GET /load gives `loadStatus`. One plan at a time (409).
 */
export const loadPlan = z.strictObject({
  drill: z.string(),
  seed: z.number().int(),
  /** Operations per second of this area. */
  rate: z.number().positive().max(5000),
  /** Share of reads, 0..1. */
  reads: z.number().min(0).max(1),
  steering: z.enum(['glb', 'dns']),
  startNs: z.string(),
  /** Load ends by itself after this time. */
  durationMs: z.number().positive(),
  timeoutMs: z.number().positive().default(3000),
  /** At most so many under way; arrivals above are shed and count as failures. */
  maxInFlight: z.number().int().positive().default(1000),
})
export type LoadPlan = z.infer<typeof loadPlan>

export const loadStatus = z.object({
  running: z.boolean(),
  planned: z.number(),
  inFlight: z.number(),
  done: z.number(),
})

/** One line of ops.ndjson. GET /operations?from=N (NDJSON; header `x-next` gives the next N). */
export const operation = z.object({
  area: z.enum(areas),
  seq: z.number().int(),
  kind: z.enum(['write', 'read']),
  /** Idempotency key of a write, order id of a read. */
  key: z.string(),
  /** When it should have been sent, was sent, was answered: monotonic ns. */
  intendedNs: z.string(),
  sentNs: z.string().nullable(),
  doneNs: z.string(),
  outcome: z.enum(['ok', 'failed', 'unknown']),
  status: z.number().nullable(),
  orderId: z.string().nullable(),
  region: z.string().nullable(),
  epoch: z.number().nullable(),
  reason: z.string().nullable(),
})
export type Operation = z.infer<typeof operation>
