// WAL as a list of records, with what Postgres knows of timelines: their ids, which may collide, and where each began.
import type { Fork } from '#orchestrator/core/agent/decisions.ts'
import { lsnToBigInt } from '#protocol/epoch.ts'

export interface WalRecord {
  readonly startLsn: number
  readonly endLsn: number
  /** Of the primary that wrote it. */
  readonly epoch: number
  readonly timeline: number
  /** `epoch`: an epoch's first commit. `done`: events that are in every region's Kafka are deleted from the outbox. */
  readonly kind: 'recovery' | 'epoch' | 'write' | 'touch' | 'probe' | 'done'
  /** Idempotency keys that it is about. */
  readonly keys: readonly string[]
}

export const firstLsn = 0x1000
export const recordBytes = 0x80

export function lsnText(lsn: number): string {
  return `0/${lsn.toString(16).toUpperCase()}`
}

export function lsnNumber(text: string): number {
  return Number(lsnToBigInt(text))
}

export function endOf(wal: readonly WalRecord[], count: number): number {
  return wal[count - 1]?.endLsn ?? firstLsn
}

/** Index of the first record that ends above `lsn`. */
export function indexAbove(wal: readonly WalRecord[], lsn: number): number {
  let low = 0
  let high = wal.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((wal[middle]?.endLsn ?? 0) <= lsn) low = middle + 1
    else high = middle
  }
  return low
}

export function currentTimeline(forks: readonly Fork[]): number {
  return forks.reduce((newest, fork) => Math.max(newest, fork.timeline), 1)
}

/** Where `timeline` ends in this line of timelines: where the next one forked off; null if it is the last. */
export function endOfTimeline(forks: readonly Fork[], timeline: number): number | null {
  const next = forks.filter((fork) => fork.timeline > timeline).sort((left, right) => left.timeline - right.timeline)[0]
  return next === undefined ? null : lsnNumber(next.forkLsn)
}

/**
 * Whether a walsender serves a standby, by what Postgres goes by: the standby's timeline must be one of the source's, by its id. The
 * beginning that it asks for is that of a segment, so a standby whose tail is longer than the source's is not refused.
 */
export function serves(source: readonly Fork[], standby: readonly Fork[], timeline: number): boolean {
  if (timeline !== 1 && !source.some((fork) => fork.timeline === timeline)) return false
  // A history file of a later timeline that says something else keeps the standby from going on to it.
  return !standby.some(
    (fork) =>
      fork.timeline > timeline &&
      source.some((each) => each.timeline === fork.timeline && each.forkLsn !== fork.forkLsn),
  )
}

/** Where pg_rewind sees two lines of timelines part, by ids and beginnings; null: it sees nothing to do. */
export function divergence(own: readonly Fork[], source: readonly Fork[], ownLsn: number): number | null {
  if (currentTimeline(own) === currentTimeline(source)) return null
  let common = 1
  for (const fork of own)
    if (source.some((each) => each.timeline === fork.timeline && each.forkLsn === fork.forkLsn))
      common = Math.max(common, fork.timeline)
  const ends = [endOfTimeline(own, common), endOfTimeline(source, common)].filter((end) => end !== null)
  return Math.min(ownLsn, ...ends)
}
