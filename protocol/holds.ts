// Who has a world: the holds that its WAN keeps, one of each name. A hold is one connection; it ends when that is closed, as the
// kernel does for a process that has died.
import { z } from 'zod'

/** `driver` changes the world: a drill, `up`, `down`, `heal`. `guard` heals what a dead driver left. */
export const holdNames = ['driver', 'guard'] as const
export type HoldName = (typeof holdNames)[number]

/** What a holder says of itself. */
export const holder = z.strictObject({
  /** Random: by it a holder comes back after its connection or the WAN was lost. */
  id: z.string().min(8).max(64),
  /** Such as `run region-loss`. */
  doing: z.string().max(500),
  user: z.string().max(200),
  pid: z.number().int().positive(),
  host: z.string().max(300),
  /** The same for two processes if and only if each can see the other by its number: of one boot, one host, one space of numbers. */
  machine: z.string().max(300),
  /** When the process began, on its machine's own scale; null: the machine does not say. */
  started: z.string().max(100).nullable(),
  checkout: z.string().max(5000),
  /** Wall time, for people. */
  since: z.string().max(40),
})
export type Holder = z.infer<typeof holder>

/**
 * `away`: the WAN was restarted, and its former holder has some seconds to come back before anybody else gets the hold. `dead`: the
 * connection was closed without a release; anybody gets it, and is told whose it was.
 */
export type HoldSight =
  | { readonly state: 'free'; readonly holder: null }
  | { readonly state: 'held' | 'away' | 'dead'; readonly holder: Holder }

const holdSight = z.union([
  z.strictObject({ state: z.literal('free'), holder: z.null() }),
  z.strictObject({ state: z.enum(['held', 'away', 'dead']), holder }),
])
/** GET /holds. */
export const holdsReply = z.strictObject({ driver: holdSight, guard: holdSight })
export type HoldsReply = z.infer<typeof holdsReply>

/**
 * GET /holds/<name> with `upgrade: firedrill-hold` answers 101; from then on each side sends lines of JSON. The caller begins with
 * `take`. A taken hold is answered once, and then by an empty line each second, by which a holder sees that the WAN lives; the WAN
 * itself expects nothing more: a frozen holder keeps its hold.
 */
export const holdUpgrade = 'firedrill-hold'
export const holdBeatMs = 1000

export const holdRequest = z.union([z.strictObject({ take: holder }), z.strictObject({ release: z.literal(true) })])

export const holdAnswer = z.union([
  /** `from`: whose hold was taken over because it had died with it in its hands. */
  z.strictObject({ taken: z.literal(true), from: holder.nullable() }),
  /** Somebody else has it; the connection is closed. */
  z.strictObject({ taken: z.literal(false), sight: holdSight }),
  z.strictObject({ released: z.literal(true) }),
  /** The hold was ended by a call, for another to be taken. */
  z.strictObject({ ended: z.string() }),
])
export type HoldAnswer = z.infer<typeof holdAnswer>

/** POST /holds/guard/end: the guard with this id is to go, since another takes its place. Answered by `holdsReply`. */
export const endGuardRequest = z.strictObject({ id: z.string(), by: z.string().max(1000) })

/** The file in the WAN's container that has them; readable also while the WAN is dead. */
export const holdsFile = '/var/lib/firedrill/wan/holds.json'
/** Its content: what is known of each hold that is not free. */
const keptHold = z.strictObject({ state: z.enum(['held', 'dead']), holder }).nullable()
export const keptHolds = z.strictObject({
  driver: keptHold,
  guard: keptHold,
  /** What the guard has healed, for the next command to tell. */
  healed: z.array(z.string()),
})
export type KeptHolds = z.infer<typeof keptHolds>

/** POST /healed: a sentence of the guard's. POST /healed/taken: those that nobody was told yet; each is given once. */
export const healedNote = z.strictObject({ sentence: z.string().max(5000) })
export const healedReply = z.strictObject({ sentences: z.array(z.string()) })
