// `bench`: distributions from many short drills of one world, and figures of the world itself.
import type { Verdict } from '#protocol/journal.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { benchFailover } from './failover.ts'
import { benchFootprint } from './footprint.ts'
import { benchGuard } from './guard.ts'
import { benchSteady } from './steady.ts'
import { benchWan } from './wan.ts'
import type { Progress } from '../progress.ts'

export const benchKinds = ['failover', 'steady', 'wan', 'footprint', 'guard'] as const
export type BenchKind = (typeof benchKinds)[number]

export interface BenchOptions {
  readonly kind: BenchKind
  readonly world: RunningWorld
  /** failover: runs of each runbook. */
  readonly runs: number
  /** failover: which runbooks; empty for all five. */
  readonly runbooks: readonly string[]
  /** steady: how long, ms. */
  readonly durationMs: number
  /** guard: which kinds of faults; empty for all. */
  readonly kinds: readonly string[]
  readonly drillsFolder: string
  /** failover: finished runs are kept in this file, and those of an interrupted bench are not repeated. */
  readonly stateFile: string
  /** A new world in the place of one that can't be made whole any more. */
  readonly remake: (why: string) => Promise<RunningWorld>
  readonly progress: Progress
  readonly signal: AbortSignal
}

export interface BenchResult {
  /** A table for people. */
  readonly screen: string
  readonly json: unknown
  /** `pass` where nothing is judged. */
  readonly verdict: Verdict
}

const benches: Readonly<Record<BenchKind, (options: BenchOptions) => Promise<BenchResult>>> = {
  failover: benchFailover,
  steady: benchSteady,
  wan: benchWan,
  footprint: benchFootprint,
  guard: benchGuard,
}

export function runBench(options: BenchOptions): Promise<BenchResult> {
  return benches[options.kind](options)
}
