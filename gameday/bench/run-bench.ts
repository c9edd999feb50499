// `bench`: distributions from many short drills of one world, and figures of the world itself.
import type { RunningWorld } from '#world/running-world.ts'
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

export async function runBench(options: BenchOptions): Promise<BenchResult> {
  throw new Error(`bench ${options.kind} is not built yet`)
}
