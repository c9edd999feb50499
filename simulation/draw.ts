// A schedule from a seed: the options of a world, and the faults that will befall it. Drawn before anything runs, so that it can be
// printed, replayed and made smaller.
import { Chance } from '#runtime/chance.ts'
import { drawFault } from './faults/draw-fault.ts'
import { type Fault, type FaultKind, faultKinds } from './faults/kinds.ts'
import { drawProbe } from './faults/probe.ts'

export interface Schedule {
  readonly seed: number
  readonly regionCount: number
  readonly commit: 'quorum' | 'async'
  readonly acceptDataLoss: boolean
  readonly maxLossMs: number
  readonly tickMs: number
  /** Mean time between the writes of one client area. */
  readonly writeEveryMs: number
  /** How much faster or slower than true each region's monotonic clock runs, parts per million. */
  readonly clockPpm: readonly number[]
  readonly chaosMs: number
  readonly faults: readonly Fault[]
  /** Regions that stay lost when all else is healed: writes must come back without them. */
  readonly rest: readonly number[]
  /** Once those are lost, the primary's Postgres crashes as well. */
  readonly restCrash: boolean
}

export interface DrawOptions {
  /** Null: drawn, mostly 3. */
  readonly regionCount: number | null
  readonly commit: 'quorum' | 'async' | null
}

/** Streams of chance: options and faults here, the run's own delays there. */
export const scheduleStream = 1
export const runStream = 2

const longestPpm = 500
const fewestFaults = 3

export function drawSchedule(seed: number, options: DrawOptions): Schedule {
  const chance = new Chance(seed, scheduleStream)
  const drawn = chance.pick([3, 3, 3, 3, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7])
  const regionCount = options.regionCount ?? drawn
  const mode = chance.is(0.3) ? 'async' : 'quorum'
  const commit = options.commit ?? mode
  const chaosMs = chance.between(40_000, 46_000)
  const faults = chance.is(0.5)
    ? drawAround(chance, regionCount, commit, chaosMs)
    : drawSwarm(chance, regionCount, chaosMs)
  const survivable = Math.floor((regionCount - 1) / 2)
  const rest = chance
    .shuffle(Array.from({ length: regionCount }, (_, at) => at))
    .slice(0, chance.between(0, survivable))
  return {
    seed,
    regionCount,
    commit,
    acceptDataLoss: commit === 'async' && chance.is(0.1),
    maxLossMs: chance.pick([0, 500, 5000, 60_000]),
    tickMs: chance.pick([25, 50, 100, 100]),
    writeEveryMs: chance.pick([150, 400, 1000, 1000]),
    clockPpm: Array.from({ length: regionCount }, () => (chance.is(0.5) ? 0 : chance.between(-longestPpm, longestPpm))),
    chaosMs,
    faults: [...faults].sort((left, right) => left.begin.atMs - right.begin.atMs),
    rest,
    restCrash: chance.is(0.3),
  }
}

/** Faults that belong together, and others beside them where those are few. */
function drawAround(chance: Chance, regionCount: number, commit: Schedule['commit'], chaosMs: number): Fault[] {
  const faults = drawProbe(chance, regionCount, commit, chaosMs)
  while (faults.length < fewestFaults) faults.push(drawFault(chance, faultKinds, regionCount, chaosMs))
  return faults
}

/** Faults that have nothing to do with each other. */
function drawSwarm(chance: Chance, regionCount: number, chaosMs: number): Fault[] {
  const kinds = swarm(chance)
  const count = chance.pick([3, 3, 4, 4, 5, 6, 7, 8, 10, 12])
  return Array.from({ length: count }, () => drawFault(chance, kinds, regionCount, chaosMs))
}

/** Each schedule knows some kinds only: else every one would be the same mixture of all (Groce and others, "Swarm testing", 2012). */
function swarm(chance: Chance): readonly FaultKind[] {
  if (chance.is(0.2)) return faultKinds
  const count = chance.between(2, 8)
  return chance.shuffle(faultKinds).slice(0, count)
}
