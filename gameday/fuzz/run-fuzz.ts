// A session of random drills of one world: draws each, runs it as any other drill, judges it, keeps what failed.
import type { Journal, Verdict } from '#protocol/journal.ts'
import type { CommitMode } from '#protocol/topology.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { messageOf } from '#runtime/message-of.ts'
import type { Progress } from '../progress.ts'
import { bringHome, readyWorld } from '../ready-world.ts'
import { DrillRefused, runDrill, type DrillOptions, type DrillResult } from '../run-drill.ts'
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

/** What a session does to a world; tests have one of their own. */
export interface Rig {
  ready(world: RunningWorld, options: FuzzOptions): Promise<RunningWorld>
  drill(options: DrillOptions): Promise<DrillResult>
  bringHome(world: RunningWorld, note: (text: string) => void, signal: AbortSignal): Promise<void>
}

const realRig: Rig = { ready: readyWorld, drill: runDrill, bringHome }

export async function runFuzz(options: FuzzOptions, rig: Rig = realRig): Promise<FuzzResult> {
  const { signal, print, runs, seed } = options
  const { home } = options.world.topology
  const beganMs = performance.now()
  const done: FuzzRun[] = []
  let world = await rig.ready(options.world, options)
  let epochKnown: number | null = null
  for (const run of runs) {
    if (signal.aborted) break
    const drawn = drawRun({ seed, run, commit: options.commit, home })
    const ended = await runOne({ ...options, world }, rig, { run, drawn, epochKnown })
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

interface Task {
  readonly run: number
  readonly drawn: Drawn
  readonly epochKnown: number | null
}

/** One drill, and the way back to where the next one begins; a world that can't go it has failed. */
async function runOne(options: FuzzOptions, rig: Rig, { run, drawn, epochKnown }: Task): Promise<FuzzRun> {
  const { world, progress, signal } = options
  const beganMs = performance.now()
  const ended = await rig
    .drill({
      world,
      loaded: { name: drawn.name, file: `${drawn.name}.yaml`, runbook: drawn.runbook },
      drillsFolder: options.recordFolder,
      seed: loadSeedOf(options.seed, run),
      progress,
      approve: () => Promise.resolve(false),
      signal,
    })
    .catch((error: unknown) => {
      if (error instanceof DrillRefused) return error
      throw error
    })
  const tookMs = (): number => performance.now() - beganMs
  const start = { run, drawn, violations: [], journal: null, folder: null }
  if (ended instanceof DrillRefused) return { ...start, unknown: [ended.message], verdict: 'unknown', tookMs: tookMs() }
  const stuck = await progress
    .step('Home is primary', (note) => rig.bringHome(world, note, signal))
    .then(() => [])
    .catch((error: unknown) => [`home does not become primary again: ${messageOf(error)}`])
  const judged = judge(ended.journal, tookMs(), epochKnown)
  const violations = [...judged.violations, ...stuck]
  const verdict = violations.length > 0 ? 'fail' : judged.unknown.length > 0 ? 'unknown' : 'pass'
  const folder = await put(ended.folder, verdict, options, { run, drawn, epochKnown })
  return { ...start, journal: ended.journal, violations, unknown: judged.unknown, verdict, tookMs: tookMs(), folder }
}

function loadSeedOf(seed: number, run: number): number {
  return (seed + run) % 2 ** 31
}

/** @returns where the drill's folder is now; null: it is gone, since nothing was wrong */
async function put(
  folder: string,
  verdict: Verdict,
  options: FuzzOptions,
  { run, drawn }: Task,
): Promise<string | null> {
  const { seed, commit, signal } = options
  if (signal.aborted || (verdict === 'pass' && !options.keepAll)) {
    await dropDrill(folder)
    return null
  }
  const mode = commit === 'quorum' ? '' : ` --commit ${commit}`
  return keepDrill(folder, options.drillsFolder, drawn, [
    `Drawn by ./firedrill fuzz --seed ${seed} --only ${run}${mode}`,
    `Replay: ./firedrill run <this file> --seed ${loadSeedOf(seed, run)}`,
  ])
}
