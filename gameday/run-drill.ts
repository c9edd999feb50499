// One drill from steady state to report.
import type { Journal } from '#protocol/journal.ts'
import type { RunningWorld } from '#world/running-world.ts'
import type { LoadedRunbook } from './validate.ts'

/** How a drill tells people where it is. Everything goes to the terminal's error stream. */
export interface Progress {
  /** Runs `work` as one visible step; a note replaces the step's second line. */
  step<Result>(title: string, work: (note: (text: string) => void) => Promise<Result>): Promise<Result>
}

export interface DrillOptions {
  readonly world: RunningWorld
  readonly loaded: LoadedRunbook
  /** Where `<time>-<runbook>/` and `latest` are made, usually `drills`. */
  readonly drillsFolder: string
  readonly seed: number
  readonly progress: Progress
  /** Asked by `approve` steps; resolves to false for no. */
  readonly approve: (question: string) => Promise<boolean>
  /** Ctrl-C: the drill heals, stops its load, writes what it has, and resolves with verdict `unknown`. */
  readonly signal: AbortSignal
}

/** A drill that can't start: world not ready, other topology, other drill running. Exit code 3. */
export class DrillRefused extends Error {
  override readonly name = 'DrillRefused'
}

export interface DrillResult {
  readonly journal: Journal
  readonly folder: string
}

/** @throws DrillRefused before anything was changed; later failures are in the journal */
export async function runDrill(options: DrillOptions): Promise<DrillResult> {
  throw new DrillRefused(`drills are not built yet (world ${options.world.name})`)
}
