// Between the drills of one world: each begins as all others do, whole and with home as primary.
import { switchover } from '#world/moves.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { currentPrimary, missingForWhole } from './conditions.ts'
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
    .catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
  if (failed === '' || signal.aborted) return world
  return remake(failed)
}

/** @throws Error if the world is not whole in time, or the primary role does not move */
export async function bringHome(world: RunningWorld, note: (text: string) => void, signal: AbortSignal): Promise<void> {
  const missing = await until(async () => missingForWhole(await viewWorld(world)), readyWithinMs, signal, note)
  if (missing.length > 0) throw new Error(`not whole within ${readyWithinMs / 1000} s: ${missing.join('; ')}`)
  const { home } = world.topology
  if (currentPrimary(await viewWorld(world)) !== home) await switchover(world, home)
}
