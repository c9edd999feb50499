// What the guard of a world and the commands share on this machine: locks, the guard's log, and the word of what it has healed.
// In the machine's folder, so that two checkouts agree.
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Holder, isAlive, lookAtLock } from './process-lock.ts'
import { guardHealedFile, guardLockFile, guardLogFile } from './world-files.ts'

const guardHeals = 'guard: heal what was left'
const endsWithinMs = 3000
const lookEveryMs = 20

/** What the guard writes into the world's lock. */
export const guardsWork = guardHeals
export function isGuardsWork(holder: Holder): boolean {
  return holder.doing === guardHeals
}

/** Keeps a sentence for the next command. */
export function noteHealed(world: string, sentence: string): void {
  appendFileSync(guardHealedFile(world), `${sentence}\n`)
}

/** What the guard has healed since this was asked last; each sentence is given once. */
export function takeHealed(world: string): readonly string[] {
  const taken = `${guardHealedFile(world)}.${process.pid}`
  if (!existsSync(guardHealedFile(world))) return []
  try {
    renameSync(guardHealedFile(world), taken)
  } catch {
    // Another command was quicker.
    return []
  }
  const lines = readFileSync(taken, 'utf8').split('\n')
  rmSync(taken)
  return lines.filter((line) => line !== '')
}

/** Ends a world's guard and waits until it has gone. @returns whether there was one */
export async function endGuard(world: string): Promise<boolean> {
  const killAtMs = performance.now() + endsWithinMs
  let guard: number | null = null
  for (;;) {
    const { state, holder } = await lookAtLock(guardLockFile(world))
    if (state !== 'held') break
    // The lock is held, so the process of this number is the guard.
    if (guard === null) process.kill(holder.pid, 'SIGTERM')
    else if (performance.now() > killAtMs) process.kill(holder.pid, 'SIGKILL')
    guard = holder.pid
    await sleep(lookEveryMs)
  }
  if (guard === null) return false
  // Its lock goes a moment before itself; a dead one that nobody waits for (no init) keeps its number.
  while (isAlive(guard) && performance.now() < killAtMs + endsWithinMs) await sleep(lookEveryMs)
  return true
}

/** After a world has gone. */
export function forgetGuard(world: string): void {
  rmSync(guardLogFile(world), { force: true })
  rmSync(guardLockFile(world), { force: true })
}
