// From measured figures to demands met or missed, checks passed or failed, and one verdict.
import type { Check, IncidentCause, ObjectiveResult, StoreLoss, Verdict } from '#protocol/journal.ts'
import type { Objectives } from '#protocol/runbook.ts'
import { isWorse, judgeTiming, resolutionOf, type Judged, type Timing } from './timing.ts'

/** A count, or why it is unknown and what was found all the same. */
export interface Counted {
  readonly count: number | null
  readonly atLeast: number
  readonly unknown: string | null
}

export interface DemandedStore extends StoreLoss {
  readonly atLeast: number
  readonly unknown: string | null
}

/** An incident as objectives see it. */
export interface DemandedIncident {
  readonly id: string
  readonly cause: IncidentCause
  readonly refused: boolean
  readonly firstWrite: Timing
  /** Of each area: one that surely missed decides, whatever is unknown of the others. */
  readonly restored: readonly Timing[]
  readonly gap: Timing
  readonly failed: Counted
  /** What somebody else did to the world while it lasted: what is missed may be that one's doing. Null: nothing. */
  readonly disturbedBy: string | null
}

/** The figures that a runbook can demand something of. */
export interface DemandedFigures {
  readonly incidents: readonly DemandedIncident[]
  readonly longestGap: Timing
  /** As of an incident. */
  readonly longestGapDisturbedBy: string | null
  readonly stores: Readonly<Record<'postgres' | 'kafka' | 'redis', DemandedStore>>
  /** Mean time between operations of the area with the fewest, ms: what a load must be for a figure to be told. */
  readonly meanGapMs: number | null
}

/** `1.24 s`, `870 ms`; `not measured` for null. */
export function formatMs(value: number | null): string {
  if (value === null) return 'not measured'
  return Math.abs(value) < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(2)} s`
}

/** What stands around a doubt. A first write and a gap can only be less than what was seen. */
const doubtWords = {
  eitherWay: [', give or take ', ''],
  eitherWayShort: [' ± ', ''],
  less: [', or up to ', ' less'],
  lessShort: [' (-', ')'],
} as const

/** `1.90 s, give or take 0.04 s`: how far it may be from the truth, as the load is not continuous. */
export function formatMeasured(
  ms: number,
  resolutionMs: number | null,
  doubt: keyof typeof doubtWords = 'eitherWay',
): string {
  if (resolutionMs === null || resolutionMs < 0.5) return formatMs(ms)
  // In one unit, so that both are compared at a look.
  const inSeconds = Math.abs(ms) >= 1000 && resolutionMs >= 10
  const [before, after] = doubtWords[doubt]
  return `${formatMs(ms)}${before}${inSeconds ? `${(resolutionMs / 1000).toFixed(2)} s` : formatMs(resolutionMs)}${after}`
}

/** The same of an interval, or why there is none; the doubt only where it can be seen in the figure. */
export function formatTiming(timing: Timing): string {
  const { ms, highMs, stillOutMs, unknown } = timing
  if (unknown !== null) return `unknown: ${unknown}`
  if (ms === null) return `still out when the load ended, after ${formatMs(stillOutMs)}`
  const doubtMs = resolutionOf(timing) ?? 0
  return formatMeasured(ms, doubtMs < ms / 100 ? null : doubtMs, highMs > ms ? 'eitherWay' : 'less')
}

const worstJudged = (all: readonly Judged[]): Judged =>
  (['missed', 'unknown', 'met'] as const).find((each) => all.includes(each)) ?? 'unknown'

interface Judging {
  readonly id: string
  readonly status: Judged
  readonly text: string
}

/** Met is met, whatever somebody else did meanwhile. */
function unlessDisturbed(judging: Judging, disturbedBy: string | null): Judging {
  if (judging.status !== 'missed' || disturbedBy === null) return judging
  return { ...judging, status: 'unknown', text: `${judging.text}, but not by this drill: ${disturbedBy}` }
}

function judged(id: string, timings: readonly Timing[], demandedMs: number, meanGapMs: number | null): Judging {
  const status = worstJudged(timings.map((each) => judgeTiming(each, demandedMs)))
  const ofStatus = timings.filter((each) => judgeTiming(each, demandedMs) === status)
  const worst = ofStatus.reduce((left, right) => (isWorse(right, left) ? right : left), ofStatus[0] as Timing)
  const isDoubt = status === 'unknown' && worst.ms !== null
  const rate = meanGapMs === null ? null : Math.ceil((1000 / meanGapMs) * 3)
  const doubt = isDoubt
    ? `: too few operations to tell${rate === null ? '' : `, say a load.rate that makes ${rate}/s or more from each area`}`
    : ''
  return { id, status, text: `${formatTiming(worst)}${doubt}` }
}

function headline(name: string, demanded: string, all: readonly Judging[], none: string): ObjectiveResult {
  const status = worstJudged(all.map((each) => each.status))
  const worst = all.find((each) => each.status === status)
  return {
    name,
    demanded,
    measured:
      worst === undefined ? `not measured: ${none}` : all.length === 1 ? worst.text : `${worst.text} (${worst.id})`,
    status,
    incidents: all.map(({ id, status: each, text }) => ({ id, measured: text, status: each })),
  }
}

/** The worst first, so that it is the one that is told. */
function worstFirst(all: readonly Judging[], of: (id: string) => Timing): readonly Judging[] {
  return all.toSorted((left, right) =>
    isWorse(of(left.id), of(right.id)) ? -1 : isWorse(of(right.id), of(left.id)) ? 1 : 0,
  )
}

function timed(
  name: string,
  demandedMs: number | undefined,
  incidents: readonly DemandedIncident[],
  of: (incident: DemandedIncident) => readonly Timing[],
  { none, meanGapMs }: { readonly none: string; readonly meanGapMs: number | null },
): readonly ObjectiveResult[] {
  if (demandedMs === undefined) return []
  const worstOfId = new Map(
    incidents.map(
      (each) => [each.id, of(each).reduce((left, right) => (isWorse(right, left) ? right : left))] as const,
    ),
  )
  const all = incidents.map((each) =>
    each.refused && each.cause === 'failback'
      ? { id: each.id, status: 'unknown' as const, text: 'unknown: the order was refused' }
      : unlessDisturbed(judged(each.id, of(each), demandedMs, meanGapMs), each.disturbedBy),
  )
  const sorted = worstFirst(all, (id) => worstOfId.get(id) as Timing)
  return [headline(name, `at most ${formatMs(demandedMs)}`, sorted, none)]
}

function countWords({ count, atLeast, unknown }: Counted): string {
  if (count !== null) return String(count)
  return `unknown: ${unknown ?? 'not measured'}${atLeast > 0 ? `; at least ${atLeast}` : ''}`
}

function judgeCount({ count, atLeast }: Counted, most: number): Judged {
  if (count !== null) return count <= most ? 'met' : 'missed'
  return atLeast > most ? 'missed' : 'unknown'
}

function counted(
  name: string,
  most: number | undefined,
  incidents: readonly DemandedIncident[],
  none: string,
): readonly ObjectiveResult[] {
  if (most === undefined) return []
  const found = ({ failed }: DemandedIncident): number => failed.count ?? failed.atLeast
  const all = incidents
    .toSorted((left, right) => found(right) - found(left))
    .map(({ id, refused, failed, disturbedBy }): Judging =>
      refused
        ? { id, status: 'unknown', text: 'unknown: the order was refused' }
        : unlessDisturbed({ id, status: judgeCount(failed, most), text: countWords(failed) }, disturbedBy),
    )
  return [headline(name, `at most ${most}`, all, none)]
}

/** `rpo: 0s` allows no loss at all; more allows losses whose oldest ack lies at most so long before t0. */
function rpo(demandedMs: number | undefined, stores: DemandedFigures['stores']): readonly ObjectiveResult[] {
  if (demandedMs === undefined) return []
  const results = Object.entries(stores).map(([name, { lostCount, windowMs, atLeast, unknown }]) => {
    if (lostCount === null) {
      const found = atLeast > 0 ? `, at least ${atLeast} lost` : ''
      const status = atLeast > 0 && demandedMs === 0 ? ('missed' as const) : ('unknown' as const)
      return { text: `${name} unknown (${unknown ?? 'not measured'})${found}`, status }
    }
    if (lostCount > 0 && windowMs === null)
      return {
        text: `${name} ${lostCount} lost, in no incident`,
        status: demandedMs === 0 ? ('missed' as const) : ('unknown' as const),
      }
    const met = lostCount === 0 || (demandedMs > 0 && (windowMs ?? 0) <= demandedMs)
    const text = lostCount === 0 ? `${name} 0` : `${name} ${lostCount} lost, ${formatMs(windowMs)}`
    return { text, status: met ? ('met' as const) : ('missed' as const) }
  })
  // One reason for all of them is told once.
  const reasons = new Set(Object.values(stores).map((each) => (each.lostCount === null ? each.unknown : undefined)))
  const [reason] = reasons
  const isAlike =
    reasons.size === 1 && reason !== undefined && Object.values(stores).every((each) => each.atLeast === 0)
  return [
    {
      name: 'rpo',
      demanded: demandedMs === 0 ? 'nothing acked is lost' : `at most ${formatMs(demandedMs)}`,
      measured: isAlike
        ? `${Object.keys(stores).join(', ')} unknown: ${reason ?? 'not measured'}`
        : results.map((each) => each.text).join(', '),
      status: worstJudged(results.map((each) => each.status)),
      incidents: [],
    },
  ]
}

function lostWrites(
  demanded: number | undefined,
  { lostCount, atLeast, unknown }: DemandedStore,
): readonly ObjectiveResult[] {
  if (demanded === undefined) return []
  const found = Math.max(lostCount ?? 0, atLeast)
  return [
    {
      name: 'lost-writes',
      demanded: `at least ${demanded} found`,
      measured: lostCount === null ? `unknown: ${unknown ?? 'not measured'}; at least ${found}` : String(lostCount),
      status: found >= demanded ? 'met' : lostCount === null ? 'unknown' : 'missed',
      incidents: [],
    },
  ]
}

/** Objectives of outages are judged for all incidents but failbacks, which have their own, and what somebody else did. */
export function isOfDrill(cause: IncidentCause): boolean {
  return cause !== 'failback' && cause !== 'outside'
}

export function judgeObjectives(objectives: Objectives, figures: DemandedFigures): readonly ObjectiveResult[] {
  const { incidents, meanGapMs, longestGap, longestGapDisturbedBy, stores } = figures
  const failbacks = incidents.filter(({ cause }) => cause === 'failback')
  const others = incidents.filter(({ cause }) => isOfDrill(cause))
  const noOther = { none: 'there was no fault, switchover or failover', meanGapMs }
  const noFailback = { none: 'there was no failback', meanGapMs }
  const whole: DemandedIncident[] = [
    {
      id: 'drill',
      cause: 'fault',
      refused: false,
      firstWrite: longestGap,
      restored: [longestGap],
      gap: longestGap,
      failed: { count: null, atLeast: 0, unknown: null },
      disturbedBy: longestGapDisturbedBy,
    },
  ]
  return [
    ...timed('rto', objectives.rto, others, ({ restored }) => restored, noOther),
    ...timed('rto-first-write', objectives['rto-first-write'], others, ({ firstWrite }) => [firstWrite], noOther),
    ...rpo(objectives.rpo, stores),
    ...lostWrites(objectives['lost-writes'], stores.postgres),
    ...timed('longest-gap', objectives['longest-gap'], whole, ({ gap }) => [gap], { none: '', meanGapMs }).map(
      (each) => ({
        ...each,
        incidents: [],
      }),
    ),
    ...timed('failback-gap', objectives['failback-gap'], failbacks, ({ gap }) => [gap], noFailback),
    ...counted('failback-failed', objectives['failback-failed'], failbacks, noFailback.none),
  ]
}

/** A check that a figure is zero; `unknown` if it was not measured. */
export function mustBeZero(name: string, measured: number | null, what: string): Check {
  if (measured === null) return { name, status: 'unknown', reason: `${what}: not measured` }
  return { name, status: measured === 0 ? 'pass' : 'fail', reason: `${what}: ${measured}` }
}

/** The same of a count that may be unknown: what was found all the same fails it. */
export function mustBeNone(name: string, counted: Counted, what: string): Check {
  const { count, atLeast, unknown } = counted
  if (count !== null) return mustBeZero(name, count, what)
  const status = atLeast > 0 ? 'fail' : 'unknown'
  return { name, status, reason: `${what}: ${countWords({ count, atLeast, unknown })}` }
}

/** One failure makes a drill fail; without one, anything unknown makes it unknown. */
export function verdictOf(objectives: readonly ObjectiveResult[], checks: readonly Check[]): Verdict {
  if (objectives.some((each) => each.status === 'missed') || checks.some((each) => each.status === 'fail'))
    return 'fail'
  if (objectives.some((each) => each.status === 'unknown') || checks.some((each) => each.status === 'unknown'))
    return 'unknown'
  return 'pass'
}
