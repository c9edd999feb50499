// Locks held by processes of this machine, as files. The lock of a dead process is taken over.
import { link, mkdir, readFile, rm, unlink, writeFile } from 'node:fs/promises'
import { readFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'

const holderShape = z.object({
  pid: z.number(),
  /** Tells a process from a later one with the same id; empty where /proc is missing. */
  startedAt: z.string(),
  doing: z.string(),
  since: z.string(),
})
export type Holder = z.infer<typeof holderShape>

export interface ProcessLock extends AsyncDisposable {
  /** Whose lock was taken over because its process is dead. */
  readonly tookOverFrom: Holder | null
  release(): Promise<void>
}

export type LockAttempt =
  { readonly taken: true; readonly lock: ProcessLock } | { readonly taken: false; readonly holder: Holder }

function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return holder.startedAt === '' || startOf(holder.pid) === holder.startedAt
}

/** Null if there is no such lock, or its file says nothing. */
async function readHolder(path: string): Promise<Holder | null> {
  try {
    return holderShape.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return null
  }
}

/** The living holder of the lock, or null. */
export async function livingHolder(path: string): Promise<Holder | null> {
  const holder = await readHolder(path)
  return holder !== null && isAlive(holder) ? holder : null
}

/** `doing` is what others are told, e.g. `run region-loss`. The lock ends with `release` or with the process. */
export async function tryLock(path: string, doing: string): Promise<LockAttempt> {
  await mkdir(dirname(path), { recursive: true })
  const own: Holder = { pid: process.pid, startedAt: startOf(process.pid), doing, since: new Date().toISOString() }
  const draft = `${path}.${process.pid}`
  await writeFile(draft, JSON.stringify(own))
  let tookOverFrom: Holder | null = null
  try {
    for (;;) {
      try {
        // A hard link appears whole and only if the name is free: nobody ever reads half a lock.
        await link(draft, path)
        return { taken: true, lock: held(path, tookOverFrom) }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const holder = await readHolder(path)
      if (holder !== null && isAlive(holder)) return { taken: false, holder }
      tookOverFrom = holder
      await rm(path, { force: true })
    }
  } finally {
    await unlink(draft)
  }
}

function held(path: string, tookOverFrom: Holder | null): ProcessLock {
  const onExit = (): void => rmSync(path, { force: true })
  process.once('exit', onExit)
  const release = async (): Promise<void> => {
    process.removeListener('exit', onExit)
    await rm(path, { force: true })
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
