// What containers were granted before a fault, kept in the ledger so that whoever heals can give it back.
import { z } from 'zod'
import type { Limits, RunningWorld, Target } from '#world/running-world.ts'
import { nameOf } from './targets.ts'

/** By container. */
export const limitsFound = z.record(
  z.string(),
  z.object({ processors: z.number().nullable(), memoryBytes: z.number().nullable() }),
)

export async function limitsBefore(
  world: RunningWorld,
  targets: readonly Target[],
): Promise<Readonly<Record<string, Limits>>> {
  const found = targets.map(async (each) => [nameOf(each), await world.limitsOf(each)] as const)
  return Object.fromEntries(await Promise.all(found))
}

/** Which of them has another limit than this fault gave it, by Docker's word; null if none has. */
export async function limitsDiffering(
  world: RunningWorld,
  targets: readonly Target[],
  given: Partial<Limits>,
): Promise<string | null> {
  for (const target of targets) {
    const found = await world.limitsOf(target)
    for (const [field, value] of Object.entries(given)) {
      const seen = found[field as keyof Limits]
      if (seen !== value) return `${nameOf(target)} has another limit (${field} ${seen ?? 'without one'})`
    }
  }
  return null
}
