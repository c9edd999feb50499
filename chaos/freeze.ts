// Every container of a region is paused: sockets stay open, nothing answers, and on thaw each process goes on where it was.
import { z } from 'zod'
import { regions } from '#protocol/sites.ts'
import { FaultUnproven, type FaultHandler } from './fault.ts'
import { containersOf, nameOf, regionOf } from './targets.ts'
import { between } from './wan-calls.ts'

const freezeDetail = z.object({ region: z.enum(regions) })

export const freeze: FaultHandler<'freeze'> = {
  summary: 'every container of a region is paused: sockets stay open, nothing answers',
  expected: (spec) => `${spec.target} stands still`,
  touches: (spec) => containersOf(regionOf(spec.target)).map(nameOf),

  detail: (spec) => ({ region: regionOf(spec.target) }),

  inject(world, entry) {
    const { region } = freezeDetail.parse(entry.detail)
    return between(world, () => world.pause(containersOf(region)))
  },

  async prove(world, entry) {
    const { region } = freezeDetail.parse(entry.detail)
    const facts = await world.containers()
    const awake = facts.filter((each) => each.site === region && each.state !== 'paused')
    if (awake.length > 0)
      throw new FaultUnproven(`expected region ${region} paused, saw ${awake.map(nameOf).join(', ')} not paused`)
    // A pause can fail without a word on a busy host, so Docker's own view is not enough.
    const answered = await world.wayIn
      .control(`controller.${region}`, { method: 'GET', path: '/status', reply: z.unknown(), timeoutMs: 1000 })
      .then(() => true)
      .catch(() => false)
    if (answered) throw new FaultUnproven(`expected a frozen controller in region ${region}, saw it answer`)
    return `all containers of region ${region} are paused and its controller does not answer`
  },

  async heal(world, entry) {
    const { region } = freezeDetail.parse(entry.detail)
    const facts = await world.containers()
    await world.unpause(facts.filter((each) => each.site === region && each.state === 'paused'))
  },

  async isHealed(world, entry) {
    const { region } = freezeDetail.parse(entry.detail)
    const facts = await world.containers()
    const paused = facts.some((each) => each.site === region && each.state === 'paused')
    return paused ? null : `no container of region ${region} is paused`
  },
}
