// Between the drills of one world: each begins as all others do, whole and with home as primary.
import type { Region } from '#protocol/sites.ts'
import { switchover } from '#world/moves.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { messageOf } from '#runtime/message-of.ts'
import { currentPrimary, missingForWhole, type WorldView } from './conditions.ts'
import { healWorld } from './heal-world.ts'
import type { Progress } from './progress.ts'
import { viewWorld } from './view-world.ts'
import { until } from './wait.ts'

const readyWithinMs = 120_000

export interface ReadyOptions {
  /** A new world in the place of one that can't be made whole any more. */
  readonly remake: (why: string) => Promise<RunningWorld>
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** A failed run may leave faults, or another region in charge, or a world beyond repair: the next one begins as all others do. */
export async function readyWorld(world: RunningWorld, options: ReadyOptions): Promise<RunningWorld> {
  const { progress, signal, remake } = options
  const { left } = await healWorld(world)
  const failed = await progress
    .step('World is whole, and home is primary', (note) => bringHome(world, note, signal))
    .then(() => left.join('; '))
    .catch((error: unknown) => messageOf(error))
  if (failed === '' || signal.aborted) return world
  return remake(failed)
}

/** What bringing home does to a world; tests have one of their own. */
export interface HomeRig {
  view(world: RunningWorld): Promise<WorldView>
  switchover(world: RunningWorld, to: Region): Promise<unknown>
}

const realRig: HomeRig = { view: viewWorld, switchover }

/**
 * A refused order is given again, as an operator would: etcd drops what is sent while its leader moves, and an epoch whose
 * compare-and-swap was not answered counts as not taken.
 * @throws Error if the world is not whole in time with home as primary
 */
export async function bringHome(
  world: RunningWorld,
  note: (text: string) => void,
  signal: AbortSignal,
  rig: HomeRig = realRig,
): Promise<void> {
  const { home } = world.topology
  const look = async (): Promise<readonly string[]> => {
    const view = await rig.view(world)
    const missing = missingForWhole(view)
    if (missing.length > 0 || currentPrimary(view) === home) return missing
    return rig
      .switchover(world, home)
      .then(() => [])
      .catch((error: unknown) => [messageOf(error)])
  }
  const missing = await until(look, readyWithinMs, signal, note)
  if (missing.length > 0) throw new Error(`not so within ${readyWithinMs / 1000} s: ${missing.join('; ')}`)
}
