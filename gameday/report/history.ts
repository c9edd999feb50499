// Game days over time: mean and median time to restore (MTTR), RTO and RPO of each drill, oldest first. Pure.
import type { Journal } from '#protocol/journal.ts'
import { distribution, renderTable, type Distribution } from '../bench/distribution.ts'
import { formatMs } from '../measure/objectives.ts'
import { recoveryTime } from './words.ts'

export interface History {
  readonly runbook: string
  readonly n: number
  readonly passed: number
  /** Of those drills in which service was restored. */
  readonly mttrMeanMs: number | null
  readonly restored: Distribution | null
  readonly firstWrite: Distribution | null
  readonly lost: Distribution | null
  readonly drills: readonly {
    readonly drill: string
    readonly startedAt: string
    readonly verdict: Journal['verdict']
    readonly firstWriteMs: number | null
    readonly restoredMs: number | null
    readonly lost: number | null
  }[]
}

/** One history for each runbook, by name. */
export function historiesOf(journals: readonly Journal[]): readonly History[] {
  const byRunbook = Map.groupBy(journals, ({ runbook }) => runbook)
  const names = [...byRunbook.keys()].toSorted()
  return names.map((runbook) => {
    const drills = (byRunbook.get(runbook) ?? [])
      .toSorted((left, right) => Date.parse(left.startedAt) - Date.parse(right.startedAt))
      .map((each) => ({
        drill: each.drill,
        startedAt: each.startedAt,
        verdict: each.verdict,
        firstWriteMs: each.rto.firstWriteMs,
        restoredMs: each.rto.restoredMs,
        lost: each.rpo.postgres.lostCount,
      }))
    const restored = drills.flatMap(({ restoredMs }) => restoredMs ?? [])
    return {
      runbook,
      n: drills.length,
      passed: drills.filter(({ verdict }) => verdict === 'pass').length,
      mttrMeanMs: restored.length === 0 ? null : restored.reduce((sum, each) => sum + each, 0) / restored.length,
      restored: distribution(drills.map((each) => each.restoredMs)),
      firstWrite: distribution(drills.map((each) => each.firstWriteMs)),
      lost: distribution(drills.map((each) => each.lost)),
      drills,
    }
  })
}

/** One sign for each value, from the lowest to the highest; a dot where nothing was measured. */
export function sparkline(values: readonly (number | null)[]): string {
  const most = Math.max(...values.map((each) => each ?? 0), 1)
  return values.map((each) => (each === null ? '·' : '▁▂▃▄▅▆▇█'[Math.min(7, Math.floor((each / most) * 8))])).join('')
}

export function historyScreen(histories: readonly History[]): string {
  return histories
    .map((each) => {
      const rows = each.drills.map((drill) => [
        `  ${drill.startedAt.slice(0, 16).replace('T', ' ')}`,
        drill.verdict,
        recoveryTime(drill.firstWriteMs),
        recoveryTime(drill.restoredMs),
        drill.lost === null ? 'not measured' : String(drill.lost),
      ])
      return [
        `${each.runbook}: n ${each.n}, ${each.passed} passed; MTTR mean ${formatMs(each.mttrMeanMs)}, median ${formatMs(each.restored?.median ?? null)} (n ${each.restored?.n ?? 0})`,
        `  restored  ${sparkline(each.drills.map(({ restoredMs }) => restoredMs))}`,
        renderTable([['  began (UTC)', 'verdict', 'first write', 'restored', 'lost'], ...rows]),
        '',
      ].join('\n')
    })
    .join('\n')
}
