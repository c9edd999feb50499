// `bench`: distributions from many short drills of one world, and figures of the world itself.
import { join } from 'node:path'
import { Argument, type Command, Option } from 'commander'
import { benchKinds, type BenchKind, runBench } from '#gameday/bench/run-bench.ts'
import { loadRunbook } from '#gameday/validate.ts'
import { guardTopology } from '#gameday/bench/guard.ts'
import { faultKinds } from '#protocol/faults.ts'
import { exitCodes } from '#protocol/journal.ts'
import { topology as topologyShape } from '#protocol/topology.ts'
import { parseDuration } from '#protocol/values.ts'
import { lockWorld } from '#world/busy-lock.ts'
import { checkout, stateFolder } from '#world/checkout.ts'
import { connectEngine } from '#world/docker-engine.ts'
import type { DockerWorld } from '#world/docker-world.ts'
import { removeWorld } from '#world/down.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { bringUp } from '#world/up.ts'
import { drillProgress } from '../drill-progress.ts'
import { seeToGuard } from '../guard.ts'
import { hostConfig, interruption, print, say, wholeNumber, worldOption } from '../shared.ts'
import { collect } from '../topology-options.ts'

interface BenchOptions {
  readonly world: string
  readonly runs: number
  readonly runbook: readonly string[]
  readonly duration: number
  readonly kind: readonly string[]
  readonly json?: true
}

export function registerBench(program: Command): void {
  program
    .command('bench')
    .description(
      'measure: failover (many drills), steady (false failovers), wan (delay and throughput), footprint (memory, CPU), guard (how soon it heals what a killed drill left)',
    )
    .addArgument(new Argument('<kind>', 'what to measure').choices([...benchKinds]))
    .addOption(worldOption())
    .option('--runs <number>', 'failover: runs of each runbook', wholeNumber('--runs', 1, 1000), 10)
    .option('--runbook <name>', 'failover: only this one (repeatable)', collect, [])
    .option('--duration <time>', 'steady: how long, such as 10m', durationFrom, 600_000)
    .addOption(
      new Option('--kind <fault>', 'guard: only this one (repeatable)').argParser(faultKindFrom).default([], 'all'),
    )
    .option('--json', 'print the figures as JSON')
    .addHelpText(
      'after',
      '\nAn interrupted failover bench goes on where it was, if the same is asked again of the same images. Exit code: 0 all passed, 1 one failed, 2 one unknown, 3 usage or environment.',
    )
    .action(bench)
}

async function bench(kind: BenchKind, options: BenchOptions): Promise<void> {
  const config = hostConfig()
  // A wrong name is told before a world is brought up for it.
  for (const name of options.runbook) await loadRunbook(name, { set: [], canApprove: false })
  const interrupted = interruption('healing what the bench has broken')
  const engine = await connectEngine(config, say)
  await using lock = await lockWorld({ docker: engine.docker, world: options.world, doing: `bench ${kind}`, say })
  const signal = AbortSignal.any([interrupted, lock.lost])
  const topology = topologyShape.parse(kind === 'guard' ? guardTopology : {})
  const bring = async (): Promise<DockerWorld> => {
    const world = await bringUp({ engine, config, world: options.world, topology, say, signal: interrupted, lock })
    await seeToGuard(engine, options.world, { injects: lock })
    return world
  }
  await using worlds = new AsyncDisposableStack()
  const stateFile = join(stateFolder, 'bench', `${kind}-${options.world}.json`)
  const world = worlds.use(await bring())
  // Its drills are processes of their own, and take the lock themselves.
  if (kind === 'guard') await lock.release()
  const result = await runBench({
    kind,
    world,
    remake: async (why) => {
      say(`world ${options.world} is made anew: ${why}`)
      await lock.claim()
      await removeWorld(engine.docker, options.world)
      const remade = worlds.use(await bring())
      if (kind === 'guard') await lock.release()
      return remade
    },
    runs: options.runs,
    runbooks: options.runbook,
    durationMs: options.duration,
    kinds: options.kind,
    drillsFolder: join(checkout, 'drills'),
    stateFile,
    progress: drillProgress,
    signal,
  })
  print(options.json === true ? JSON.stringify(result.json, null, 2) : result.screen)
  if (kind === 'failover') say(`every run, with its drill's folder: ${stateFile}`)
  process.exitCode = signal.aborted ? exitCodes.unknown : exitCodes[result.verdict]
}

function faultKindFrom(text: string, previous: readonly string[]): readonly string[] {
  if (!faultKinds.some((each) => each === text))
    throw new EnvironmentError(`--kind: expected one of ${faultKinds.join(', ')}, saw ${JSON.stringify(text)}`)
  return [...previous, text]
}

function durationFrom(text: string): number {
  try {
    return parseDuration(text)
  } catch (error) {
    throw new EnvironmentError(`--duration: ${(error as Error).message}`, { cause: error })
  }
}
