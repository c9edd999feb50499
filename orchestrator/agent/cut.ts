// Rule 1's hard part: to be sure that no WAL arrives any more, and where it ends.
import { endOfReplay, type ReplayLook } from '#orchestrator/core/agent/decisions.ts'
import { lsnToBigInt } from '#protocol/epoch.ts'
import type { Session } from '#runtime/postgres.ts'
import { countSleeps, sendSignal } from './processes.ts'
import { pause } from './waits.ts'

const queryTimeoutMs = 2000
const pollMs = 2

const lookQuery = `SELECT pg_is_in_recovery() AS standby, pg_last_wal_replay_lsn()::text AS replay,
  (SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup') AS startup,
  (SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'startup') AS waits,
  (SELECT pid FROM pg_stat_activity WHERE backend_type = 'walreceiver') AS receiver`

type Look = ReplayLook & { startup: number | null; receiver: number | null }

/** A standby may cancel any statement for a record that it is about to replay (SQLSTATE 40001), and answers the next one. */
const isConflict = (error: unknown): boolean => (error as { readonly code?: unknown }).code === '40001'

async function ask(session: Session): Promise<Readonly<Record<string, unknown>>> {
  const deadline = performance.now() + queryTimeoutMs
  for (;;) {
    try {
      return (await session.query(lookQuery, [], queryTimeoutMs)).rows[0] ?? {}
    } catch (error) {
      if (!isConflict(error) || performance.now() > deadline) throw error
      await pause(pollMs)
    }
  }
}

/** Sleeps are counted before the rest is seen: what is waited for then belongs to that sleep or a later one. */
async function look(session: Session, startup: number | null): Promise<Look> {
  const sleeps = startup === null ? 0 : countSleeps(startup)
  const row = await ask(session)
  if (row['standby'] !== true) throw new Error('expected a standby, saw a primary')
  return {
    sleeps,
    waitEvent: row['waits'] as string | null,
    replayLsn: row['replay'] as string | null,
    startup: row['startup'] as number | null,
    receiver: row['receiver'] as number | null,
  }
}

/**
 * Returns once no walreceiver is left. Settings without a source must have been written: none that starts later can connect.
 * @throws Error if one is left after `timeoutMs`, or Postgres does not answer
 */
export async function awaitNoReceiver(session: Session, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const { receiver } = await look(session, null)
    if (receiver === null) return
    if (performance.now() > deadline)
      throw new Error(`expected no walreceiver after ${timeoutMs} ms, saw process ${receiver}`)
    // The startup process ends its walreceiver only between two records.
    sendSignal(receiver, 'SIGTERM')
    await pause(pollMs)
  }
}

/**
 * The end of the WAL of a standby that has no walreceiver and no source.
 * @throws Error if `signal` is aborted or Postgres ends
 */
export async function awaitEndOfReplay(session: Session, signal: AbortSignal): Promise<string> {
  const { startup } = await look(session, null)
  const before = await look(session, startup)
  // Woken, it tries at once to read on.
  if (startup !== null) sendSignal(startup, 'SIGHUP')
  for (;;) {
    signal.throwIfAborted()
    const now = await look(session, startup)
    if (now.startup !== startup) throw new Error('expected one startup process, saw another')
    const end = endOfReplay(before, now)
    if (end !== null) return end
    await pause(pollMs)
  }
}

/** False if replay has not come to `lsn` after `withinMs`. */
export async function awaitReplayOf(session: Session, lsn: string, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const { replayLsn } = await look(session, null)
    if (replayLsn !== null && lsnToBigInt(replayLsn) >= lsnToBigInt(lsn)) return true
    if (performance.now() > deadline) return false
    await pause(pollMs)
  }
}
