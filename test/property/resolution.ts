// Drills with one outage of which the length is known, at low and high rates: how far the figures lie from it, and what they say of that.
import { areas as allAreas } from '#protocol/sites.ts'
import { measure } from '#gameday/measure/measure.ts'
import { historyOf } from '../checker/generate-history.ts'
import { Draw, second, type HistoryPlan, type Outage } from '../checker/history-plan.ts'

export const outageMs = 1000
/** Operations per second, summed over the areas. */
export const rates = [1, 3, 4, 6, 10, 30, 100] as const
/** A generated client sends up to so long after the intended time, from which figures count. */
const sentLateMs = 1.06

/** Shares of reads, and how many areas there are: each rate is tried with all of them. */
const loads = [0, 0.5, 1].flatMap((reads) => [1, 3].map((areas) => ({ reads, areas })))

export interface Tried {
  readonly seed: number
  /** Null: unknown. */
  readonly figureMs: number | null
  readonly resolutionMs: number
  readonly errorMs: number
  /** What is wrong with it; null: nothing. */
  readonly wrong: string | null
}

/** One area must have enough operations after the outage, at any rate: the load goes on for as long as 30 of them take. */
function planOf(rate: number, reads: number, areaCount: number, seed: number): HistoryPlan {
  const draw = new Draw(seed, 20)
  const areas = allAreas.slice(0, areaCount)
  const t0 = Math.round(draw.between(4, 6) * second)
  const to = t0 + outageMs * 1e6
  const end = Math.round(to + Math.max(12, (30 * areaCount) / rate) * second)
  const mode = draw.one(['fail', 'hang'] as const)
  const outages: readonly Outage[] = areas.map((area) => ({ area, mode, writesOnly: false, from: t0, to }))
  const healAt = draw.chance(0.2) ? end + second : Math.round(draw.between(t0 + 0.5 * second, end))
  const fault = { id: 'outage', at: t0, background: false, healAt, endedAt: null }
  const changesEpoch = draw.chance(0.5)
  const before = { epoch: 1, region: 'a' as const, at: -second }
  return {
    seed,
    areas,
    rate,
    reads,
    successRate: 99,
    p99Ms: 500,
    timeout: 3 * second,
    end,
    causes: [{ kind: 'fault', t0, faults: [fault], outages, changesEpoch, isEndless: false }],
    background: [],
    epochs: changesEpoch ? [before, { epoch: 2, region: 'b', at: to }] : [before],
    grid: 1,
    noise: 0,
    isParallel: false,
    breakdown: null,
    aftermath: null,
  }
}

function wrongOf(
  figureMs: number | null,
  resolutionMs: number | null,
  stillOutMs: number | null,
  reason: string | undefined,
) {
  if (stillOutMs !== null) return `still out after ${stillOutMs} ms, and the outage ended after ${outageMs}`
  if (figureMs === null) return (reason ?? '') === '' ? 'unknown without a reason' : null
  if (resolutionMs === null) return 'a figure without a resolution'
  const errorMs = Math.abs(figureMs - outageMs)
  return errorMs <= resolutionMs + sentLateMs ? null : `${figureMs} ms, give or take ${resolutionMs}`
}

export function tryOutage(rate: number, seed: number): Tried {
  const load = loads[seed % loads.length] ?? { reads: 0.5, areas: 3 }
  const { record } = historyOf(planOf(rate, load.reads, load.areas, seed), new Set())
  const { incidents, unknown } = measure(record)
  const [incident] = incidents
  const place = `reads ${load.reads}, ${load.areas} areas, seed ${seed}`
  if (incident === undefined || incidents.length > 1)
    return {
      seed,
      figureMs: null,
      resolutionMs: 0,
      errorMs: 0,
      wrong: `${place}: ${incidents.length} incidents instead of one`,
    }
  const { restoredMs, resolutionMs, stillOutMs, areas } = incident
  const all = [
    wrongOf(restoredMs, resolutionMs, stillOutMs, unknown['incidents[0].restoredMs']),
    ...Object.entries(areas).map(([area, each]) =>
      wrongOf(each.restoredMs, each.resolutionMs, each.stillOutMs, unknown[`incidents[0].areas.${area}.restoredMs`]),
    ),
  ]
  const wrong = all.find((each) => each !== null) ?? null
  return {
    seed,
    figureMs: restoredMs,
    resolutionMs: resolutionMs ?? 0,
    errorMs: restoredMs === null ? 0 : Math.abs(restoredMs - outageMs),
    wrong: wrong === null ? null : `${place}: ${wrong}`,
  }
}

/** Seeds 1 to `count`. */
export function tryRate(rate: number, count: number): readonly Tried[] {
  return Array.from({ length: count }, (_, index) => tryOutage(rate, index + 1))
}
