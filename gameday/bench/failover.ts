// Many short drills of one world: distributions of how long service was gone, and of what was lost.
import { withoutSuccess, type Journal } from '#protocol/journal.ts'
import type { Step } from '#protocol/runbook.ts'
import { messageOf } from '#runtime/message-of.ts'
import { readyWorld } from '../ready-world.ts'
import { notKnownText } from '../report/compare.ts'
import { reasonOf } from '../report/figures.ts'
import { many } from '../report/words.ts'
import { runDrill } from '../run-drill.ts'
import { loadRunbook, type LoadedRunbook } from '../validate.ts'
import { distribution, renderTable, type Distribution } from './distribution.ts'
import type { BenchOptions, BenchResult } from './run-bench.ts'
import { resumeState, writeState, type FinishedRun } from './state.ts'

const benchedRunbooks = ['region-loss', 'region-partition', 'region-freeze', 'postgres-crash', 'planned-switchover']

const firstHoldMs = 5000
/** Restored needs whole windows of 3 s after service is back. */
const outageHoldMs = 7000
const lastHoldMs = 3000

/** The same game day with short holds. */
export function shorten(method: readonly Step[]): readonly Step[] {
  return method.map((step, index) => {
    if (step.hold === undefined) return step
    const longest = index === 0 ? firstHoldMs : index === method.length - 1 ? lastHoldMs : outageHoldMs
    return { ...step, hold: Math.min(step.hold, longest) }
  })
}

/** Where the journal has the figures of a run. */
const paths = {
  firstWriteMs: 'rto.firstWriteMs',
  restoredMs: 'rto.restoredMs',
  longestGapMs: 'outage.longestMs',
  failbackGapMs: 'failback.outageMs',
  failbackFailed: 'failback.failed',
  lost: 'rpo.postgres.lostCount',
  splitBrain: 'splitBrain.count',
  failedRequests: 'requests.failed',
} as const

function unknownOf(journal: Journal): Readonly<Record<string, string>> {
  const reasons = Object.entries(paths).map(([key, path]) => [key, reasonOf(journal, path)] as const)
  return Object.fromEntries(reasons.filter(([, reason]) => reason !== null)) as Record<string, string>
}

export function figuresOf(journal: Journal, folder: string): FinishedRun {
  return {
    runbook: journal.runbook,
    folder,
    verdict: journal.verdict,
    why: [
      ...(journal.interruption === null ? [] : [journal.interruption]),
      ...journal.objectives.filter((each) => each.status !== 'met').map((each) => `${each.name} ${each.measured}`),
      ...journal.checks.filter((each) => each.status !== 'pass').map((each) => `${each.name}: ${each.reason}`),
    ].join('; '),
    firstWriteMs: journal.rto.firstWriteMs,
    restoredMs: journal.rto.restoredMs,
    longestGapMs: journal.outage.longestMs,
    failbackGapMs: journal.failback.outageMs,
    failbackFailed: journal.failback.failed,
    lost: journal.rpo.postgres.lostCount,
    splitBrain: journal.splitBrain.count,
    failedRequests: withoutSuccess(journal),
    tookMs: journal.durationMs,
    firstWriteResolutionMs: journal.rto.firstWriteResolutionMs,
    resolutionMs: journal.rto.resolutionMs,
    unknown: unknownOf(journal),
    stillOutMs: journal.rto.stillOutMs,
  }
}

/** A run that ended without a journal: it counts, and measured nothing. */
function brokenRun(runbook: string, error: unknown): FinishedRun {
  const why = `the drill broke: ${messageOf(error)}`
  return {
    runbook,
    folder: null,
    verdict: 'unknown',
    why: messageOf(error),
    firstWriteMs: null,
    restoredMs: null,
    longestGapMs: null,
    failbackGapMs: null,
    failbackFailed: null,
    lost: null,
    splitBrain: null,
    failedRequests: null,
    tookMs: null,
    firstWriteResolutionMs: null,
    resolutionMs: null,
    unknown: Object.fromEntries(Object.keys(paths).map((key) => [key, why])),
    stillOutMs: null,
  }
}

async function short(name: string): Promise<LoadedRunbook> {
  const loaded = await loadRunbook(name, { set: [], canApprove: false })
  return { ...loaded, runbook: { ...loaded.runbook, method: [...shorten(loaded.runbook.method)] } }
}

/** Runbooks take turns, so that what changes on the machine meanwhile touches all of them. */
export async function benchFailover(options: BenchOptions): Promise<BenchResult> {
  const { stateFile, signal } = options
  const names = options.runbooks.length > 0 ? options.runbooks : benchedRunbooks
  const books = await Promise.all(names.map(short))
  const images = [...new Set((await options.world.containers()).map((each) => each.image))].sort()
  const asked = { runs: options.runs, runbooks: books.map((each) => each.name), images }
  let finished = await resumeState(stateFile, asked)
  let { world } = options
  const save = (complete: boolean): Promise<void> =>
    writeState(stateFile, { asked, complete, runs: [...finished], figures: figures(finished, asked.runbooks) })
  for (let run = 0; run < options.runs; run += 1) {
    for (const loaded of books) {
      if (signal.aborted) return summary(finished, asked.runbooks)
      if (finished.filter((each) => each.runbook === loaded.name).length > run) continue
      world = await readyWorld(world, options)
      const ended = await runDrill({ ...options, world, loaded, seed: run + 1, approve: () => Promise.resolve(false) })
        .then(({ journal, folder }) => figuresOf(journal, folder))
        .catch((error: unknown) => brokenRun(loaded.name, error))
      // What Ctrl-C has cut short is no run.
      if (signal.aborted) return summary(finished, asked.runbooks)
      finished = [...finished, ended]
      await save(false)
    }
  }
  await save(true)
  return summary(finished, asked.runbooks)
}

const columns = [
  ['first write', 'firstWriteMs'],
  ['restored', 'restoredMs'],
  ['longest gap', 'longestGapMs'],
  ['failback gap', 'failbackGapMs'],
  ['failback failed', 'failbackFailed'],
  ['lost', 'lost'],
  ['split brain', 'splitBrain'],
  ['failed requests', 'failedRequests'],
  ['run took', 'tookMs'],
] as const

type Figures = Readonly<Record<string, Readonly<Record<string, Distribution | null>>>>

function figures(finished: readonly FinishedRun[], names: readonly string[]): Figures {
  return Object.fromEntries(
    names.map((name) => {
      const runs = finished.filter((each) => each.runbook === name)
      return [name, Object.fromEntries(columns.map(([, key]) => [key, distribution(runs.map((each) => each[key]))]))]
    }),
  )
}

/** What is not in n: `2 unknown, 1 still out`. */
function notInN(runs: readonly FinishedRun[], key: (typeof columns)[number][1]): string {
  const stillOut = key === 'restoredMs' ? runs.filter((each) => each.stillOutMs !== null).length : 0
  return notKnownText({ stillOut, unknown: runs.filter((each) => each.unknown[key] !== undefined).length })
}

const mostReasons = 10

/** Each reason once, with the figures that it made unknown and in how many runs. */
function reasonLines(finished: readonly FinishedRun[]): readonly string[] {
  const titles = new Map<string, string>(columns.map(([title, key]) => [key, title]))
  const all = finished.flatMap((run) => Object.entries(run.unknown).map(([key, reason]) => ({ run, key, reason })))
  const byReason = [...Map.groupBy(all, ({ reason }) => reason)]
  const lines = byReason.map(([reason, found]) => {
    const figures = [...new Set(found.map(({ key }) => titles.get(key) ?? key))].join(', ')
    return `unknown in ${many(new Set(found.map(({ run }) => run)).size, 'run')}: ${figures}: ${reason}`
  })
  const rest = lines.length - mostReasons
  return [...lines.slice(0, mostReasons), ...(rest > 0 ? [`and ${many(rest, 'more reason')}`] : [])]
}

function tableOf(finished: readonly FinishedRun[], names: readonly string[], seen: Figures): string {
  const rows = names.flatMap((name) => {
    const runs = finished.filter((each) => each.runbook === name)
    const passed = runs.filter((each) => each.verdict === 'pass').length
    return columns.map(([title, key], index) => {
      const of = seen[name]?.[key] ?? null
      const unit = key.endsWith('Ms') ? ' ms' : ''
      const cells =
        of === null
          ? ['0', '-', '-', '-']
          : [String(of.n), ...[of.min, of.median, of.max].map((each) => `${Math.round(each)}${unit}`)]
      return [index === 0 ? `${name} (${passed} of ${runs.length} passed)` : '', title, ...cells, notInN(runs, key)]
    })
  })
  return renderTable([['runbook', 'figure', 'n', 'min', 'median', 'max', 'not in n'], ...rows])
}

export function summary(finished: readonly FinishedRun[], names: readonly string[]): BenchResult {
  const seen = figures(finished, names)
  const troubles = finished
    .filter((each) => each.verdict !== 'pass')
    .map((each) => `${each.verdict}  ${each.runbook}: ${each.why}${each.folder === null ? '' : ` (${each.folder})`}`)
  const lines = [...troubles, ...reasonLines(finished)]
  const verdicts = finished.map((each) => each.verdict)
  return {
    screen: [tableOf(finished, names, seen), ...(lines.length === 0 ? [] : ['', ...lines])].join('\n'),
    json: { figures: seen, runs: finished },
    verdict: verdicts.find((each) => each === 'fail') ?? verdicts.find((each) => each === 'unknown') ?? 'pass',
  }
}
