// Every container of a region is paused: sockets stay open, nothing answers, and on thaw each process goes on where it was.
import { z } from 'zod'
import { regions } from '#protocol/sites.ts'
import type { FaultHandler } from './fault.ts'
import { holdOn, nothingHeld } from './held.ts'
import { isThawed, provePaused, thaw } from './pausing.ts'
import { containersStay } from './sight.ts'
import { containersOf, nameOf, regionOf } from './targets.ts'
import { between } from './wan-calls.ts'

const freezeDetail = z.object({ region: z.enum(regions) })

export const freeze: FaultHandler<'freeze'> = {
  summary:
    'every container of a region is paused: sockets stay open, nothing answers; heal lets each go on where it was',
  expected: (spec) =>
    `${spec.target} stands still with its connections open; if it was primary, another region takes over, and at the thaw it finds that it was replaced`,
  touches: (spec) => containersOf(regionOf(spec.target)).map(nameOf),
  holds: (target) => containersOf(regionOf(target)).map(holdOn('paused')),

  detail: (spec) => ({ region: regionOf(spec.target) }),

  inject(world, entry) {
    const { region } = freezeDetail.parse(entry.detail)
    return between(world, () => world.pause(containersOf(region)))
  },

  prove(world, entry) {
    const { region } = freezeDetail.parse(entry.detail)
    return provePaused(world, containersOf(region), `region ${region}`)
  },

  endedIn: (entry, sight) => containersStay(containersOf(freezeDetail.parse(entry.detail).region), 'paused', sight),

  heal(world, entry, held = nothingHeld) {
    return thaw(world, containersOf(freezeDetail.parse(entry.detail).region), held)
  },

  isHealed(world, entry, held = nothingHeld) {
    const { region } = freezeDetail.parse(entry.detail)
    return isThawed(world, containersOf(region), `region ${region}`, held)
  },
}
