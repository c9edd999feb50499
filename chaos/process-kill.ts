// Single services die (kill -9) or are stopped in order (SIGTERM); heal starts them again.
import { z } from 'zod'
import { factsOf, notRunning, startDead } from './containers.ts'
import { FaultUnproven, type FaultHandler } from './fault.ts'
import { heldWords, holdOn, nothingHeld, released } from './held.ts'
import { containersStay } from './sight.ts'
import { nameOf, servicesOf } from './targets.ts'
import { between } from './wan-calls.ts'

const killDetail = z.object({ target: z.string(), signal: z.enum(['kill', 'stop']) })

export const processKill: FaultHandler<'process-kill'> = {
  summary: 'containers die by kill -9 (signal: kill) or are stopped in order (signal: stop); heal starts them',
  expected: (spec) =>
    spec.signal === 'kill'
      ? `${spec.target}: dead at once; its connections are reset, its disk stays`
      : `${spec.target}: stopped in order, as for maintenance; its disk stays`,
  touches: (spec) => servicesOf(spec.target).map(nameOf),
  holds: (target) => servicesOf(target).map(holdOn('dead')),

  detail: (spec) => ({ target: spec.target, signal: spec.signal }),

  inject(world, entry) {
    const detail = killDetail.parse(entry.detail)
    const targets = servicesOf(detail.target)
    return between(world, () => (detail.signal === 'kill' ? world.kill(targets) : world.stop(targets)))
  },

  async prove(world, entry) {
    const { target } = killDetail.parse(entry.detail)
    const facts = await factsOf(world, servicesOf(target))
    const alive = facts.filter((each) => each.state !== 'exited' && each.state !== 'dead')
    if (alive.length > 0)
      throw new FaultUnproven(`expected ${target} dead, saw ${alive.map((each) => each.label).join(', ')} run`)
    return `${target}: none of them runs`
  },

  endedIn: (entry, sight) => containersStay(servicesOf(killDetail.parse(entry.detail).target), 'dead', sight),

  async heal(world, entry, held = nothingHeld) {
    await startDead(world, servicesOf(killDetail.parse(entry.detail).target), held)
  },

  async isHealed(world, entry, held = nothingHeld) {
    const targets = servicesOf(killDetail.parse(entry.detail).target)
    const free = released(targets, 'dead', held)
    if ((await notRunning(world, free)) !== null) return null
    const all = free.length === targets.length ? 'all of them run' : 'all others run'
    return `${entry.target}: ${all}${heldWords(targets, 'dead', held)}`
  },
}
