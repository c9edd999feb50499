// Game days over time: mean and median time to restore (MTTR), RTO and RPO of each drill, oldest first. Pure.
import type { Journal } from '#protocol/journal.ts'
import { distribution, renderTable, type Distribution } from '../bench/distribution.ts'
import { formatMeasured, formatMs } from '../measure/objectives.ts'
import { notKnownText } from './compare.ts'
import { figureOf, lostOf, restoredOf } from './figures.ts'
import { shortened } from './words.ts'

interface PastDrill {
  readonly drill: string
  readonly startedAt: string
  readonly verdict: Journal['verdict']
  readonly firstWriteMs: number | null
  readonly restoredMs: number | null
  /** Of Postgres. */
  readonly lost: number | null
  /** As people read them, resolution and all. */
  readonly told: { readonly firstWrite: string; readonly restored: string; readonly lost: string }
  /** The first reason for which one of them is unknown; null: all are known. */
  readonly why: string | null
}

export interface History {
  readonly runbook: string
  readonly n: number
  readonly passed: number
  /** Of those drills in which service was restored. */
  readonly mttrMeanMs: number | null
  readonly restored: Distribution | null
  /** How many drills are not among them, and why: `1 unknown, 2 still out`; empty: none. */
  readonly notRestored: string
  readonly firstWrite: Distribution | null
  readonly lost: Distribution | null
  readonly drills: readonly PastDrill[]
}

function pastDrill(journal: Journal): PastDrill {
  const { rto, rpo } = journal
  const figures = {
    firstWrite: figureOf(journal, 'rto.firstWriteMs', rto.firstWriteMs, (value) =>
      formatMeasured(value, rto.firstWriteResolutionMs, 'lessShort'),
    ),
    restored: restoredOf(journal, 'rto', rto, true),
    lost: lostOf(journal, 'rpo', rpo),
  }
  return {
    drill: journal.drill,
    startedAt: journal.startedAt,
    verdict: journal.verdict,
    firstWriteMs: rto.firstWriteMs,
    restoredMs: rto.restoredMs,
    lost: rpo.postgres.lostCount,
    told: { firstWrite: figures.firstWrite.text, restored: figures.restored.text, lost: figures.lost.text },
    why: Object.values(figures).find(({ why }) => why !== null)?.why ?? null,
  }
}

/** One history for each runbook, by name. */
export function historiesOf(journals: readonly Journal[]): readonly History[] {
  const byRunbook = Map.groupBy(journals, ({ runbook }) => runbook)
  return [...byRunbook.keys()].toSorted().map((runbook) => {
    const own = (byRunbook.get(runbook) ?? []).toSorted(
      (left, right) => Date.parse(left.startedAt) - Date.parse(right.startedAt),
    )
    const drills = own.map(pastDrill)
    const restored = drills.flatMap(({ restoredMs }) => restoredMs ?? [])
    const without = own.filter(({ rto, t0 }) => rto.restoredMs === null && t0 !== null)
    const stillOut = without.filter(({ rto }) => rto.stillOutMs !== null).length
    return {
      runbook,
      n: drills.length,
      passed: drills.filter(({ verdict }) => verdict === 'pass').length,
      mttrMeanMs: restored.length === 0 ? null : restored.reduce((sum, each) => sum + each, 0) / restored.length,
      restored: distribution(drills.map((each) => each.restoredMs)),
      notRestored: notKnownText({ stillOut, unknown: without.length - stillOut }),
      firstWrite: distribution(drills.map((each) => each.firstWriteMs)),
      lost: distribution(drills.map((each) => each.lost)),
      drills,
    }
  })
}

/** One sign for each value, from the lowest to the highest; a dot where it is not known. */
export function sparkline(values: readonly (number | null)[]): string {
  const most = Math.max(...values.map((each) => each ?? 0), 1)
  return values.map((each) => (each === null ? '·' : '▁▂▃▄▅▆▇█'[Math.min(7, Math.floor((each / most) * 8))])).join('')
}

function mttrText({ mttrMeanMs, restored, notRestored }: History): string {
  const rest = notRestored === '' ? '' : `; ${notRestored} left out`
  if (mttrMeanMs === null || restored === null) return `MTTR unknown (n 0${rest})`
  return `MTTR mean ${formatMs(mttrMeanMs)}, median ${formatMs(restored.median)} (n ${restored.n}${rest})`
}

/** @param changed a sentence for each file that is not as its drill wrote it */
export function historyScreen(histories: readonly History[], changed: readonly string[] = []): string {
  const warnings = changed.map((each) => `! ${each}\n`).join('')
  const tables = histories
    .map((each) => {
      const rows = each.drills.map(({ startedAt, verdict, told, why }) => [
        `  ${startedAt.slice(0, 16).replace('T', ' ')}`,
        verdict,
        told.firstWrite,
        told.restored,
        told.lost,
        why === null ? '' : shortened(why),
      ])
      return [
        `${each.runbook}: n ${each.n}, ${each.passed} passed; ${mttrText(each)}`,
        `  restored  ${sparkline(each.drills.map(({ restoredMs }) => restoredMs))}`,
        renderTable([['  began (UTC)', 'verdict', 'first write', 'restored', 'lost', ''], ...rows]),
        '',
      ].join('\n')
    })
    .join('\n')
  return warnings === '' ? tables : `${warnings}\n${tables}`
}
