// Plots of a probing schedule: the stories of PROTOCOL as recipes, with their times drawn. Each is a chain of ordinary faults.
import type { CommitMode } from '#protocol/topology.ts'
import type { Chance } from '#runtime/chance.ts'
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

/** A standby whose every link is slow, and that misses the primary's last writes: the others are soon ahead of it, and stay so. */
function lagging(place: Place, lastsMs: number): Fault[] {
  const { chance, atMs } = place
  const beforeMs = Math.min(atMs, chance.between(500, 2000))
  const slow = fault(place, 'bad-link', 'standby', { atMs: atMs - beforeMs }, beforeMs + lastsMs)
  const trouble = { ...slow.trouble, loss: 0, delayMs: chance.pick([250, 400]), jitterMs: 0 }
  const missedMs = chance.between(100, beforeMs)
  const cut = fault(place, 'partition-pair', 'primary', { atMs: atMs - missedMs }, missedMs + lastsMs)
  const { site, other } = slow
  return [
    { ...slow, trouble, variant: true },
    { ...cut, site, other, linkClass: 'postgres' },
  ]
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

/** One standby lags. The primary is lost, then its successor, before the laggard has a record of that one's; then the first comes back. */
const laggardDecides: Plot = (place) => {
  const { chance } = place
  const kind = chance.pick(['region-loss', 'region-loss', 'freeze-region', 'partition-isolate'] as const)
  const begin = { phase: 'promoting', delayMs: chance.between(0, 900) } as const
  return [
    ...lagging(place, chance.between(3000, 9000)),
    fault(place, kind, 'primary', {}, chance.between(2000, 5000)),
    fault(place, 'region-loss', 'successor', begin, chance.between(6000, 12_000)),
  ]
}

/** One standby lags. The old primary comes back with a tail, and its successor is lost while it is rewound. */
const rewindBrokenOff: Plot = (place) => {
  const { chance } = place
  const begin = { phase: 'promoting', delayMs: chance.between(250, 1300) } as const
  return [
    ...lagging(place, chance.between(3000, 9000)),
    cutOff(place, chance.between(700, 1500)),
    fault(place, 'region-loss', 'successor', begin, chance.between(5000, 12_000)),
  ]
}

/** The old primary's controller hears nothing of the move, but reaches the nodes, one of which restarts after its promise. */
const promiserRestarts: Plot = (place) => {
  const { chance } = place
  const cut = fault(place, 'partition-class', 'primary', {}, chance.between(3000, 10_000))
  const phase = chance.pick(['fencing', 'promoting', 'promoting'] as const)
  // Before it takes WAL of the new epoch: after that nobody would attach it to the old primary.
  const restart = (): Fault =>
    fault(place, 'kill-node', 'standby', { phase, delayMs: chance.between(0, 250) }, chance.between(30, 300))
  return [{ ...cut, linkClass: 'control' }, restart(), ...(chance.is(0.5) ? [restart()] : [])]
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

/** commit: async, and no device: the lease runs out, but the app of the primary that is cut off may think that its permit has not. */
const permitOutlives: Plot = (place) => {
  const { chance, atMs } = place
  const hold = chance.is(0.5)
    ? fault(place, 'freeze-app', 'struck', { atMs: atMs + chance.between(50, 1500) }, chance.between(2500, 6000))
    : fault(place, 'clock-jump', 'struck', { atMs: atMs + chance.between(50, 2500) }, 0)
  return [
    cutOff(place, chance.between(8000, 12_000)),
    fault(place, 'fence-broken', 'site', { atMs: atMs - 200 }, 10_000),
    hold,
  ]
}

const ofBoth: readonly Plot[] = [
  tailComesBack,
  waitsEnded,
  laggardDecides,
  rewindBrokenOff,
  rewindBrokenOff,
  promiserRestarts,
  candidatesStall,
]

const plots = { quorum: ofBoth, async: [...ofBoth, permitOutlives, permitOutlives] } as const

export function drawPlot(chance: Chance, regionCount: number, commit: CommitMode, atMs: number): Fault[] {
  return chance.pick(plots[commit])({ chance, regionCount, atMs })
}
