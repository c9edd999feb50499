// Probing schedules: faults that have to do with each other. A primary is struck, and while that lasts or just after it, others
// hit it, its successor or whoever carries the move; a plan stalls midway; a standby lags behind all the while. Faults that are
// drawn apart seldom meet so, and most rules matter only where two or three of them do.
import type { CommitMode } from '#protocol/topology.ts'
import type { Chance } from '#runtime/chance.ts'
import { drawFault } from './draw-fault.ts'
import { drawPlot } from './plots.ts'
import { type Aim, type Fault, type FaultKind, faultKinds } from './kinds.ts'

const strikes: readonly FaultKind[] = [
  'region-loss',
  'region-loss',
  'kill-node',
  'crash-postgres',
  'freeze-node',
  'freeze-region',
  'partition-isolate',
  'partition-clients-stay',
  'partition-clients-stay',
  'partition-groups',
  'partition-groups',
  'partition-class',
  'slow-disk',
]

/** What keeps whoever carries a move from doing so, or its words from arriving. */
const stalls: readonly FaultKind[] = [
  'freeze-controller',
  'freeze-controller',
  'kill-controller',
  'partition-one-way',
  'partition-one-way',
  'partition-pair',
  'partition-isolate',
  'bad-link',
  'lost-answers',
  'slow-process',
]

/** What matters most where something else is broken already. */
const companions: readonly FaultKind[] = [
  ...faultKinds,
  'region-loss',
  'region-loss',
  'kill-node',
  'kill-node',
  'crash-postgres',
  'failover',
  'switchover',
  'cancel-waits',
  'terminate-waits',
  'freeze-app',
  'clock-jump',
]

const aims: readonly Aim[] = ['site', 'primary', 'primary', 'struck', 'struck', 'standby', 'mover']
const movePhases = ['claiming', 'preparing', 'draining', 'fencing', 'fencing', 'promoting', 'promoting'] as const
const laterPhases = ['rebuilding', 'rebuilding', 'fencing', 'promoting', 'holding'] as const

export function drawProbe(chance: Chance, regionCount: number, commit: CommitMode, chaosMs: number): Fault[] {
  const kinds = chance.shuffle(companions).slice(0, chance.between(1, 5))
  const count = chance.between(1, 3)
  const eachMs = Math.round((chaosMs * 0.8) / count)
  return Array.from({ length: count }, (_, at) => {
    const atMs = at * eachMs + chance.between(1000, Math.max(1000, Math.round(eachMs / 2)))
    if (chance.is(0.5)) return drawPlot(chance, regionCount, commit, atMs)
    return chance.is(0.7) ? strike(chance, kinds, regionCount, atMs) : stall(chance, kinds, regionCount, atMs)
  }).flat()
}

function strike(chance: Chance, kinds: readonly FaultKind[], regionCount: number, atMs: number): Fault[] {
  const lastsMs = chance.spread(200, 8000)
  const drawn = drawFault(chance, strikes, regionCount, atMs)
  const first: Fault = {
    ...drawn,
    aim: 'primary',
    begin: { atMs, phase: null, delayMs: 0 },
    forMs: lastsMs,
    group: chance.is(0.7) ? [drawn.site] : drawn.group,
  }
  const later = Array.from({ length: chance.between(1, 5) }, () =>
    accompany(chance, kinds, regionCount, { atMs, lastsMs }),
  )
  const lagging = chance.is(0.3) ? [lag(chance, regionCount, { atMs, lastsMs })] : []
  return [...lagging, first, ...later]
}

function accompany(
  chance: Chance,
  kinds: readonly FaultKind[],
  regionCount: number,
  { atMs, lastsMs }: { readonly atMs: number; readonly lastsMs: number },
): Fault {
  const drawn = drawFault(chance, kinds, regionCount, atMs)
  const phase = chance.is(0.3) ? chance.pick(laterPhases) : null
  // Around its end much happens at once: what was cut off comes back, and is told what it has missed.
  const nearEnd = chance.is(0.4)
  const offsetMs = nearEnd ? lastsMs + chance.between(-600, 600) : chance.between(-300, lastsMs + 1500)
  return {
    ...drawn,
    aim: chance.pick(aims),
    begin: {
      atMs: Math.max(0, phase === null ? atMs + offsetMs : atMs),
      phase,
      delayMs: phase === null ? 0 : chance.pick([0, chance.between(1, 60), chance.between(1, 800)]),
    },
  }
}

/** A standby that is some hundred milliseconds behind, from before the strike until after it. */
function lag(
  chance: Chance,
  regionCount: number,
  { atMs, lastsMs }: { readonly atMs: number; readonly lastsMs: number },
): Fault {
  const drawn = drawFault(chance, ['bad-link'], regionCount, atMs)
  const beforeMs = Math.min(atMs, chance.between(500, 3000))
  return {
    ...drawn,
    begin: { atMs: atMs - beforeMs, phase: null, delayMs: 0 },
    forMs: beforeMs + lastsMs + chance.between(0, 4000),
    trouble: { ...drawn.trouble, loss: 0, delayMs: chance.pick([200, 400, 1000]) },
    variant: chance.is(0.7),
  }
}

/** A move is begun, and whoever carries it is held up in its midst; others may begin one of their own. */
function stall(chance: Chance, kinds: readonly FaultKind[], regionCount: number, atMs: number): Fault[] {
  const order = chance.pick(['failover', 'switchover', 'crash-postgres', 'region-loss', 'kill-node'] as const)
  const first = drawFault(chance, [order], regionCount, atMs)
  const held = drawFault(chance, stalls, regionCount, atMs)
  const lastsMs = chance.spread(200, 8000)
  const again = drawFault(chance, ['failover'], regionCount, atMs)
  const begun: Fault = {
    ...first,
    aim: order === 'failover' || order === 'switchover' ? 'site' : 'primary',
    begin: { atMs, phase: null, delayMs: 0 },
  }
  const stalled: Fault = {
    ...held,
    aim: 'mover',
    begin: {
      atMs,
      phase: chance.pick(movePhases),
      delayMs: chance.pick([0, chance.between(1, 60), chance.between(1, 200)]),
    },
    forMs: lastsMs,
  }
  const second: Fault = { ...again, begin: { atMs: atMs + chance.between(200, 3000), phase: null, delayMs: 0 } }
  const later = Array.from({ length: chance.between(0, 3) }, () =>
    accompany(chance, kinds, regionCount, { atMs, lastsMs }),
  )
  return [begun, stalled, ...(chance.is(0.5) ? [second] : []), ...later]
}
