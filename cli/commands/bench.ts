// `bench`: distributions from many short drills of one world, and figures of the world itself.
import { join } from 'node:path'
import { Argument, type Command } from 'commander'
import { benchKinds, type BenchKind, runBench } from '#gameday/bench/run-bench.ts'
import { parseDuration, topology as topologyShape } from '#protocol/topology.ts'
import { lockWorld } from '#world/busy-lock.ts'
import { checkout, stateFolder } from '#world/checkout.ts'
import { connectEngine } from '#world/docker-engine.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { bringUp } from '#world/up.ts'
import { drillProgress } from '../drill-progress.ts'
import { hostConfig, interruption, print, say, wholeNumber, worldOption } from '../shared.ts'
import { collect } from '../topology-options.ts'

interface BenchOptions {
  readonly world: string
  readonly runs: number
  readonly runbook: readonly string[]
  readonly duration: number
  readonly json?: true
}

export function registerBench(program: Command): void {
  program
    .command('bench')
    .description(
      'measure: failover (many drills), steady (false failovers), wan (delay and throughput), footprint (memory, CPU)',
    )
    .addArgument(new Argument('<kind>', 'what to measure').choices([...benchKinds]))
    .addOption(worldOption())
    .option('--runs <number>', 'failover: runs of each runbook', wholeNumber('--runs', 1, 1000), 10)
    .option('--runbook <name>', 'failover: only this one (repeatable)', collect, [])
    .option('--duration <time>', 'steady: how long, such as 10m', durationFrom, 600_000)
    .option('--json', 'print the figures as JSON')
    .addHelpText('after', '\nFinished runs are kept in .firedrill/bench; an interrupted bench goes on where it was.')
    .action(bench)
}

async function bench(kind: BenchKind, options: BenchOptions): Promise<void> {
  const config = hostConfig()
  const signal = interruption('healing what the bench has broken')
  await using _lock = await lockWorld(options.world, `bench ${kind}`, say)
  const engine = await connectEngine(config, say)
  const topology = topologyShape.parse({})
  await using world = await bringUp({ engine, config, world: options.world, topology, say, signal })
  const result = await runBench({
    kind,
    world,
    runs: options.runs,
    runbooks: options.runbook,
    durationMs: options.duration,
    drillsFolder: join(checkout, 'drills'),
    stateFile: join(stateFolder, 'bench', `${kind}-${options.world}.json`),
    progress: drillProgress,
    signal,
  })
  print(options.json === true ? JSON.stringify(result.json, null, 2) : result.screen)
}

function durationFrom(text: string): number {
  try {
    return parseDuration(text)
  } catch (error) {
    throw new EnvironmentError(`--duration: ${(error as Error).message}`, { cause: error })
  }
}
