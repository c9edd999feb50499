// One piece of work at a time per world: `up`, `run`, `down` and the like hold its lock; a dead holder's lock is taken over.
// The world's guard holds it while it heals, and is waited for.
import { EnvironmentError } from './environment-error.ts'
import { isGuardsWork } from './guard-files.ts'
import { worldLockFile } from './world-files.ts'
import { type Holder, type ProcessLock, tryLock } from './process-lock.ts'

/** A guard that heals a whole world needs this long where containers start slowly. */
const guardHealsWithinMs = 120_000

export interface LockOptions {
  /** Called once if the guard holds the world, to hurry it; otherwise it is waited for. */
  readonly onGuard?: () => Promise<unknown>
}

/**
 * @param doing what others are told, e.g. `run region-loss`
 * @throws EnvironmentError that names the holder
 */
export async function lockWorld(
  world: string,
  doing: string,
  say: (line: string) => void,
  { onGuard }: LockOptions = {},
): Promise<ProcessLock> {
  const deadline = performance.now() + guardHealsWithinMs
  let waits = false
  for (;;) {
    const attempt = await tryLock(worldLockFile(world), doing)
    if (attempt.taken) {
      const dead = attempt.lock.tookOverFrom
      if (dead !== null) say(`took over world ${world} from process ${dead.pid} (${dead.doing}), which has died`)
      return attempt.lock
    }
    if (!isGuardsWork(attempt.holder) || performance.now() > deadline) throw busy(world, attempt.holder)
    if (!waits && onGuard !== undefined) await onGuard()
    else if (!waits) say(`waiting for the guard of world ${world}, which heals what a dead drill left`)
    waits = true
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

function busy(world: string, { pid, doing, since }: Holder): EnvironmentError {
  return new EnvironmentError(
    `world ${world} is busy: process ${pid} (${doing}, since ${since}); wait for it, end it, or use another world with --world NAME`,
  )
}
