// The end of a world's guard, whoever's it is: it is asked through the WAN, so that nobody signals a process of another user.
import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type Dockerode from 'dockerode'
import type { Holder } from '#protocol/holds.ts'
import { openWorldOn } from './docker-world.ts'
import { holderWords, processOf } from './holder.ts'
import { askGuardToEnd, readHolds } from './holds.ts'
import type { RunningWorld } from './running-world.ts'
import { guardLogFile } from './world-files.ts'

const endsWithinMs = 3000
const lookEveryMs = 20

/**
 * Ends a world's guard, and waits until its process has gone where that can be seen. One whose WAN does not answer ends by itself
 * with its world.
 * @returns whether there was one
 */
export async function endGuard(docker: Dockerode, world: string, by: Holder): Promise<boolean> {
  try {
    await using opened = await openWorldOn(docker, world)
    return await endGuardOf(opened, by)
  } catch {
    return false
  }
}

/** As `endGuard`. @throws Error if the WAN does not answer */
export async function endGuardOf(world: RunningWorld, by: Holder): Promise<boolean> {
  const { guard } = await readHolds(world)
  if (guard.state !== 'held') return false
  await askGuardToEnd(world, guard.holder.id, `asked to by ${holderWords(by)}`)
  const deadline = performance.now() + endsWithinMs
  while (processOf(guard.holder) === 'lives' && performance.now() < deadline) await sleep(lookEveryMs)
  return true
}

/** After a world has gone. */
export function forgetGuard(world: string): void {
  rmSync(guardLogFile(world), { force: true })
}
