// Plots of a probing schedule: the stories of PROTOCOL as recipes, with their times drawn. Each is a chain of ordinary faults.
import type { Chance } from '../chance.ts'
import { drawFault } from './draw-fault.ts'
import type { Aim, Begin, Fault, FaultKind } from './kinds.ts'

interface Place {
  readonly chance: Chance
  readonly regionCount: number
  readonly atMs: number
}

type Plot = (place: Place) => Fault[]

function fault(
  { chance, regionCount, atMs }: Place,
  kind: FaultKind,
  aim: Aim,
  begin: Partial<Begin>,
  forMs: number,
): Fault {
  const drawn = drawFault(chance, [kind], regionCount, atMs)
  const from = { atMs, phase: null, delayMs: 0, ...begin }
  return { ...drawn, aim, begin: { ...from, atMs: Math.max(0, from.atMs) }, forMs, group: [drawn.site] }
}

/** The primary is cut off together with some of its clients, whose writes become a tail that nobody vouches for. */
function cutOff(place: Place, lastsMs: number): Fault {
  const kind = place.chance.pick(['partition-groups', 'partition-groups', 'partition-clients-stay'] as const)
  return fault(place, kind, 'primary', {}, lastsMs)
}

/** A standby that is always some hundred milliseconds behind. */
function lagging(place: Place, lastsMs: number): Fault {
  const { chance, atMs } = place
  const beforeMs = Math.min(atMs, chance.between(500, 2000))
  const drawn = fault(place, 'bad-link', 'standby', { atMs: atMs - beforeMs }, beforeMs + lastsMs)
  const trouble = { ...drawn.trouble, loss: 0, delayMs: chance.pick([150, 250, 400]), jitterMs: 0 }
  return { ...drawn, trouble, variant: true }
}

/** What was cut off comes back with its tail at the very moment at which its successor is lost. */
const tailComesBack: Plot = (place) => {
  const { chance, atMs } = place
  const lastsMs = chance.between(700, 2500)
  const lossMs = atMs + lastsMs - chance.between(-100, 500)
  return [
    cutOff(place, lastsMs),
    fault(place, 'region-loss', 'primary', { atMs: lossMs }, chance.between(3000, 10_000)),
  ]
}

/** Sessions of a primary that is cut off are told to stop waiting; their clients ask again. */
const waitsEnded: Plot = (place) => {
  const { chance, atMs } = place
  const lastsMs = chance.between(1500, 6000)
  const ends = Array.from({ length: chance.between(1, 5) }, () => {
    const kind = chance.pick(['cancel-waits', 'terminate-waits'] as const)
    return fault(place, kind, 'struck', { atMs: atMs + chance.between(100, lastsMs) }, 0)
  })
  return [cutOff(place, lastsMs), ...ends]
}

/** One standby lags. The primary is lost for a while, and then its successor, before the one that lags has caught up with it. */
const laggardDecides: Plot = (place) => {
  const { chance } = place
  const isCut = chance.is(0.5)
  const lastsMs = chance.between(700, 2500)
  const kind = chance.pick(['region-loss', 'kill-node', 'freeze-region', 'partition-isolate'] as const)
  const phase = isCut ? 'rebuilding' : chance.pick(['promoting', 'holding'] as const)
  return [
    lagging(place, chance.between(6000, 12_000)),
    isCut ? cutOff(place, lastsMs) : fault(place, kind, 'primary', {}, lastsMs),
    fault(place, 'region-loss', 'successor', { phase, delayMs: chance.between(0, 1200) }, chance.between(5000, 12_000)),
  ]
}

/** The old primary's controller hears nothing of the move, but reaches the nodes, one of which restarts after its promise. */
const promiserRestarts: Plot = (place) => {
  const { chance } = place
  const cut = fault(place, 'partition-class', 'primary', {}, chance.between(3000, 10_000))
  const phase = chance.pick(['fencing', 'promoting', 'holding'] as const)
  const begin = { phase, delayMs: chance.between(0, 800) }
  return [
    { ...cut, linkClass: 'control' },
    fault(place, 'kill-node', 'standby', begin, chance.between(50, 800)),
    ...(chance.is(0.5) ? [fault(place, 'kill-node', 'standby', begin, chance.between(50, 800))] : []),
  ]
}

/** A candidate stalls with its promises in its sockets; so does the next one; the first goes on as if nothing had been. */
const candidatesStall: Plot = (place) => {
  const { chance, atMs } = place
  const kind = chance.pick(['failover', 'crash-postgres', 'region-loss'] as const)
  const againMs = atMs + chance.between(400, 2000)
  const stalledMs = againMs + chance.between(150, 500)
  const endsMs = stalledMs + chance.between(0, 1500)
  const stall = chance.pick(['freeze-controller', 'freeze-controller', 'kill-controller'] as const)
  return [
    fault(place, kind, kind === 'failover' ? 'site' : 'primary', {}, chance.between(200, 5000)),
    fault(place, 'freeze-controller', 'mover', { phase: 'fencing', delayMs: chance.between(0, 90) }, endsMs - atMs),
    fault(place, 'failover', 'site', { atMs: againMs }, 0),
    fault(place, stall, 'mover', { atMs: stalledMs }, chance.between(500, 4000)),
  ]
}

const plots: readonly Plot[] = [
  tailComesBack,
  waitsEnded,
  laggardDecides,
  laggardDecides,
  promiserRestarts,
  candidatesStall,
]

export function drawPlot(chance: Chance, regionCount: number, atMs: number): Fault[] {
  return chance.pick(plots)({ chance, regionCount, atMs })
}
