// Promotes Postgres, and proves that its new timeline begins where the epoch was said to begin.
import type { Session } from '#runtime/postgres.ts'
import { forkOf, readTimeline } from './timelines.ts'
import { pause } from './waits.ts'

const timeoutMs = 10_000

/** A timeline of Postgres, and the text of its history file. */
export type Timeline = { timeline: number; text: string }

/**
 * Returns the new timeline once Postgres takes writes.
 * @throws Error if that takes more than ten seconds, if `signal` is aborted, or if the timeline begins elsewhere
 */
export async function promotePostgres(session: Session, startLsn: string, signal: AbortSignal): Promise<Timeline> {
  const deadline = performance.now() + timeoutMs
  await session.query('SELECT pg_promote(wait => false)', [], 2000)
  const role = 'SELECT pg_is_in_recovery() AS standby'
  while ((await session.query(role, [], 2000)).rows[0]?.['standby'] !== false) {
    signal.throwIfAborted()
    if (performance.now() > deadline)
      throw new Error(`expected Postgres to be primary after ${timeoutMs} ms, saw a standby`)
    await pause(2)
  }
  const name = await session.query('SELECT pg_walfile_name(pg_current_wal_lsn()) AS name', [], 2000)
  const timeline = Number.parseInt(String(name.rows[0]?.['name']).slice(0, 8), 16)
  const text = await readTimeline(timeline)
  if (forkOf(text) !== startLsn)
    throw new Error(`expected timeline ${timeline} to begin at ${startLsn}, saw ${forkOf(text)}`)
  return { timeline, text }
}
