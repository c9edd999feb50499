// What the Postgres agent is asked (HTTP on ports.control, bearer token `control`) and what it tells of itself.
import { z } from 'zod'
import { history, lsn, position } from './epoch.ts'
import { commitModes } from './topology.ts'
import { regions } from './sites.ts'

/** What runs under the agent. `rewinding` covers pg_rewind and base backups: a half-made node counts for nothing. */
export const nodeStates = ['stopped', 'starting', 'standby', 'promoting', 'primary', 'rewinding', 'crashed'] as const
export type NodeState = (typeof nodeStates)[number]

export const agentStatus = z.object({
  region: z.enum(regions),
  incarnation: z.string(),
  state: z.enum(nodeStates),
  /** The highest epoch promised; kept on disk before it is told. */
  promised: z.number().int().nonnegative(),
  /** False while the half-made marker is on disk: the promise has no weight. */
  whole: z.boolean(),
  /** Primary: its write position; standby: the end of what it replayed. Null while Postgres isn't up. */
  position: position.nullable(),
  history: history,
  /** The region whose WAL this standby streams; null if none or if the stream is down. */
  following: z.enum(regions).nullable(),
  streaming: z.boolean(),
  /** Primary: true once the epoch's first commit has its quorum. */
  epochCommitted: z.boolean(),
  /** Primary: regions streaming from it, and how far each has flushed. */
  followers: z.array(z.object({ region: z.enum(regions), flushLsn: lsn.nullable() })),
  /** Postgres answered the agent's own last probe in time. */
  responsive: z.boolean(),
  systemIdentifier: z.string(),
})
export type AgentStatus = z.infer<typeof agentStatus>

/** POST /promise. 200 `promiseReply`; 409 `refusal` if the node has promised a higher epoch. Idempotent for the same epoch. */
export const promiseRequest = z.strictObject({ epoch: z.number().int().positive() })
/** `position: null`: the promise is kept, but the node could not read a position (Postgres is down): it has no weight yet; ask again. */
export const promiseReply = z.object({
  region: z.enum(regions),
  epoch: z.number(),
  whole: z.boolean(),
  position: position.nullable(),
  history: history,
  /** The highest epoch that this node itself ever began as primary; 0: none. */
  begun: z.number().int().nonnegative(),
  atNs: z.string(),
})
export type PromiseReply = z.infer<typeof promiseReply>

/**
 * POST /promote: only while the node's own promise is exactly `epoch`. Sets the synchronous standbys (commit: quorum: ANY k of
 * all others), promotes, and returns when the epoch's first commit has its quorum (async: is committed locally).
 */
export const promoteRequest = z.strictObject({ epoch: z.number().int().positive(), commit: z.enum(commitModes) })
export const promoteReply = z.object({
  epoch: z.number(),
  startLsn: lsn,
  history: history,
  promotedNs: z.string(),
  committedNs: z.string(),
})
export type PromoteReply = z.infer<typeof promoteReply>

/**
 * POST /follow: refused (409) if the node's promise is above `epoch`; adopts the promise first. The node follows at once if its
 * history is a prefix of `history`; else it exports its divergent tail, rewinds (or takes a base backup) and then follows.
 * Answers 202 as soon as the way is decided.
 */
export const followRequest = z.strictObject({
  epoch: z.number().int().positive(),
  primary: z.enum(regions),
  /** The primary's history, `epoch` included as the last entry. */
  history: history,
  /**
   * Ahead of a planned switchover: `primary` is still a standby and `history` its present one, without `epoch`. The node adopts
   * the epoch, streams from it in cascade, and its promise has no weight until the same order comes with the whole history.
   */
  ahead: z.boolean().optional(),
})
export const followReply = z.object({ epoch: z.number(), way: z.enum(['already', 'attach', 'rewind', 'basebackup']) })
export type FollowReply = z.infer<typeof followReply>

/** POST /reach: answers as soon as the node has replayed up to `lsn`, at the latest after `withinMs`. */
export const reachRequest = z.strictObject({ lsn, withinMs: z.number().int().positive().max(60_000) })
export const reachReply = z.object({ reached: z.boolean() })

/**
 * POST /timeline, from the agent of a node that was just promoted to those of the others: the history file of Postgres's new
 * timeline, which a follower in `epoch` would ask Postgres for a little later. Only saves time. 409 from a node that has not
 * promised exactly `epoch`, follows somebody else, or was told of another beginning of the epoch.
 */
export const timelineNotice = z.strictObject({
  epoch: z.number().int().positive(),
  primary: z.enum(regions),
  timeline: z.number().int().positive(),
  text: z.string().min(1).max(65_536),
})
export type TimelineNotice = z.infer<typeof timelineNotice>
/** `planted: false`: kept until the order to follow comes. */
export const timelineReply = z.object({ planted: z.boolean() })
export type TimelineReply = z.infer<typeof timelineReply>

/** Body of every 409. */
export const refusal = z.object({ refused: z.literal(true), promised: z.number(), reason: z.string() })

/** GET /exports: files with transactions that a rewind threw away. GET /exports/:name gives one. */
export const exportedTail = z.object({
  name: z.string(),
  region: z.enum(regions),
  epoch: z.number(),
  fromLsn: lsn,
  toLsn: lsn,
  transactions: z.number(),
  orders: z.array(z.record(z.string(), z.unknown())),
})
export type ExportedTail = z.infer<typeof exportedTail>
