// Heals everything that is wrong with a world, from a fresh process: by the ledger, by its links, by its containers. Idempotent.
import type { ContainerFacts, RunningWorld } from '#world/running-world.ts'
import { healFault } from './inject.ts'
import { nameOf } from './targets.ts'
import { linkChanges, mendFenceDevice, readLedger, removeLinkChange } from './wan-calls.ts'

/** What was found and healed, one sentence each; empty if there was nothing. */
export interface HealReport {
  readonly healed: readonly string[]
  /** What could not be healed, and why. */
  readonly left: readonly string[]
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Never throws for a fault that resists: it heals the others and says what is left. */
export async function healAll(world: RunningWorld): Promise<HealReport> {
  const healed: string[] = []
  const left: string[] = []
  const attempt = async (work: () => Promise<string | null>): Promise<void> => {
    try {
      const done = await work()
      if (done !== null) healed.push(done)
    } catch (error) {
      left.push(message(error))
    }
  }
  // The WAN first: without it neither the ledger can be read nor a link be healed.
  await attempt(() => wake(world, (each) => each.service === 'wan'))
  const entries = await readLedger(world).catch((error: unknown) => {
    left.push(`the ledger could not be read: ${message(error)}`)
    return []
  })
  // The latest first, as they would be undone by hand.
  for (const entry of entries.toReversed())
    await attempt(async () => `${entry.kind} of ${entry.target} (${entry.drill}): ${await healFault(world, entry)}`)
  await attempt(() => removeLeftLinks(world))
  await attempt(async () => ((await mendFenceDevice(world)) ? 'the fence device mended' : null))
  await attempt(() => wake(world, () => true))
  return { healed, left }
}

/** Changes of links that no ledger entry knows. */
async function removeLeftLinks(world: RunningWorld): Promise<string | null> {
  const ids = new Set((await linkChanges(world)).map((change) => change.id))
  for (const id of ids) await removeLinkChange(world, id)
  return ids.size === 0 ? null : `link changes ${[...ids].join(', ')} removed`
}

/** Paused containers go on, dead ones start. */
async function wake(world: RunningWorld, wanted: (each: ContainerFacts) => boolean): Promise<string | null> {
  const facts = (await world.containers()).filter(wanted)
  const paused = facts.filter((each) => each.state === 'paused')
  const dead = facts.filter((each) => ['exited', 'created', 'dead'].includes(each.state))
  if (paused.length > 0) await world.unpause(paused)
  if (dead.length > 0) await world.start(dead)
  const names = [...paused, ...dead].map(nameOf)
  return names.length === 0 ? null : `${names.join(', ')} brought back`
}
