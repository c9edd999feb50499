// What the WAN container speaks: link settings, the fence device, the clock, the ledger of faults, the way in.
// Every refusal (400, 401, 404, 407, 502, 503, 504) has the body {error, reason}.
import { z } from 'zod'
import { linkClasses, regions, sites } from './sites.ts'
import { bandwidthBps, delayMs, share, turnMs } from './values.ts'

/** Settings of one directed link, for all traffic or one class. Absent fields stay as they are. */
export const linkSetting = z.strictObject({
  up: z.boolean().optional(),
  delayMs: delayMs.optional(),
  /** Uniform, plus or minus, as a share of the delay: 0.1 is +-10 %. */
  jitter: share.optional(),
  /** Probability 0..1 that a packet is dropped. */
  loss: share.optional(),
  /** Probability 0..1 that a packet is let through without its delay, so that it overtakes others. */
  reorder: share.optional(),
  /** Bits per second; 0 is unlimited. */
  bandwidthBps: z.literal(0).or(bandwidthBps).optional(),
})
export type LinkSetting = z.infer<typeof linkSetting>

/** A change that comes and goes by itself: in force for `onMs`, then not for `offMs`, and so on. */
export const linkTurns = z.strictObject({ onMs: turnMs, offMs: turnMs })
export type LinkTurns = z.infer<typeof linkTurns>

/** One change of links. Every combination of from x to (from != to) gets the setting. */
export const linkChange = z.strictObject({
  /** Names the change: healing removes all changes with this id. The base settings have the id `base`. */
  id: z.string().min(1),
  from: z.array(z.enum(sites)).min(1),
  to: z.array(z.enum(sites)).min(1),
  class: z.enum(linkClasses).optional(),
  set: linkSetting,
  /** The WAN itself takes the turns, counted from its arrival. Absent: it is in force all the time. */
  turns: linkTurns.optional(),
  /** The WAN itself removes the change after this time; absent: it stays until it is healed. */
  expiresInMs: z.number().positive().optional(),
})
export type LinkChange = z.infer<typeof linkChange>

/** POST /links: changes are applied together at one instant. Later changes win over earlier ones, field by field. */
export const linkRequest = z.strictObject({ changes: z.array(linkChange).min(1) })
/** Answer of POST /links and DELETE /links/:id. `atNs` is taken right after the change took effect. */
export const linkReply = z.object({ atNs: z.string() })

/** What was in force here and is not any more, and why: its time was over, it was healed by its id, another took its place. */
export const ending = z.object({ id: z.string(), why: z.enum(['expired', 'removed', 'replaced']), atNs: z.string() })
export type Ending = z.infer<typeof ending>

/** GET /links: the changes that have not expired, lowest first, and what they come to now for each directed link and class. */
export const linksReply = z.object({
  atNs: z.string(),
  /** When this WAN began: no change of links and no break of the fence device outlives its process. */
  sinceNs: z.string(),
  /** The latest, oldest first; `atNs` is when packets went by it no more. */
  ended: z.array(ending),
  /** `expiresInMs` is what is left of it. */
  layers: z.array(linkChange),
  /** Sites that the fence device has cut off, whatever the layers say. */
  fenced: z.array(z.enum(sites)),
  effective: z.array(
    linkSetting.required().extend({ from: z.enum(sites), to: z.enum(sites), class: z.enum(linkClasses) }),
  ),
})
export type LinksReply = z.infer<typeof linksReply>

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
      /** Let through without their delay, as `reorder` says. */
      reordered: z.number(),
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
export const fenceReply = z.object({
  fenced: z.boolean(),
  epoch: z.number(),
  atNs: z.string(),
  /** Why it was refused. */
  reason: z.string().optional(),
})
export type FenceReply = z.infer<typeof fenceReply>

/** POST /fence/break at the way in (chaos): the device answers 503, or never. POST /fence/mend undoes it. */
export const fenceBreak = z.strictObject({
  /** Whose it is; a renewal of that ledger entry renews it. */
  id: z.string().min(1).optional(),
  mode: z.enum(['refuse', 'silent']),
  /** The WAN itself mends the device after this time. */
  expiresInMs: z.number().positive().optional(),
})
export type FenceBreak = z.infer<typeof fenceBreak>

/** GET /fence at the way in, and the answer of POST /fence/break, POST /fence/mend and DELETE /fence/:site there. */
export const fenceState = z.object({
  atNs: z.string(),
  broken: z.enum(['refuse', 'silent']).nullable(),
  /** The id that it was broken with. */
  brokenBy: z.string().nullable(),
  /** The latest ends of breaks that had an id, oldest first. */
  ended: z.array(ending),
  dataSets: z.array(
    z.object({
      dataSet: z.string(),
      /** The highest epoch seen; lower ones are refused. */
      epoch: z.number(),
      fenced: z.array(z.enum(regions)),
    }),
  ),
})
export type FenceState = z.infer<typeof fenceState>

/** Whose fault it is that no drill has injected but a person, by `chaos inject` or the dashboard: it goes by its time alone. */
export const manualDrill = 'manual'

/** One entry of the ledger of faults: written before the fault is injected, removed after it is proven healed. */
export const ledgerEntry = z.object({
  id: z.string().min(1),
  /** The drill's name, or `manualDrill`. */
  drill: z.string(),
  kind: z.string(),
  target: z.string(),
  /** What heal needs to know; owned by the fault's file in chaos/. */
  detail: z.record(z.string(), z.unknown()),
  injectedNs: z.string(),
  expiresNs: z.string(),
  /** It has no planned end: its drill renews it while it lives. */
  leased: z.boolean().optional(),
  /** Somebody heals it: it holds nothing any more that another fault could have to leave alone. */
  healing: z.boolean().optional(),
  /** Since when. */
  healingNs: z.string().optional(),
})
export type LedgerEntry = z.infer<typeof ledgerEntry>
/** An entry that was removed, as it was then, and when that was. */
export const pastEntry = z.object({ entry: ledgerEntry, goneNs: z.string() })
/**
 * GET /ledger. PUT /ledger/:id (body `ledgerEntry`) answers with the entry; DELETE /ledger/:id with the rest; POST /ledger/:id/healing
 * marks the entry, if there is one, and answers with all.
 */
export const ledgerReply = z.object({ entries: z.array(ledgerEntry) })
/** GET /ledger: also the latest that were removed since this WAN began, oldest first. */
export const ledgerHistory = ledgerReply.extend({ past: z.array(pastEntry).default([]) })
export type LedgerHistory = z.infer<typeof ledgerHistory>

/**
 * POST /ledger/:id/renew: the entry, its changes of links and its break of the fence device end so long from now. Their turns and
 * their order stay, and what has ended already stays so.
 */
export const renewRequest = z.strictObject({ expiresInMs: z.number().positive() })
/** `renewed` is false if there is no such entry. */
export const renewReply = z.object({ renewed: z.boolean() })
