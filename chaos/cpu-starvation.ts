// Containers get a small share of one processor, as beside a greedy neighbor. The kernel counts how often it made them wait.
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { RunningWorld, Target } from '#world/running-world.ts'
import { factsOf } from './containers.ts'
import { FaultUnproven, type FaultHandler } from './fault.ts'
import { holdOn } from './held.ts'
import { limitsBefore, limitsDiffering, limitsFound } from './limits.ts'
import { nameOf, servicesOf } from './targets.ts'
import { between } from './wan-calls.ts'

const starvationDetail = z.object({ target: z.string(), share: z.number(), before: limitsFound })

/** So long it is looked at before it is made to work. */
const ownWorkMs = 1000
const lookEveryMs = 100

/** An idle container is never made to wait: it is made to want more than its share. Each tenth of a second the kernel counts anew. */
const work = (share: number): string =>
  `i=0; while [ $i -lt ${Math.round(40_000 + 400_000 * share)} ]; do i=$((i+1)); done`

/** A busy container shows it by itself, at once; work that it is made to do would wait behind its own for most of a minute. */
async function isThrottledAlready(world: RunningWorld, target: Target): Promise<boolean> {
  const before = (await world.statistics(target)).throttledPeriods
  const deadlineMs = performance.now() + ownWorkMs
  while (performance.now() < deadlineMs) {
    await sleep(lookEveryMs)
    if ((await world.statistics(target)).throttledPeriods > before) return true
  }
  return false
}

async function isThrottled(world: RunningWorld, target: Target, share: number): Promise<boolean> {
  const before = (await world.statistics(target)).throttledPeriods
  const loop = work(share)
  await world.exec(target, ['sh', '-c', `(${loop}) & (${loop}) & wait`])
  return (await world.statistics(target)).throttledPeriods > before
}

export const cpuStarvation: FaultHandler<'cpu-starvation'> = {
  summary:
    'containers get only a share of one processor (a CPU quota, 0.05 unless stated); heal gives back what they had',
  expected: (spec) =>
    `${spec.target}: late in all it does, with ${Math.round(spec.share * 100)} % of one processor each`,
  touches: (spec) => servicesOf(spec.target).map(nameOf),
  holds: (target) => servicesOf(target).map(holdOn('cpu')),

  detail: (spec) => ({ target: spec.target, share: spec.share }),

  async survey(world, spec) {
    return { before: await limitsBefore(world, servicesOf(spec.target)) }
  },

  inject(world, entry) {
    const { target, share } = starvationDetail.parse(entry.detail)
    return between(world, () =>
      Promise.all(servicesOf(target).map(async (each) => world.limit(each, { processors: share }))),
    )
  },

  async prove(world, entry) {
    const { target, share } = starvationDetail.parse(entry.detail)
    for (const each of servicesOf(target))
      if (!(await isThrottledAlready(world, each)) && !(await isThrottled(world, each, share)))
        throw new FaultUnproven(
          `expected the kernel to throttle ${nameOf(each)} when it wants more than ${share} of a processor, saw no period in which it did`,
        )
    return `${target}: throttled by the kernel when it wants more than ${share} of a processor`
  },

  lookCloser(world, entry) {
    const { target, share } = starvationDetail.parse(entry.detail)
    return limitsDiffering(world, servicesOf(target), { processors: share })
  },

  async heal(world, entry) {
    const { target, before } = starvationDetail.parse(entry.detail)
    await Promise.all(
      servicesOf(target).map(async (each) =>
        world.limit(each, { processors: before[nameOf(each)]?.processors ?? null }),
      ),
    )
  },

  async isHealed(world, entry) {
    const { target, share, before } = starvationDetail.parse(entry.detail)
    for (const each of await factsOf(world, servicesOf(target))) {
      const had = before[each.label]?.processors ?? null
      if ((await world.limitsOf(each)).processors !== had) return null
      if (had === null && each.state === 'running' && (await isThrottled(world, each, share))) return null
    }
    return `${target}: the share of the processors is what it was, and the kernel throttles it no more`
  },
}
