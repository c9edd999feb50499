// What a node may do when it is asked to promise, to be promoted or to follow: rules 1, 2, 4 and 5 of the design as pure steps.
// The adapter makes one decision at a time, under its lock, and keeps on disk what a decision says before it answers.
import { lsnFromBigInt, lsnToBigInt, type History } from '#protocol/epoch.ts'
import type { Region } from '#protocol/sites.ts'
import type { PromiseReply } from '#protocol/agent.ts'
import { effectiveHistory, extendHistory, historyFlaw, positionAt, relate } from './history.ts'

/** Written before a rewind or base backup, removed once the node streams. */
export type HalfMade = { epoch: number; primary: Region }

/**
 * The node was attached to a standby that is to be promoted under `epoch`, before it is known where the epoch will begin.
 * `timeline` was the newest timeline that the node knew of then: the next one is the epoch's.
 */
export type Ahead = { epoch: number; timeline: number }

/** What a node keeps on disk. `begun`: the highest epoch that it itself ever began as primary; 0: none. */
export type Kept = { promised: number; history: History; begun: number; half: HalfMade | null; ahead: Ahead | null }

/** What Postgres does at the word of a controller, in this run of it. A restart leaves it with none. */
export type Duty =
  { kind: 'none' } | { kind: 'primary'; epoch: number } | { kind: 'follower'; epoch: number; primary: Region }

/** `endLsn`: the end of the WAL, known only while no WAL can arrive; null while it isn't known or not final. */
export type NodeView = { region: Region; kept: Kept; duty: Duty; endLsn: string | null }

export type Refuse = { kind: 'refuse'; reason: string }

const refuse = (reason: string): Refuse => ({ kind: 'refuse', reason })

/**
 * Where a node stands whose WAL ends at `lsn`, as its promise says it. Without a position the promise has no weight: the node is
 * half-made, the end of its WAL isn't known, or it isn't known to which epochs the last bytes belong (`ahead`).
 */
export function standing(
  kept: Kept,
  lsn: string | null,
): Pick<PromiseReply, 'whole' | 'position' | 'history' | 'begun'> {
  const isKnown = lsn !== null && kept.half === null && kept.ahead === null
  return {
    whole: kept.half === null,
    position: isKnown ? positionAt(kept.history, lsn) : null,
    history: isKnown ? effectiveHistory(kept.history, lsn) : kept.history,
    begun: kept.begun,
  }
}

export type PromiseDecision = Refuse | { kind: 'repeat' } | { kind: 'raise'; stopPrimary: boolean }

/**
 * A node that was attached ahead and is asked to promise that very epoch is needed for its majority: the plan was given up, and
 * while WAL can still arrive its position is not known.
 */
export function decidePromise(view: NodeView, epoch: number): PromiseDecision {
  if (epoch < view.kept.promised) return refuse(`expected epoch ${view.kept.promised} or above, saw ${epoch}`)
  const isAhead = view.kept.ahead !== null && view.duty.kind === 'follower'
  if (epoch === view.kept.promised && !isAhead) return { kind: 'repeat' }
  return { kind: 'raise', stopPrimary: view.duty.kind === 'primary' }
}

export type PromoteDecision = Refuse | { kind: 'already' } | { kind: 'promote'; startLsn: string; history: History }

/** `history`, and that the node began `epoch`, are to be kept on disk before Postgres is promoted: no byte may be flushed without them. */
export function decidePromote(view: NodeView, epoch: number): PromoteDecision {
  const { kept, duty } = view
  if (kept.promised !== epoch) return refuse(`expected exactly the promised epoch ${kept.promised}, saw ${epoch}`)
  if (kept.half !== null) return refuse('the node is half-made: a rewind or base backup has not ended')
  if (duty.kind === 'primary' && duty.epoch === epoch) return { kind: 'already' }
  if (duty.kind !== 'none') return refuse(`the node is ${duty.kind} in epoch ${duty.epoch}`)
  // Begun once, an epoch is never begun again: its first LSN would be another than the one that followers were told.
  if (kept.history.some((entry) => entry.epoch >= epoch))
    return refuse(`epoch ${epoch} has been begun before; take a new one`)
  if (view.endLsn === null) return refuse('the end of the WAL is not known: Postgres is not up yet; ask again')
  return { kind: 'promote', startLsn: view.endLsn, history: extendHistory(kept.history, view.endLsn, epoch) }
}

/** `ahead`: the primary-to-be is still a standby, and `history` is its present one, without `epoch`. */
export type FollowOrder = { epoch: number; primary: Region; history: History; ahead: boolean }

/**
 * `adopt`: raise the promise to the order's epoch first, which cuts the node from whom it followed, then decide again. `locate`: the end of the WAL must be found first.
 * `forkLsn`: where the WAL that is to be thrown away begins.
 */
export type FollowDecision =
  | Refuse
  | { kind: 'adopt' }
  | { kind: 'locate' }
  | { kind: 'repeat' }
  | { kind: 'attach' }
  | { kind: 'rewind'; forkLsn: string }
  | { kind: 'basebackup' }

export function decideFollow(view: NodeView, order: FollowOrder): FollowDecision {
  const { kept, duty } = view
  if (order.epoch < kept.promised) return refuse(`expected epoch ${kept.promised} or above, saw ${order.epoch}`)
  if (order.primary === view.region) return refuse('a node cannot follow itself')
  const lastEpoch = order.history.at(-1)?.epoch ?? 0
  const flaw = historyFlaw(order.history, order.ahead ? lastEpoch : order.epoch)
  if (flaw !== null) return refuse(flaw)
  if (order.ahead && lastEpoch >= order.epoch)
    return refuse(`expected a history below epoch ${order.epoch}, saw ${lastEpoch}`)
  if (order.epoch > kept.promised) return { kind: 'adopt' }
  if (duty.kind === 'primary') return refuse(`the node itself is the primary of epoch ${duty.epoch}`)
  if (duty.kind === 'follower') {
    if (duty.primary === order.primary) return { kind: 'repeat' }
    // Attached ahead of a promotion that another node got: an epoch has one, and the whole order says whose it was.
    if (kept.ahead !== null && !order.ahead) return { kind: 'adopt' }
    return refuse(`the primary of epoch ${duty.epoch} is ${duty.primary}, saw ${order.primary}`)
  }
  if (order.ahead) return decideAhead(view, order, lastEpoch)
  // What a broken-off rewind has left can't be rewound again.
  if (kept.half !== null) return { kind: 'basebackup' }
  if (view.endLsn === null) return { kind: 'locate' }
  const relation = relate(kept.history, view.endLsn, order.history)
  return relation.kind === 'prefix' ? { kind: 'attach' } : { kind: 'rewind', forkLsn: relation.forkLsn }
}

/** Only a node that has WAL of the primary's last epoch can tell the next timeline from those that it has not seen yet. */
function decideAhead(view: NodeView, order: FollowOrder, lastEpoch: number): FollowDecision {
  const { kept, endLsn } = view
  if (kept.half !== null) return refuse('the node is half-made: it cannot be attached ahead of a promotion')
  if (endLsn === null) return { kind: 'locate' }
  if (relate(kept.history, endLsn, order.history).kind !== 'prefix')
    return refuse('the WAL of the node is no prefix of that of the primary-to-be')
  const { epoch } = positionAt(kept.history, endLsn)
  return epoch === lastEpoch
    ? { kind: 'attach' }
    : refuse(`the node has no WAL of epoch ${lastEpoch} yet, only of ${epoch}`)
}

/** What a follower sees when the same order comes once more. */
export type Attached = { streaming: boolean; primaryAtWork: boolean }

/**
 * Since when a follower does not stream from a primary that is at work, by all orders since; null if the last one says otherwise.
 * What was before the primary came into sight again, a partition of minutes, is no sign of a stream that can't be had.
 */
export function strayingSince(since: number | null, seen: Attached, now: number): number | null {
  return seen.streaming || !seen.primaryAtWork ? null : (since ?? now)
}

/** A follower that can't be attached to a primary at work for so long needs a fresh copy, ms. */
const attachTimeoutMs = 15_000

export function needsCopy(since: number | null, now: number): boolean {
  return since !== null && now - since >= attachTimeoutMs
}

/** Of the new timeline of a node that was just promoted. */
export type TimelineWord = { epoch: number; primary: Region; timeline: number; forkLsn: string }

/** `keep`: the order to follow has not come yet. */
export type TimelineDecision = Refuse | { kind: 'keep' } | { kind: 'plant' }

/** Whether a follower may take its primary's word for the timeline that it would ask it for a little later. */
export function decideTimeline(view: NodeView, word: TimelineWord): TimelineDecision {
  const { kept, duty } = view
  if (kept.promised !== word.epoch)
    return refuse(`expected exactly the promised epoch ${kept.promised}, saw ${word.epoch}`)
  if (kept.half !== null) return refuse('the node is half-made: it gets its timelines with the copy')
  if (duty.kind === 'none') return { kind: 'keep' }
  if (duty.kind === 'primary' || duty.primary !== word.primary)
    return refuse(`the node does not follow ${word.primary} in epoch ${word.epoch}`)
  if (kept.ahead !== null)
    return word.timeline > kept.ahead.timeline
      ? { kind: 'plant' }
      : refuse(`expected a timeline above ${kept.ahead.timeline}, saw ${word.timeline}`)
  const last = kept.history.at(-1)
  return last?.epoch === word.epoch && last.startLsn === word.forkLsn
    ? { kind: 'plant' }
    : refuse(`expected epoch ${last?.epoch} to begin at ${last?.startLsn}, saw ${word.epoch} at ${word.forkLsn}`)
}

/** A timeline that Postgres knows of, and where it forked from the one before. */
export type Fork = { timeline: number; forkLsn: string }

/**
 * The history of a node that was attached ahead: if the promotion came, the walreceiver put the new timeline's fork on disk
 * before the first byte past it, so each byte finds its epoch also after a crash.
 */
export function resolveAhead(history: History, ahead: Ahead, forks: readonly Fork[]): History {
  const later = forks
    .filter((fork) => fork.timeline > ahead.timeline)
    .sort((left, right) => left.timeline - right.timeline)
  const first = later[0]
  return first === undefined ? history : extendHistory(history, first.forkLsn, ahead.epoch)
}

/**
 * The whole order has come to a node that was attached ahead: it says where the epoch begins, and so does the timeline that the
 * node has seen. Only if they agree is the history kept, and the promise has weight again.
 */
export function settleAhead(
  kept: Kept,
  order: FollowOrder,
  forks: readonly Fork[],
): Refuse | { kind: 'settle' | 'none' } {
  if (kept.ahead === null || order.ahead) return { kind: 'none' }
  const seen = resolveAhead(kept.history, kept.ahead, forks).at(-1)
  const said = order.history.at(-1)
  if (seen?.epoch === said?.epoch && seen?.startLsn === said?.startLsn) return { kind: 'settle' }
  return refuse(`expected epoch ${said?.epoch} to begin at ${said?.startLsn}, saw ${seen?.startLsn}`)
}

/** `copy`: by pg_rewind to `forkLsn` if that works, else (or if null) by a base backup. `mark` and `unmark`: half-made from here on, and no more. */
export type RebuildStep =
  | { kind: 'export'; fromLsn: string; toLsn: string }
  | { kind: 'await-primary' }
  | { kind: 'mark' }
  | { kind: 'copy'; forkLsn: string | null }
  | { kind: 'await-stream' }
  | { kind: 'unmark' }

/** Rule 5, in its order: what is to be thrown away is exported while it can still be read, and half-made counts for nothing. */
export function rebuildSteps(forkLsn: string | null, endLsn: string | null): readonly RebuildStep[] {
  const tail: readonly RebuildStep[] =
    forkLsn === null || endLsn === null ? [] : [{ kind: 'export', fromLsn: forkLsn, toLsn: endLsn }]
  return [
    ...tail,
    { kind: 'await-primary' },
    { kind: 'mark' },
    { kind: 'copy', forkLsn },
    { kind: 'await-stream' },
    { kind: 'unmark' },
  ]
}

/** Whether pg_rewind went back far enough: it goes by timeline ids, which may be equal where histories differ. */
export function rewoundFarEnough(rewoundToLsn: string | null, forkLsn: string): boolean {
  return rewoundToLsn !== null && lsnToBigInt(rewoundToLsn) <= lsnToBigInt(forkLsn)
}

/**
 * The name under which a follower streams. It carries the epoch, so that a primary counts only those that follow it in its own
 * epoch: a standby that still streams from a node which was promoted again has not promised that epoch, and must not vouch.
 */
export function followerName(region: Region, epoch: number): string {
  return `${region}-${epoch}`
}

/** The region of a follower's name in `epoch`, null if it follows in another one. */
export function followerRegion(regions: readonly Region[], name: string, epoch: number): Region | null {
  return regions.find((region) => followerName(region, epoch) === name) ?? null
}

/**
 * `synchronous_standby_names` of a primary of `epoch`: k of all others, so that k + 1 is a majority of all regions. Epoch 0,
 * which nobody follows in, is for a node that is no primary: set from the start, so that no commit can slip through without
 * waiting between a promotion and the reload of the setting.
 */
export function quorumStandbys(regions: readonly Region[], region: Region, epoch: number): string {
  const others = regions.filter((other) => other !== region)
  const needed = Math.floor(regions.length / 2)
  return `ANY ${needed} (${others.map((other) => `"${followerName(other, epoch)}"`).join(', ')})`
}

/** One look at the startup process, which replays WAL: how often it has gone to sleep, what it waits for, what it has replayed. */
export type ReplayLook = { sleeps: number; waitEvent: string | null; replayLsn: string | null }

/**
 * The end of replay, once it is sure: null until then. `before` was seen when no walreceiver was left; the startup process has
 * gone to sleep since, and what it sleeps for is the next retry: so it has tried to read on after the last byte had come.
 */
export function endOfReplay(before: ReplayLook, now: ReplayLook): string | null {
  return now.sleeps > before.sleeps && now.waitEvent === 'RecoveryRetrieveRetryInterval' ? now.replayLsn : null
}

/** An LSN without leading zeros, so that equal ones are equal as text. */
export function canonicalLsn(lsn: string): string {
  return lsnFromBigInt(lsnToBigInt(lsn))
}
