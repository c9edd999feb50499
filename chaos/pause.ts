// Single containers are paused: as freeze does it for a region.
import { z } from 'zod'
import type { FaultHandler } from './fault.ts'
import { holdOn, nothingHeld } from './held.ts'
import { isThawed, provePaused, thaw } from './pausing.ts'
import { containersStay } from './sight.ts'
import { nameOf, servicesOf } from './targets.ts'
import { between } from './wan-calls.ts'

const pauseDetail = z.object({ target: z.string() })

export const pause: FaultHandler<'pause'> = {
  summary: 'containers are paused: their sockets stay open, nothing in them runs; heal lets each go on where it was',
  expected: (spec) => `${spec.target}: connections stay open, calls to it time out`,
  touches: (spec) => servicesOf(spec.target).map(nameOf),
  holds: (target) => servicesOf(target).map(holdOn('paused')),

  detail: (spec) => ({ target: spec.target }),

  inject(world, entry) {
    const { target } = pauseDetail.parse(entry.detail)
    return between(world, () => world.pause(servicesOf(target)))
  },

  prove(world, entry) {
    const { target } = pauseDetail.parse(entry.detail)
    return provePaused(world, servicesOf(target), target)
  },

  endedIn: (entry, sight) => containersStay(servicesOf(pauseDetail.parse(entry.detail).target), 'paused', sight),

  heal(world, entry, held = nothingHeld) {
    return thaw(world, servicesOf(pauseDetail.parse(entry.detail).target), held)
  },

  isHealed(world, entry, held = nothingHeld) {
    const { target } = pauseDetail.parse(entry.detail)
    return isThawed(world, servicesOf(target), target, held)
  },
}
