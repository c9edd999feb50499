// The first commit of an epoch: it writes the epoch's number, and says that the epoch's quorum stands.
import type { Region } from '#protocol/sites.ts'
import { Session } from '#runtime/postgres.ts'
import { localTarget } from './postgres-server.ts'
import { pause } from './waits.ts'

/**
 * Returns once the commit has its quorum (without synchronous standbys: once it is on the local disk). A commit that ended
 * without being vouched for, or whose session broke, is made again: only an answer without warning counts.
 * @throws the reason of `signal` once it is aborted; otherwise it tries for ever
 */
export async function commitEpoch(
  epoch: number,
  region: Region,
  appPassword: string,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    try {
      if (await tryOnce(epoch, region, appPassword, signal)) return
    } catch {
      await pause(20)
    }
  }
}

async function tryOnce(epoch: number, region: Region, appPassword: string, signal: AbortSignal): Promise<boolean> {
  const session = await Session.open(localTarget('agent-first-commit'))
  const close = (): void => session.close()
  signal.addEventListener('abort', close)
  try {
    const known = await session.query(
      `SELECT rolpassword IS NOT NULL AS known FROM pg_authid WHERE rolname = 'firedrill'`,
    )
    const password = known.rows[0]?.['known'] === true ? '' : `ALTER ROLE firedrill PASSWORD ${literal(appPassword)};`
    // One message, hence one transaction. A second try writes, too, and so makes a commit of its own.
    const answer = await session.query(
      `SET synchronous_commit = on; INSERT INTO firedrill.epoch (epoch, region) VALUES (${epoch}, ${literal(region)})
       ON CONFLICT (epoch) DO UPDATE SET taken_at = now(); ${password}`,
    )
    return !answer.unvouched
  } finally {
    signal.removeEventListener('abort', close)
    session.close()
  }
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
