// Containers may use only so much memory. Beyond it the kernel takes back what it can, and kills a process when it can't.
import { z } from 'zod'
import { factsOf, notRunning, startDead } from './containers.ts'
import { FaultUnproven, type FaultHandler } from './fault.ts'
import { heldWords, holdOn, nothingHeld, released } from './held.ts'
import { limitsBefore, limitsDiffering, limitsFound } from './limits.ts'
import { nameOf, servicesOf } from './targets.ts'
import { between } from './wan-calls.ts'

const memoryDetail = z.object({ target: z.string(), limitBytes: z.number(), before: limitsFound })

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`

export const memoryLimit: FaultHandler<'memory-limit'> = {
  summary:
    'containers may use only so much memory (64MiB unless stated); the kernel kills what needs more; heal lifts the limit and starts the dead',
  expected: (spec) =>
    `${spec.target}: no more than ${mebibytes(spec.limit)} each; caches go, and a process that needs more is killed by the kernel`,
  touches: (spec) => servicesOf(spec.target).map(nameOf),
  holds: (target) => servicesOf(target).map(holdOn('memory')),

  detail: (spec) => ({ target: spec.target, limitBytes: spec.limit }),

  async survey(world, spec) {
    return { before: await limitsBefore(world, servicesOf(spec.target)) }
  },

  inject(world, entry) {
    const { target, limitBytes } = memoryDetail.parse(entry.detail)
    const limit = servicesOf(target).map((each) => async (): Promise<void> => {
      try {
        await world.limit(each, { memoryBytes: limitBytes })
      } catch (error) {
        if (!/unable to set memory limit|resource busy/.test((error as Error).message)) throw error
        // A kernel with control groups of version 1 refuses a limit below what is used; one with version 2 kills. Be it so here too.
        await world.kill([each])
        await world.limit(each, { memoryBytes: limitBytes })
      }
    })
    return between(world, () => Promise.all(limit.map(async (each) => each())))
  },

  async prove(world, entry) {
    const { target, limitBytes } = memoryDetail.parse(entry.detail)
    const seen: string[] = []
    for (const each of await factsOf(world, servicesOf(target))) {
      const { memoryLimitBytes, memoryBytes, ranOutOfMemory } = await world.statistics(each)
      if (each.state === 'exited' && ranOutOfMemory) seen.push(`${each.label} was killed by the kernel for it`)
      else if (each.state === 'exited' && (await world.limitsOf(each)).memoryBytes === limitBytes)
        seen.push(`${each.label} is dead: ${mebibytes(limitBytes)} are less than it used`)
      else if (memoryLimitBytes === null || memoryLimitBytes > limitBytes)
        throw new FaultUnproven(
          `expected ${each.label} held to ${mebibytes(limitBytes)}, saw the kernel's limit ${memoryLimitBytes === null ? 'nowhere' : `at ${mebibytes(memoryLimitBytes)}`}, and it ${each.state}`,
        )
      else
        seen.push(
          `${each.label} uses ${mebibytes(memoryBytes)} of ${mebibytes(memoryLimitBytes)} by the kernel's count${ranOutOfMemory ? ', and lost a process for it' : ''}`,
        )
    }
    return seen.join('; ')
  },

  lookCloser(world, entry) {
    const { target, limitBytes } = memoryDetail.parse(entry.detail)
    return limitsDiffering(world, servicesOf(target), { memoryBytes: limitBytes })
  },

  async heal(world, entry, held = nothingHeld) {
    const { target, before } = memoryDetail.parse(entry.detail)
    const targets = servicesOf(target)
    await Promise.all(
      targets.map(async (each) => world.limit(each, { memoryBytes: before[nameOf(each)]?.memoryBytes ?? null })),
    )
    await startDead(world, targets, held)
  },

  async isHealed(world, entry, held = nothingHeld) {
    const { target, before } = memoryDetail.parse(entry.detail)
    const targets = servicesOf(target)
    const free = released(targets, 'dead', held)
    if ((await notRunning(world, released(free, 'paused', held))) !== null) return null
    for (const each of free) {
      const had = before[nameOf(each)]?.memoryBytes ?? null
      if ((await world.statistics(each)).memoryLimitBytes !== had) return null
    }
    return `${target}: runs, and the kernel's limit is what it was${heldWords(targets, 'dead', held)}`
  },
}
