// One process inside a container dies by kill -9, as by a bug or an operator's hand. Whoever started it sees it, or nobody does.
import { z } from 'zod'
import type { RunningWorld, Target } from '#world/running-world.ts'
import { factsOf, notRunning, postgresIsBack, startDead } from './containers.ts'
import { FaultUnproven, NothingToBreak, type FaultHandler } from './fault.ts'
import { heldWords, nothingHeld, released } from './held.ts'
import { findProcess, killProcess, processesOf, type Process } from './processes.ts'
import { nameOf, servicesOf } from './targets.ts'
import { between } from './wan-calls.ts'

const crashDetail = z.object({
  target: z.string(),
  process: z.string(),
  /** By container: which process of it was found to be the one. */
  victims: z.record(
    z.string(),
    z.object({ pid: z.number(), startedTicks: z.number(), name: z.string(), title: z.string() }),
  ),
})

async function victimIn(world: RunningWorld, target: Target, wanted: string): Promise<Process> {
  if ((await notRunning(world, [target])) !== null)
    throw new NothingToBreak(`expected ${nameOf(target)} to run, saw that it does not`)
  const processes = await processesOf(world, target)
  const victim = findProcess(processes, wanted)
  if (victim !== null) return victim
  const seen = [...new Set(processes.map((each) => each.title.slice(0, 60) || each.name))].join('; ')
  throw new NothingToBreak(`expected a process ${JSON.stringify(wanted)} in ${nameOf(target)}, saw ${seen || 'none'}`)
}

/** Whether the very process still runs. Its container may end while it is asked. */
async function lives(world: RunningWorld, target: Target, victim: Process): Promise<boolean> {
  if ((await notRunning(world, [target])) !== null) return false
  const processes = await processesOf(world, target).catch(async (error: unknown) => {
    if ((await notRunning(world, [target])) !== null) return []
    throw error
  })
  return processes.some((each) => each.pid === victim.pid && each.startedTicks === victim.startedTicks)
}

/** Servers of ours that start their own again are believed when they say so; a process of another comes back with its container. */
async function isBack(world: RunningWorld, target: Target, wanted: string): Promise<boolean> {
  if (target.service === 'postgres') return (await postgresIsBack(world, target.site ?? '')) !== null
  return findProcess(await processesOf(world, target), wanted) !== null
}

export const processCrash: FaultHandler<'process-crash'> = {
  summary:
    'one process inside a container, found by its name or the beginning of its command line, dies by kill -9 (the oldest, if there are several)',
  expected: (spec) =>
    `${spec.process} of ${spec.target} is gone at once, without a goodbye; its container ends with it if it was all that ran there`,
  touches: (spec) => servicesOf(spec.target).map(nameOf),
  holds: () => [],

  detail: (spec) => ({ target: spec.target, process: spec.process }),

  async survey(world, spec) {
    const found = servicesOf(spec.target).map(
      async (target) => [nameOf(target), await victimIn(world, target, spec.process)] as const,
    )
    return { victims: Object.fromEntries(await Promise.all(found)) }
  },

  inject(world, entry) {
    const { target, victims } = crashDetail.parse(entry.detail)
    return between(world, () =>
      Promise.all(
        servicesOf(target).map(async (each) => {
          const victim = victims[nameOf(each)]
          if (victim !== undefined) await killProcess(world, each, victim)
        }),
      ),
    )
  },

  async prove(world, entry) {
    const { target, victims } = crashDetail.parse(entry.detail)
    const gone: string[] = []
    for (const each of servicesOf(target)) {
      const victim = victims[nameOf(each)]
      if (victim === undefined) continue
      const what = `process ${victim.pid} of ${nameOf(each)} (${victim.title.slice(0, 60)})`
      if (await lives(world, each, victim)) throw new FaultUnproven(`expected ${what} dead, saw it run`)
      gone.push(what)
    }
    const ended = (await factsOf(world, servicesOf(target))).filter((each) => each.state === 'exited')
    const withIt = ended.length === 0 ? '' : `, and with it ${ended.map((each) => each.label).join(', ')}`
    return `${gone.join(', ')} runs no more${withIt}`
  },

  heal(world, entry, held = nothingHeld) {
    return startDead(world, servicesOf(crashDetail.parse(entry.detail).target), held)
  },

  async isHealed(world, entry, held = nothingHeld) {
    const { target, process } = crashDetail.parse(entry.detail)
    const targets = servicesOf(target)
    const free = released(targets, 'dead', held)
    if ((await notRunning(world, free)) !== null) return null
    for (const each of free) if (!(await isBack(world, each, process))) return null
    return `${target} runs, and ${process} is back or its server answers${heldWords(targets, 'dead', held)}`
  },
}
