// One piece of work at a time per world: `up`, `run`, `down` and the like hold its lock; a dead holder's lock is taken over.
import { join } from 'node:path'
import { machineFolder } from './checkout.ts'
import { EnvironmentError } from './environment-error.ts'
import { type ProcessLock, tryLock } from './process-lock.ts'

function lockFile(world: string): string {
  return join(machineFolder(), 'worlds', `${world}.lock`)
}

/**
 * @param doing what others are told, e.g. `run region-loss`
 * @throws EnvironmentError that names the holder
 */
export async function lockWorld(world: string, doing: string, say: (line: string) => void): Promise<ProcessLock> {
  const attempt = await tryLock(lockFile(world), doing)
  if (!attempt.taken) {
    const { pid, doing: theirs, since } = attempt.holder
    throw new EnvironmentError(
      `world ${world} is busy: process ${pid} (${theirs}, since ${since}); wait for it, end it, or use another world with --world NAME`,
    )
  }
  const dead = attempt.lock.tookOverFrom
  if (dead !== null) say(`took over world ${world} from process ${dead.pid} (${dead.doing}), which has died`)
  return attempt.lock
}
