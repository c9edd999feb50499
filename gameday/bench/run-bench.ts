// `bench`: distributions from many short drills of one world, and figures of the world itself.
import type { RunningWorld } from '#world/running-world.ts'
import { benchFailover } from './failover.ts'
import { benchFootprint } from './footprint.ts'
import { benchSteady } from './steady.ts'
import { benchWan } from './wan.ts'
import type { Progress } from '../progress.ts'

export const benchKinds = ['failover', 'steady', 'wan', 'footprint'] as const
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
  readonly drillsFolder: string
  /** Finished runs are kept here and not repeated; a file. */
  readonly stateFile: string
  readonly progress: Progress
  readonly signal: AbortSignal
}

export interface BenchResult {
  /** A table for people. */
  readonly screen: string
  readonly json: unknown
}

const benches: Readonly<Record<BenchKind, (options: BenchOptions) => Promise<BenchResult>>> = {
  failover: benchFailover,
  steady: benchSteady,
  wan: benchWan,
  footprint: benchFootprint,
}

export function runBench(options: BenchOptions): Promise<BenchResult> {
  return benches[options.kind](options)
}
