// Several runbooks, one after another: those of one topology follow each other in one world. Each is a drill of its own.
import { exitCodes } from '#protocol/journal.ts'
import { messageOf } from '#runtime/message-of.ts'
import { renderTable } from './bench/distribution.ts'
import { formatMs } from './measure/objectives.ts'
import { renderSuites, suiteOf, type Suite } from './report/junit.ts'
import { figureOf, lostOf, restoredOf } from './report/figures.ts'
import type { DrillResult } from './run-drill.ts'
import type { LoadedRunbook } from './validate.ts'

/** What became of one runbook. Without a journal, the reason says why there was no drill. */
export interface Outcome {
  readonly loaded: LoadedRunbook
  readonly startedAt: string
  readonly tookMs: number
  readonly result: DrillResult | null
  readonly refused: string | null
}

export interface GameDay {
  /** In the order in which they are to be run. */
  readonly books: readonly LoadedRunbook[]
  /** One drill, in a world of the runbook's topology that is whole. @throws Error if there can't be one */
  readonly drill: (loaded: LoadedRunbook) => Promise<DrillResult>
  /** Ctrl-C: the drill that runs ends by itself; no other begins. */
  readonly signal: AbortSignal
  readonly ended: (outcome: Outcome) => void
}

/** Runbooks of one topology follow each other, so that a world is made anew as seldom as can be; else the order is kept. */
export function groupByTopology(books: readonly LoadedRunbook[]): readonly LoadedRunbook[] {
  const keyOf = (each: LoadedRunbook): string => JSON.stringify(each.runbook.topology)
  return [...Map.groupBy(books, keyOf).values()].flat()
}

export async function runGameDay({ books, drill, signal, ended }: GameDay): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (const loaded of books) {
    const begunMs = performance.now()
    const startedAt = new Date().toISOString()
    const done = signal.aborted
      ? { result: null, refused: 'not begun: the game day was interrupted' }
      : await drill(loaded)
          .then((result) => ({ result, refused: null }))
          .catch((error: unknown) => ({
            result: null,
            refused: messageOf(error),
          }))
    const outcome: Outcome = { loaded, startedAt, tookMs: performance.now() - begunMs, ...done }
    outcomes.push(outcome)
    ended(outcome)
  }
  return outcomes
}

/** From good to bad: what could not be run at all says least of the system, and is worst of all for who relies on it. */
const bySeverity = [exitCodes.pass, exitCodes.unknown, exitCodes.fail, 3]

export function worstExitCode(outcomes: readonly Outcome[]): number {
  const codes = outcomes.map((each) => each.result?.journal.exitCode ?? 3)
  return codes.reduce((worst, each) => (bySeverity.indexOf(each) > bySeverity.indexOf(worst) ? each : worst), 0)
}

export function renderSummary(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ loaded, tookMs, result }) => {
    const journal = result?.journal
    return [
      loaded.name,
      journal?.verdict ?? 'refused',
      ...(journal === undefined
        ? ['not measured', 'not measured', 'not measured']
        : [
            figureOf(journal, 'rto.firstWriteMs', journal.rto.firstWriteMs, formatMs).text,
            restoredOf(journal, 'rto', journal.rto, true).text,
            lostOf(journal, 'rpo', journal.rpo).text,
          ]),
      formatMs(tookMs),
    ]
  })
  const table = renderTable([['runbook', 'verdict', 'RTO first write', 'RTO restored', 'RPO', 'took'], ...rows])
  const folders = outcomes.flatMap(({ loaded, result, refused }) => {
    if (refused !== null) return [`  ${loaded.name}: ${refused}`]
    const why = result?.journal.interruption ?? null
    return [`  ${loaded.name}: ${result?.folder}${why === null ? '' : ` (ended early: ${why})`}`]
  })
  const totalMs = outcomes.reduce((sum, each) => sum + each.tookMs, 0)
  return [table, '', ...folders, '', `${outcomes.length} runbooks in ${formatMs(totalMs)}`].join('\n')
}

/** One suite for each; a drill that was refused has one failed case, so that no CI takes its absence for success. */
export function renderGameDayJunit(outcomes: readonly Outcome[]): string {
  return renderSuites(
    outcomes.map((each): Suite =>
      each.result === null
        ? {
            name: each.loaded.name,
            className: each.loaded.name,
            startedAt: each.startedAt,
            durationMs: each.tookMs,
            cases: [{ name: 'the drill ran', outcome: 'failed', message: each.refused ?? '' }],
          }
        : suiteOf(each.result.journal),
    ),
  )
}
