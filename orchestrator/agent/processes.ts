// Processes of the container, as /proc shows them: what is left of Postgres, and how often one has gone to sleep.
import { readdirSync, readFileSync } from 'node:fs'
import { pause } from './waits.ts'

const names = new Set(['postgres', 'pg_rewind', 'pg_basebackup'])

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

function isPostgres(pid: string): boolean {
  const stat = readOrNull(`/proc/${pid}/stat`)
  const match = stat === null ? null : /^\d+ \((.*)\) (\S)/s.exec(stat)
  return match !== null && names.has(match[1] ?? '') && match[2] !== 'Z'
}

export function postgresProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isPostgres(name))
    .map(Number)
}

/**
 * Kills whatever is left of Postgres and returns once none of it lives.
 * @throws Error if some of it can't be killed within `timeoutMs` (it hangs in the kernel: a broken disk)
 */
export async function killPostgres(timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const left = postgresProcesses()
    if (left.length === 0) return
    if (performance.now() > deadline)
      throw new Error(
        `expected no process of Postgres to be left after ${timeoutMs} ms, saw ${left.join(', ')}; is the disk stuck?`,
      )
    for (const pid of left) sendSignal(pid, 'SIGKILL')
    await pause(5)
  }
}

/** A process that is gone already is no error. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** How often a process has gone to sleep of its own; 0 if it is gone. */
export function countSleeps(pid: number): number {
  const status = readOrNull(`/proc/${pid}/status`) ?? ''
  return Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1] ?? 0)
}
