// Promotes Postgres, and proves that its new timeline begins where the epoch was said to begin.
import { readdir, readFile } from 'node:fs/promises'
import { canonicalLsn, type Fork } from '#orchestrator/core/agent/decisions.ts'
import type { Session } from '#runtime/postgres.ts'
import { paths } from './paths.ts'
import { pause } from './waits.ts'

const timeoutMs = 10_000

/**
 * Returns once Postgres takes writes.
 * @throws Error if that takes more than ten seconds, if `signal` is aborted, or if the timeline begins elsewhere
 */
export async function promotePostgres(session: Session, startLsn: string, signal: AbortSignal): Promise<void> {
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
  const timeline = String(name.rows[0]?.['name']).slice(0, 8)
  const forkLsn = (await readForks()).find((fork) => fork.timeline === Number.parseInt(timeline, 16))?.forkLsn
  if (forkLsn !== startLsn)
    throw new Error(`expected timeline ${timeline} to begin at ${startLsn}, saw ${forkLsn ?? 'no such timeline'}`)
}

/** The timelines of which a history file lies among the WAL. */
export async function readForks(): Promise<Fork[]> {
  const folder = `${paths.data}/pg_wal`
  const files = (await readdir(folder)).filter((file) => /^[0-9A-F]{8}\.history$/.test(file))
  return Promise.all(
    files.map(async (file) => {
      const last = (await readFile(`${folder}/${file}`, 'utf8')).trim().split('\n').at(-1)
      return { timeline: Number.parseInt(file.slice(0, 8), 16), forkLsn: canonicalLsn(last?.split('\t')[1] ?? '0/0') }
    }),
  )
}
