// Heals everything that is wrong with a world, from a fresh process: by the ledger, by its links, by its containers. Idempotent.
import type { RunningWorld } from '#world/running-world.ts'

/** What was found and healed, one sentence each; empty if there was nothing. */
export interface HealReport {
  readonly healed: readonly string[]
  /** What could not be healed, and why. */
  readonly left: readonly string[]
}

export async function healAll(world: RunningWorld): Promise<HealReport> {
  return { healed: [], left: [`healing world ${world.name} is not built yet`] }
}
