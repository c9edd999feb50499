// Locks held by processes of this machine, as files that the kernel locks: it lets go when the process ends, however it ends.
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { tryLock as lockFile } from 'fs-native-extensions'
import { z } from 'zod'

const holderShape = z.object({ pid: z.number().int().positive(), doing: z.string(), since: z.string() })
export type Holder = z.infer<typeof holderShape>

export interface ProcessLock extends AsyncDisposable {
  /** Whose lock was taken over because its process is dead. */
  readonly tookOverFrom: Holder | null
  release(): Promise<void>
}

export type LockAttempt =
  { readonly taken: true; readonly lock: ProcessLock } | { readonly taken: false; readonly holder: Holder }

/** A holder that has not written its name by then can't write it: its disk is full. */
const namedWithinMs = 5000
const nameless: Holder = { pid: 1, doing: 'unknown: its file is empty', since: 'unknown' }

/**
 * `doing` is what others are told, e.g. `build images`. The lock ends with `release` or with the process.
 * @throws Error if the file can't be written
 */
export async function tryLock(path: string, doing: string): Promise<LockAttempt> {
  mkdirSync(dirname(path), { recursive: true })
  const deadline = performance.now() + namedWithinMs
  for (;;) {
    const file = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
    if (lockFile(file) && isAt(path, file)) {
      const tookOverFrom = readHolder(path)
      writeName(path, file, { pid: process.pid, doing, since: new Date().toISOString() })
      return { taken: true, lock: held(path, file, tookOverFrom) }
    }
    closeSync(file)
    const holder = readHolder(path)
    if (holder !== null && isAlive(holder.pid)) return { taken: false, holder }
    if (performance.now() > deadline) return { taken: false, holder: holder ?? nameless }
    // It was released after we had opened it, or its new holder has not written its name there yet.
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** The lock goes with the file if that can't be written: nobody is to wait for a holder without a name. */
function writeName(path: string, file: number, holder: Holder): void {
  try {
    ftruncateSync(file)
    writeSync(file, JSON.stringify(holder), 0)
  } catch (error) {
    rmSync(path, { force: true })
    closeSync(file)
    throw error
  }
}

/** Whether a lock is held, without taking it. `dead`: its holder died with it in its hands. */
export type LockSight =
  { readonly state: 'free'; readonly holder: null } | { readonly state: 'held' | 'dead'; readonly holder: Holder }

export async function lookAtLock(path: string): Promise<LockSight> {
  const deadline = performance.now() + namedWithinMs
  for (;;) {
    let file: number
    try {
      file = openSync(path, 'r+')
    } catch {
      return { state: 'free', holder: null }
    }
    try {
      if (lockFile(file)) {
        const holder = isAt(path, file) ? readHolder(path) : null
        return holder === null ? { state: 'free', holder } : { state: 'dead', holder }
      }
    } finally {
      closeSync(file)
    }
    const holder = readHolder(path)
    // A dead one's name: another looks as well, or the new holder has not written its own yet.
    if (holder !== null && isAlive(holder.pid)) return { state: 'held', holder }
    if (performance.now() > deadline) return { state: 'held', holder: holder ?? nameless }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** False if the file was removed meanwhile, as a release does, and perhaps made anew. */
function isAt(path: string, file: number): boolean {
  return statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(file).ino
}

/** Only a positive number is one of a process: others mean groups of them, or all. */
export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** Null if there is no such lock, or its file says nothing. */
function readHolder(path: string): Holder | null {
  try {
    return holderShape.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return null
  }
}

function held(path: string, file: number, tookOverFrom: Holder | null): ProcessLock {
  // Removed while it is still locked: later, the name may be another's.
  const onExit = (): void => rmSync(path, { force: true })
  process.once('exit', onExit)
  let isHeld = true
  const release = async (): Promise<void> => {
    if (!isHeld) return
    isHeld = false
    process.removeListener('exit', onExit)
    onExit()
    closeSync(file)
  }
  return { tookOverFrom, release, [Symbol.asyncDispose]: release }
}

/** Waits for the lock; `onWait` is told once who holds it. */
export async function waitForLock(
  path: string,
  doing: string,
  onWait?: (holder: Holder) => void,
): Promise<ProcessLock> {
  let told = false
  for (;;) {
    const attempt = await tryLock(path, doing)
    if (attempt.taken) return attempt.lock
    if (!told) onWait?.(attempt.holder)
    told = true
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
