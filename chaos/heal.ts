// Heals what is wrong with a world, from a fresh process: by the ledger, by its links, by its containers. Idempotent, also beside
// another that heals the same at the same time.
import type { LedgerEntry } from '#protocol/wan.ts'
import type { ContainerFacts, RunningWorld } from '#world/running-world.ts'
import { messageOf } from '#runtime/message-of.ts'
import { healFault } from './inject.ts'
import { handlerOf } from './library.ts'
import { nameOf } from './targets.ts'
import { linkChanges, mendFenceDevice, readLedger, removeLinkChange } from './wan-calls.ts'

/** What was found and healed, one sentence each; empty if there was nothing. */
export interface HealReport {
  readonly healed: readonly string[]
  /** What could not be healed, and why. */
  readonly left: readonly string[]
}

const healWithinMs = 60_000
const retryMs = 500
/** A fault may need a container that no ledger knows of to be brought back before it is healed. */
const wakeAfterMs = 5000

class Report implements HealReport {
  readonly healed: string[] = []
  readonly left: string[] = []

  async attempt(work: () => Promise<string | null>): Promise<void> {
    try {
      const done = await work()
      if (done !== null) this.healed.push(done)
    } catch (error) {
      this.left.push(messageOf(error))
    }
  }
}

/** Never throws for a fault that resists: it heals the others and says what is left. */
export async function healAll(world: RunningWorld): Promise<HealReport> {
  const report = new Report()
  // The WAN first: without it neither the ledger can be read nor a link be healed.
  await report.attempt(() => wake(world, (each) => each.service === 'wan'))
  const entries = await readLedger(world).catch((error: unknown) => {
    report.left.push(`the ledger could not be read: ${messageOf(error)}`)
    return []
  })
  const healing = healEach(world, entries, report)
  const timer = new AbortController()
  await Promise.race([healing, after(wakeAfterMs, timer.signal)])
  timer.abort()
  await report.attempt(() => removeLeftLinks(world))
  await report.attempt(async () => ((await mendFenceDevice(world)) ? 'the fence device mended' : null))
  await report.attempt(() => wake(world, () => true))
  await healing
  // What one fault's heal had to wait for, another's may have brought back too late to be seen above.
  if (entries.length > 0) await report.attempt(() => wake(world, () => true))
  return { healed: report.healed, left: report.left }
}

/** Heals these faults and nothing else. Never throws for one that resists. */
export async function healEntries(world: RunningWorld, entries: readonly LedgerEntry[]): Promise<HealReport> {
  const report = new Report()
  await healEach(world, entries, report)
  return { healed: report.healed, left: report.left }
}

/** Side by side, since one may have to wait for another; begun with the latest, as they would be undone by hand. */
async function healEach(world: RunningWorld, entries: readonly LedgerEntry[], report: Report): Promise<void> {
  await Promise.all(
    entries
      .toReversed()
      .map((entry) =>
        report.attempt(
          async () => `${entry.kind} of ${entry.target} (${entry.drill}): ${await healPersistently(world, entry)}`,
        ),
      ),
  )
}

/** A heal that is refused is asked again: another fault may stand in its way, as a pause does in that of a start. */
async function healPersistently(world: RunningWorld, entry: LedgerEntry): Promise<string> {
  // What no file here knows how to heal will not be healed by asking again.
  handlerOf(entry.kind)
  const deadline = performance.now() + healWithinMs
  for (;;) {
    try {
      return await healFault(world, entry, Math.max(0, deadline - performance.now()))
    } catch (error) {
      if (performance.now() + retryMs >= deadline) throw error
    }
    await after(retryMs)
  }
}

function after(waitMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, waitMs)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
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
