// From a schedule that breaks an invariant to a smaller one that breaks the same: fewer faults, fewer regions, simpler options, a
// shorter chaos. Greedy, and bounded in runs; the same schedule always shrinks to the same one.
import type { Schedule } from './draw.ts'
import type { Fault } from './faults/kinds.ts'
import type { Invariant } from './violation.ts'

export interface Shrunk {
  readonly schedule: Schedule
  /** How many schedules were run to find it. */
  readonly runs: number
}

const fewestRegions = 3
const shortestMs = 40
const healMarginMs = 2000

/**
 * @param breaks which invariant the schedule breaks; null: none
 * @param mostRuns the search ends there, with the smallest that was found
 */
export function shrink(schedule: Schedule, breaks: (candidate: Schedule) => Invariant | null, mostRuns = 500): Shrunk {
  const wanted = breaks(schedule)
  if (wanted === null) throw new RangeError(`expected a schedule that breaks an invariant, saw seed ${schedule.seed}`)
  let smallest = schedule
  let runs = 1
  /** Takes the candidate if it still breaks the same. */
  const attempt = (candidate: Schedule): boolean => {
    if (runs >= mostRuns) return false
    runs += 1
    if (breaks(candidate) !== wanted) return false
    smallest = candidate
    return true
  }
  let before: Schedule | null = null
  while (before !== smallest) {
    before = smallest
    dropFaults(() => smallest, attempt)
    dropRegion(() => smallest, attempt)
    simplify(() => smallest, attempt)
    shorten(() => smallest, attempt)
  }
  return { schedule: smallest, runs }
}

type Now = () => Schedule
type Attempt = (candidate: Schedule) => boolean

/** Runs of faults are left out, long ones first, as in delta debugging (Zeller and Hildebrandt, 2002). */
function dropFaults(now: Now, attempt: Attempt): void {
  for (
    let length = Math.ceil(now().faults.length / 2);
    length >= 1;
    length = length === 1 ? 0 : Math.ceil(length / 2)
  ) {
    let at = 0
    while (at < now().faults.length) {
      const { faults } = now()
      const isDropped = attempt({ ...now(), faults: [...faults.slice(0, at), ...faults.slice(at + length)] })
      if (!isDropped) at += length
    }
  }
  if (now().rest.length > 0) attempt({ ...now(), rest: [] })
}

/** Each region in turn; what was aimed at it is aimed at its successor. */
function dropRegion(now: Now, attempt: Attempt): void {
  for (let site = now().regionCount - 1; site >= 0; site -= 1)
    if (now().regionCount > fewestRegions) attempt(without(now(), site))
}

function without(schedule: Schedule, site: number): Schedule {
  const regionCount = schedule.regionCount - 1
  const moved = (each: number): number => (each > site ? each - 1 : each) % regionCount
  const all = (sites: readonly number[]): number[] => [...new Set(sites.filter((each) => each !== site).map(moved))]
  const majority = Math.floor(regionCount / 2) + 1
  return {
    ...schedule,
    regionCount,
    clockPpm: schedule.clockPpm.filter((_, each) => each !== site),
    rest: all(schedule.rest).slice(0, regionCount - majority),
    faults: schedule.faults.map((fault) => {
      const hit = moved(fault.site)
      const other = moved(fault.other)
      return { ...fault, site: hit, other: other === hit ? (hit + 1) % regionCount : other, group: all(fault.group) }
    }),
  }
}

const plain: readonly ((schedule: Schedule) => Schedule)[] = [
  (schedule) => ({ ...schedule, clockPpm: schedule.clockPpm.map(() => 0) }),
  (schedule) => ({ ...schedule, tickMs: 100 }),
  (schedule) => ({ ...schedule, writeEveryMs: 1000 }),
]

const milder: readonly ((fault: Fault) => Fault)[] = [
  (fault) => ({ ...fault, begin: { ...fault.begin, phase: null, delayMs: 0 } }),
  (fault) => ({ ...fault, begin: { ...fault.begin, delayMs: 0 } }),
  (fault) => ({ ...fault, forMs: Math.max(shortestMs, Math.round(fault.forMs / 2)) }),
  (fault) => ({ ...fault, linkClass: null }),
  (fault) => ({ ...fault, variant: false }),
]

function simplify(now: Now, attempt: Attempt): void {
  for (const change of plain) tryIfChanged(now, attempt, change(now()))
  for (const at of now().faults.keys())
    for (const change of milder)
      tryIfChanged(now, attempt, {
        ...now(),
        faults: now().faults.map((fault, each) => (each === at ? change(fault) : fault)),
      })
}

/** What is the same already need not be run. */
function tryIfChanged(now: Now, attempt: Attempt, candidate: Schedule): void {
  if (JSON.stringify(candidate) !== JSON.stringify(now())) attempt(candidate)
}

/** The pause before the first fault goes, then pauses between faults are halved, then what comes after the last one. */
function shorten(now: Now, attempt: Attempt): void {
  const begins = (): number[] => now().faults.map((fault) => fault.begin.atMs)
  for (const at of begins().keys()) {
    const previousMs = at === 0 ? 0 : (begins()[at - 1] ?? 0)
    const pauseMs = (begins()[at] ?? 0) - previousMs
    for (const kept of [0, 0.5]) {
      const byMs = Math.round(pauseMs * (1 - kept))
      if (byMs < shortestMs) continue
      const faults = now().faults.map((fault, each) =>
        each < at ? fault : { ...fault, begin: { ...fault.begin, atMs: fault.begin.atMs - byMs } },
      )
      if (attempt({ ...now(), faults })) break
    }
  }
  const endMs = Math.max(0, ...now().faults.map((fault) => fault.begin.atMs + fault.forMs)) + healMarginMs
  if (endMs < now().chaosMs) attempt({ ...now(), chaosMs: endMs })
}
