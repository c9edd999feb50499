// Promotes Postgres, and proves that its new timeline begins where the epoch was said to begin.
import { readFile } from 'node:fs/promises'
import { canonicalLsn } from '#orchestrator/core/agent/decisions.ts'
import type { Session } from '#runtime/postgres.ts'
import { paths } from './paths.ts'

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
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  const name = await session.query('SELECT pg_walfile_name(pg_current_wal_lsn()) AS name', [], 2000)
  const timeline = String(name.rows[0]?.['name']).slice(0, 8)
  const forks = (await readFile(`${paths.data}/pg_wal/${timeline}.history`, 'utf8')).trim().split('\n')
  const forkLsn = canonicalLsn(forks.at(-1)?.split('\t')[1] ?? '0/0')
  if (forkLsn !== startLsn) throw new Error(`expected timeline ${timeline} to begin at ${startLsn}, saw ${forkLsn}`)
}
