// From measured figures to demands met or missed, checks passed or failed, and one verdict.
import type { Check, ObjectiveResult, StoreLoss, Verdict } from '#protocol/journal.ts'
import type { Objectives } from '#protocol/runbook.ts'

/** The figures that a runbook can demand something of. Null: not measured. */
export interface DemandedFigures {
  readonly firstWriteMs: number | null
  readonly restoredMs: number | null
  /** True if the load went on long enough after t0, and service did not come back: a miss, not an unknown. */
  readonly brokenToTheEnd: boolean
  readonly longestGapMs: number | null
  readonly failbackOutageMs: number | null
  readonly failbackFailed: number | null
  readonly stores: Readonly<Record<'postgres' | 'kafka' | 'redis', StoreLoss>>
}

/** `1.24 s`, `870 ms`; `not measured` for null. */
export function formatMs(value: number | null): string {
  if (value === null) return 'not measured'
  return Math.abs(value) < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(2)} s`
}

function atMost(
  name: string,
  demanded: number | undefined,
  measured: number | null,
  whenNull: 'missed' | 'unknown',
  format: (value: number | null) => string,
): readonly ObjectiveResult[] {
  if (demanded === undefined) return []
  const status = measured === null ? whenNull : measured <= demanded ? 'met' : 'missed'
  const text = measured === null && whenNull === 'missed' ? 'never within the drill' : format(measured)
  return [{ name, demanded: `at most ${format(demanded)}`, measured: text, status }]
}

/** `rpo: 0s` allows no loss at all; more allows losses whose oldest ack lies at most so long before t0. */
function rpo(demandedMs: number | undefined, stores: DemandedFigures['stores']): readonly ObjectiveResult[] {
  if (demandedMs === undefined) return []
  const results = Object.entries(stores).map(([name, { lostCount, windowMs }]) => {
    if (lostCount === null || (lostCount > 0 && windowMs === null))
      return { text: `${name} not measured`, status: 'unknown' as const }
    const met = lostCount === 0 || (demandedMs > 0 && (windowMs ?? 0) <= demandedMs)
    const text = lostCount === 0 ? `${name} 0` : `${name} ${lostCount} lost, ${formatMs(windowMs)}`
    return { text, status: met ? ('met' as const) : ('missed' as const) }
  })
  const status = (['missed', 'unknown', 'met'] as const).find((each) =>
    results.some((result) => result.status === each),
  )
  return [
    {
      name: 'rpo',
      demanded: demandedMs === 0 ? 'nothing acked is lost' : `at most ${formatMs(demandedMs)}`,
      measured: results.map((each) => each.text).join(', '),
      status: status ?? 'unknown',
    },
  ]
}

function lostWrites(demanded: number | undefined, lost: number | null): readonly ObjectiveResult[] {
  if (demanded === undefined) return []
  return [
    {
      name: 'lost-writes',
      demanded: `at least ${demanded} found`,
      measured: lost === null ? 'not measured' : String(lost),
      status: lost === null ? 'unknown' : lost >= demanded ? 'met' : 'missed',
    },
  ]
}

export function judgeObjectives(objectives: Objectives, figures: DemandedFigures): readonly ObjectiveResult[] {
  const never = figures.brokenToTheEnd ? 'missed' : 'unknown'
  const count = (value: number | null): string => (value === null ? 'not measured' : String(value))
  return [
    ...atMost('rto', objectives.rto, figures.restoredMs, never, formatMs),
    ...atMost('rto-first-write', objectives['rto-first-write'], figures.firstWriteMs, never, formatMs),
    ...rpo(objectives.rpo, figures.stores),
    ...lostWrites(objectives['lost-writes'], figures.stores.postgres.lostCount),
    ...atMost('longest-gap', objectives['longest-gap'], figures.longestGapMs, 'unknown', formatMs),
    ...atMost('failback-gap', objectives['failback-gap'], figures.failbackOutageMs, 'unknown', formatMs),
    ...atMost('failback-failed', objectives['failback-failed'], figures.failbackFailed, 'unknown', count),
  ]
}

/** A check that a figure is zero; `unknown` if it was not measured. */
export function mustBeZero(name: string, measured: number | null, what: string): Check {
  if (measured === null) return { name, status: 'unknown', reason: `${what}: not measured` }
  return { name, status: measured === 0 ? 'pass' : 'fail', reason: `${what}: ${measured}` }
}

/** One failure makes a drill fail; without one, anything unknown makes it unknown. */
export function verdictOf(objectives: readonly ObjectiveResult[], checks: readonly Check[]): Verdict {
  if (objectives.some((each) => each.status === 'missed') || checks.some((each) => each.status === 'fail'))
    return 'fail'
  if (objectives.some((each) => each.status === 'unknown') || checks.some((each) => each.status === 'unknown'))
    return 'unknown'
  return 'pass'
}
