// One fault, with all that any kind of it needs to be told.
import type { Chance } from '#runtime/chance.ts'
import { linkClasses } from '../network.ts'
import { phases } from '../phases.ts'
import type { Fault, FaultKind } from './kinds.ts'

export function drawFault(chance: Chance, kinds: readonly FaultKind[], regionCount: number, chaosMs: number): Fault {
  const kind = chance.pick(kinds)
  const site = chance.between(0, regionCount - 1)
  const waitsForPhase = chance.is(0.4)
  return {
    kind,
    aim: 'site',
    begin: {
      atMs: chance.between(0, Math.round(chaosMs * 0.8)),
      phase: waitsForPhase ? chance.pick(phases) : null,
      delayMs: waitsForPhase ? chance.pick([0, 0, chance.between(1, 60), chance.between(1, 500)]) : 0,
    },
    forMs: chance.is(0.1) ? chance.spread(15_000, 40_000) : chance.spread(40, 12_000),
    site,
    other: (site + chance.between(1, regionCount - 1)) % regionCount,
    group: chance
      .shuffle(Array.from({ length: regionCount }, (_, at) => at))
      .slice(0, chance.between(1, regionCount - 1)),
    linkClass: chance.is(0.6) ? null : chance.pick(linkClasses),
    trouble: {
      loss: chance.pick([0, 0.05, 0.3, 0.8]),
      delayMs: chance.pick([0, 50, 300, 1500]),
      jitterMs: chance.pick([0, 20, 200, 1000]),
      duplicates: chance.pick([0, 0.2]),
    },
    amountMs: chance.spread(10, 5000),
    variant: chance.is(0.5),
  }
}
