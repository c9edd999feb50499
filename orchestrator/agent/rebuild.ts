// Makes this node's cluster a copy of the primary's: by pg_rewind where it goes back far enough, else by a base backup.
import { spawn } from 'node:child_process'
import { rename, rm } from 'node:fs/promises'
import { needsCopy, rewoundFarEnough, strayingSince } from '#orchestrator/core/agent/decisions.ts'
import { ports, type Region } from '#protocol/sites.ts'
import { Session } from '#runtime/postgres.ts'
import type { Log } from '#runtime/log.ts'
import { syncFolder } from './durable-state.ts'
import { paths } from './paths.ts'
import type { Account } from './postgres-server.ts'
import { connection } from './settings.ts'
import { pause } from './waits.ts'

type Ended = { code: number | null; output: string }

/** Runs one of Postgres's programs as its user; ends it by SIGKILL when `signal` is aborted, and returns after its end. */
async function run(program: string, options: readonly string[], account: Account, signal: AbortSignal): Promise<Ended> {
  signal.throwIfAborted()
  const child = spawn(`${paths.programs}/${program}`, options, {
    ...account,
    cwd: paths.volume,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
  })
  const kill = (): void => void child.kill('SIGKILL')
  signal.addEventListener('abort', kill)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-20_000)))
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    signal.throwIfAborted()
    return { code, output }
  } finally {
    signal.removeEventListener('abort', kill)
  }
}

function conninfo(region: Region): string {
  return Object.entries(connection(region))
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')
}

/** Whether a node accepts sessions and is a primary. */
async function isPrimary(region: Region): Promise<boolean> {
  const session = await Session.open({
    host: `postgres.${region}`,
    port: ports.postgres,
    user: 'agent',
    database: 'firedrill',
    applicationName: 'agent',
    connectTimeoutMs: 2000,
  }).catch(() => null)
  if (session === null) return false
  try {
    return (await session.query('SELECT pg_is_in_recovery() AS standby', [], 2000)).rows[0]?.['standby'] === false
  } catch {
    return false
  } finally {
    session.close()
  }
}

/** Waits for the promotion, not for the epoch's first commit: that commit may be waiting for this very node. */
export async function awaitPrimary(region: Region, signal: AbortSignal): Promise<void> {
  while (!(await isPrimary(region))) {
    signal.throwIfAborted()
    await pause(100)
  }
}

/**
 * By pg_rewind to `forkLsn`, if that goes back far enough, else (or if it is null) by a base backup.
 * @throws the reason of `signal` once it is aborted; Error if the base backup fails
 */
export async function becomeCopy(
  source: Region,
  forkLsn: string | null,
  account: Account,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const isRewound = forkLsn !== null && (await rewind(source, forkLsn, account, log, signal))
  if (!isRewound) await baseBackup(source, account, signal)
  signal.throwIfAborted()
}

/** @returns false if pg_rewind failed or did not go back to `forkLsn`: a base backup must follow */
async function rewind(
  source: Region,
  forkLsn: string,
  account: Account,
  log: Log,
  signal: AbortSignal,
): Promise<boolean> {
  const options = [
    `--target-pgdata=${paths.data}`,
    `--source-server=${conninfo(source)} dbname=firedrill`,
    `--config-file=${paths.config}`,
  ]
  const { code, output } = await run('pg_rewind', options, account, signal)
  const rewoundTo = /servers diverged at WAL location ([0-9A-F]+\/[0-9A-F]+) on timeline/.exec(output)?.[1] ?? null
  const isDone = code === 0 && !output.includes('no rewind required') && rewoundFarEnough(rewoundTo, forkLsn)
  log.info({ code, output, forkLsn, rewoundTo, isDone }, 'pg_rewind ended')
  return isDone
}

/** @throws Error with pg_basebackup's words if it fails */
async function baseBackup(source: Region, account: Account, signal: AbortSignal): Promise<void> {
  await rm(paths.dataNext, { recursive: true, force: true })
  const options = [
    `--pgdata=${paths.dataNext}`,
    `--dbname=${conninfo(source)}`,
    '--checkpoint=fast',
    '--wal-method=stream',
  ]
  const { code, output } = await run('pg_basebackup', options, account, signal)
  if (code !== 0) throw new Error(`expected a base backup of ${source}, saw: ${output.trim()}`)
  await rm(paths.dataPrevious, { recursive: true, force: true })
  await rename(paths.data, paths.dataPrevious).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  await rename(paths.dataNext, paths.data)
  await syncFolder(paths.volume)
  await rm(paths.dataPrevious, { recursive: true, force: true })
}

/** Since when a follower has not streamed from a primary that is at work. */
export class Straying {
  #sinceMs: number | null = null

  forget(): void {
    this.#sinceMs = null
  }

  /** What the same order to follow comes to. */
  async way(streaming: boolean, primary: Region): Promise<'already' | 'attach' | 'basebackup'> {
    const seen = { streaming, primaryAtWork: !streaming && (await isPrimary(primary)) }
    this.#sinceMs = strayingSince(this.#sinceMs, seen, performance.now())
    if (streaming) return 'already'
    return needsCopy(this.#sinceMs, performance.now()) ? 'basebackup' : 'attach'
  }
}
