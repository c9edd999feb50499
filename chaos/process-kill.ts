// Single services die (kill -9) or are stopped in order (SIGTERM); heal starts them again.
import { z } from 'zod'
import type { RunningWorld, Target } from '#world/running-world.ts'
import { FaultUnproven, type FaultHandler } from './fault.ts'
import { nameOf, servicesOf } from './targets.ts'
import { between } from './wan-calls.ts'

const killDetail = z.object({ target: z.string(), signal: z.enum(['kill', 'stop']) })

async function running(world: RunningWorld, targets: readonly Target[]): Promise<readonly string[]> {
  const names = new Set(targets.map(nameOf))
  const facts = await world.containers()
  return facts.filter((each) => names.has(nameOf(each)) && each.state === 'running').map(nameOf)
}

export const processKill: FaultHandler<'process-kill'> = {
  summary: 'containers die by kill -9 or are stopped in order',
  expected: (spec) => `${spec.target}: nothing of it runs`,
  touches: (spec) => servicesOf(spec.target).map(nameOf),

  detail: (spec) => ({ target: spec.target, signal: spec.signal }),

  inject(world, entry) {
    const detail = killDetail.parse(entry.detail)
    const targets = servicesOf(detail.target)
    return between(world, () => (detail.signal === 'kill' ? world.kill(targets) : world.stop(targets)))
  },

  async prove(world, entry) {
    const { target } = killDetail.parse(entry.detail)
    const alive = await running(world, servicesOf(target))
    if (alive.length > 0) throw new FaultUnproven(`expected ${target} dead, saw ${alive.join(', ')} run`)
    return `${target}: none of them runs`
  },

  async heal(world, entry) {
    await world.start(servicesOf(killDetail.parse(entry.detail).target))
  },

  async isHealed(world, entry) {
    const targets = servicesOf(killDetail.parse(entry.detail).target)
    const alive = await running(world, targets)
    return alive.length === targets.length ? `${entry.target}: all of them run` : null
  },
}
