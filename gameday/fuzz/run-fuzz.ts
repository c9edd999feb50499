// A session of random drills of one world: draws each, runs it as any other drill, judges it, keeps what failed.
import type { Journal, Verdict } from '#protocol/journal.ts'
import type { CommitMode } from '#protocol/topology.ts'
import type { RunningWorld } from '#world/running-world.ts'
import type { Progress } from '../progress.ts'
import { bringHome, readyWorld } from '../ready-world.ts'
import { DrillRefused, runDrill } from '../run-drill.ts'
import { coverageOf, renderCoverage } from './coverage.ts'
import { drawRun, type Drawn } from './draw.ts'
import { highestEpochOf, judge, type Judgement } from './judge.ts'
import { dropDrill, keepDrill } from './keep-drill.ts'
import { describeRun, summaryOf } from './words.ts'

export interface FuzzOptions {
  readonly world: RunningWorld
  readonly seed: number
  /** Numbers of the runs, from 1. */
  readonly runs: readonly number[]
  readonly commit: CommitMode
  /** Where drills are recorded, and where those are moved that are kept. */
  readonly recordFolder: string
  readonly drillsFolder: string
  readonly keepAll: boolean
  /** A new world in the place of one that has shown a violation, or can't be made whole any more. */
  readonly remake: (why: string) => Promise<RunningWorld>
  readonly progress: Progress
  readonly print: (line: string) => void
  readonly signal: AbortSignal
}

/** One run and what it has shown. `folder` is null unless it is kept. */
export interface FuzzRun extends Judgement {
  readonly run: number
  readonly drawn: Drawn
  readonly verdict: Verdict
  readonly journal: Journal | null
  readonly tookMs: number
  readonly folder: string | null
}

export interface FuzzResult {
  readonly runs: readonly FuzzRun[]
  readonly verdict: Verdict
}

export async function runFuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { signal, print, runs, seed } = options
  const { home } = options.world.topology
  const beganMs = performance.now()
  const done: FuzzRun[] = []
  let world = await readyWorld(options.world, options)
  let epochKnown: number | null = null
  for (const run of runs) {
    if (signal.aborted) break
    const drawn = drawRun({ seed, run, commit: options.commit, home })
    const ended = await runOne({ ...options, world }, run, drawn, epochKnown)
    // What Ctrl-C has cut short is no run.
    if (signal.aborted) break
    done.push(ended)
    for (const line of describeRun(ended)) print(line)
    epochKnown = ended.journal === null ? epochKnown : (highestEpochOf(ended.journal) ?? epochKnown)
    if (ended.verdict === 'pass' || run === runs.at(-1)) continue
    // Whatever was wrong with this world must not be found again in the next run.
    world = await options.remake(`run ${run} ended as ${ended.verdict}`)
    epochKnown = null
  }
  const coverage = renderCoverage(coverageOf(done.map((each) => each.drawn)))
  const wallMs = performance.now() - beganMs
  for (const line of ['', coverage, '', ...summaryOf(done, runs.length, wallMs)]) print(line)
  return {
    runs: done,
    verdict: verdictOf(
      done.map((each) => each.verdict),
      done.length === runs.length,
    ),
  }
}

function verdictOf(verdicts: readonly Verdict[], complete: boolean): Verdict {
  if (verdicts.includes('fail')) return 'fail'
  return verdicts.includes('unknown') || !complete ? 'unknown' : 'pass'
}

/** One drill, and the way back to where the next one begins; a world that can't go it has failed. */
async function runOne(options: FuzzOptions, run: number, drawn: Drawn, epochKnown: number | null): Promise<FuzzRun> {
  const { world, progress, signal, seed } = options
  const loadSeed = (seed + run) % 2 ** 31
  const beganMs = performance.now()
  try {
    const { journal, folder } = await runDrill({
      world,
      loaded: { name: drawn.name, file: `${drawn.name}.yaml`, runbook: drawn.runbook },
      drillsFolder: options.recordFolder,
      seed: loadSeed,
      progress,
      approve: () => Promise.resolve(false),
      signal,
    })
    const stuck = await progress
      .step('Home is primary', (note) => bringHome(world, note, signal))
      .then(() => [])
      .catch((error: unknown) => [`home does not become primary again: ${messageOf(error)}`])
    const tookMs = performance.now() - beganMs
    const judged = judge(journal, tookMs, epochKnown)
    const violations = [...judged.violations, ...stuck]
    const verdict = violations.length > 0 ? 'fail' : judged.unknown.length > 0 ? 'unknown' : 'pass'
    const kept = verdict !== 'pass' || options.keepAll
    const replay = [
      `Drawn by ./firedrill fuzz --seed ${seed} --only ${run}${options.commit === 'quorum' ? '' : ` --commit ${options.commit}`}`,
      `Replay: ./firedrill run <this file> --seed ${loadSeed}`,
    ]
    if (!kept) await dropDrill(folder)
    const path = kept ? await keepDrill(folder, options.drillsFolder, drawn, replay) : null
    return { run, drawn, violations, unknown: judged.unknown, verdict, journal, tookMs, folder: path }
  } catch (error) {
    if (!(error instanceof DrillRefused)) throw error
    const tookMs = performance.now() - beganMs
    const unknown = [error.message]
    return { run, drawn, violations: [], unknown, verdict: 'unknown', journal: null, tookMs, folder: null }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
