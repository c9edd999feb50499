// What the WAN container speaks: link settings, the fence device, the clock, the ledger of faults, the way in.
import { z } from 'zod'
import { linkClasses, regions, sites } from './sites.ts'

/** Settings of one directed link, for all traffic or one class. Absent fields stay as they are. */
export const linkSetting = z.strictObject({
  up: z.boolean().optional(),
  delayMs: z.number().min(0).max(60_000).optional(),
  /** Uniform, plus or minus, as a share of the delay: 0.1 is +-10 %. */
  jitter: z.number().min(0).max(1).optional(),
  /** Probability 0..1 that a packet is dropped. */
  loss: z.number().min(0).max(1).optional(),
  /** Probability 0..1 that a packet is let through without its delay, so that it overtakes others. */
  reorder: z.number().min(0).max(1).optional(),
  /** Bits per second; 0 is unlimited. */
  bandwidthBps: z.number().min(0).optional(),
})
export type LinkSetting = z.infer<typeof linkSetting>

/** One change of links. Every combination of from x to (from != to) gets the setting. */
export const linkChange = z.strictObject({
  /** Names the change: healing removes all changes with this id. The base settings have the id `base`. */
  id: z.string().min(1),
  from: z.array(z.enum(sites)).min(1),
  to: z.array(z.enum(sites)).min(1),
  class: z.enum(linkClasses).optional(),
  set: linkSetting,
  /** The WAN itself removes the change after this time; absent: it stays until it is healed. */
  expiresInMs: z.number().positive().optional(),
})
export type LinkChange = z.infer<typeof linkChange>

/** POST /links: changes are applied together at one instant. Later changes win over earlier ones, field by field. */
export const linkRequest = z.strictObject({ changes: z.array(linkChange).min(1) })
/** Answer of POST /links and DELETE /links/:id. */
export const linkReply = z.object({ atNs: z.string() })

/** GET /clock: the kernel's monotonic clock (nanoseconds, as a string: it exceeds 2^53) and wall time for people. */
export const clockReply = z.object({ monotonicNs: z.string(), wallMs: z.number() })

/** GET /counters. */
export const counters = z.object({
  atNs: z.string(),
  links: z.array(
    z.object({
      from: z.enum(sites),
      to: z.enum(sites),
      class: z.enum(linkClasses),
      packets: z.number(),
      bytes: z.number(),
      dropped: z.number(),
    }),
  ),
})
export type Counters = z.infer<typeof counters>

/** POST /fence on a site's WAN address (bearer token `fence`): cut `site` off, and refuse lower epochs from now on. */
export const fenceRequest = z.strictObject({
  site: z.enum(regions),
  epoch: z.number().int().positive(),
  dataSet: z.string(),
})
/** `fenced: false` with 409 if the epoch is below one already seen. POST /unfence has the same shape. */
export const fenceReply = z.object({ fenced: z.boolean(), epoch: z.number(), atNs: z.string() })

/** One entry of the ledger of faults: written before the fault is injected, removed after it is proven healed. */
export const ledgerEntry = z.object({
  id: z.string().min(1),
  drill: z.string(),
  kind: z.string(),
  target: z.string(),
  /** What heal needs to know; owned by the fault's file in chaos/. */
  detail: z.record(z.string(), z.unknown()),
  injectedNs: z.string(),
  expiresNs: z.string(),
})
export type LedgerEntry = z.infer<typeof ledgerEntry>
