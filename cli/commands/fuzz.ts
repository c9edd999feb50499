// `fuzz`: random faults and orders on a running world under load, with all checks; what fails leaves its drill's folder.
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { drawRun } from '#gameday/fuzz/draw.ts'
import { longestRunMs } from '#gameday/fuzz/judge.ts'
import { runFuzz } from '#gameday/fuzz/run-fuzz.ts'
import type { Progress } from '#gameday/progress.ts'
import { exitCodes } from '#protocol/journal.ts'
import { type CommitMode, commitModes, topology as topologyShape } from '#protocol/topology.ts'
import { lockWorld, type WorldLock } from '#world/busy-lock.ts'
import { checkout, stateFolder } from '#world/checkout.ts'
import { connectEngine, type Engine } from '#world/docker-engine.ts'
import type { DockerWorld } from '#world/docker-world.ts'
import { removeWorld } from '#world/down.ts'
import { endGuard, forgetGuard } from '#world/guard-files.ts'
import { bringUp } from '#world/up.ts'
import { listWorlds } from '#world/world-containers.ts'
import { drillProgress } from '../drill-progress.ts'
import { seeToGuard } from '../guard.ts'
import { hostConfig, interruption, print, say, wholeNumber, worldOption } from '../shared.ts'

interface FuzzCommandOptions {
  readonly world: string
  readonly runs: number
  readonly seed?: number
  readonly only?: number
  readonly commit: CommitMode
  readonly keep?: true
  readonly steps?: true
  readonly dryRun?: true
}

const mostRuns = 10_000
const quiet: Progress = { step: (_title, work) => work(() => {}) }

export function registerFuzz(program: Command): void {
  program
    .command('fuzz')
    .description('random faults and orders on a running world under load; a drill folder for each failure')
    .addOption(worldOption())
    .option('--runs <number>', 'how many runs', wholeNumber('--runs', 1, mostRuns), 10)
    .option(
      '--seed <number>',
      'what all draws follow from; drawn and told if absent',
      wholeNumber('--seed', 0, 2 ** 31 - 1),
    )
    .option('--only <number>', 'only this run of the seed, counted from 1', wholeNumber('--only', 1, mostRuns))
    .addOption(
      new Option('--commit <mode>', 'async: losses are measured, not forbidden')
        .choices([...commitModes])
        .default('quorum'),
    )
    .option('--keep', 'keep the drill folders of runs that pass, too')
    .option('--steps', "show each drill's steps")
    .option('--dry-run', 'print the runbooks that would be run')
    .addHelpText('after', '\nExit code: 0 no violation, 1 a violation, 2 something unknown, 3 usage or environment.')
    .action(fuzz)
}

async function fuzz(options: FuzzCommandOptions): Promise<void> {
  const config = hostConfig()
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31)
  const topology = topologyShape.parse({ commit: options.commit })
  const runs =
    options.only === undefined ? Array.from({ length: options.runs }, (_, index) => index + 1) : [options.only]
  if (options.dryRun === true) {
    for (const run of runs)
      print(`# run ${run} of seed ${seed}\n${drawRun({ seed, run, commit: options.commit, home: topology.home }).text}`)
    return
  }
  const interrupted = interruption('healing what the run has broken')
  const engine = await connectEngine(config, say)
  const doing = `fuzz --seed ${seed}`
  await using lock = await lockWorld({ docker: engine.docker, world: options.world, doing, say })
  const signal = AbortSignal.any([interrupted, lock.lost])
  const found = (await listWorlds(engine.docker)).includes(options.world)
  const bring = async (): Promise<DockerWorld> => {
    const world = await bringUp({ engine, config, world: options.world, topology, say, signal: interrupted, lock })
    await seeToGuard(engine, options.world, { injects: lock })
    return world
  }
  await using worlds = new AsyncDisposableStack()
  const world = worlds.use(await bring())
  // Only what was made here goes again, whatever ends the session.
  if (!found) worlds.defer(async () => takeDown(engine.docker, options.world, lock))
  const { commit, home, pattern } = topology
  print(
    `fuzz --seed ${seed}: ${options.only === undefined ? `${runs.length} runs` : `run ${options.only}`} in world ${options.world} (${pattern}, commit ${commit}, home ${home}), each at most ${longestRunMs / 1000} s; one again: --seed ${seed} --only RUN`,
  )
  const { verdict } = await runFuzz({
    world,
    seed,
    runs,
    commit,
    recordFolder: join(stateFolder, 'fuzz', options.world),
    drillsFolder: join(checkout, 'drills'),
    keepAll: options.keep === true,
    remake: async (why) => {
      say(`world ${options.world} is made anew: ${why}`)
      await lock.claim()
      await removeWorld(engine.docker, options.world)
      return worlds.use(await bring())
    },
    progress: options.steps === true ? drillProgress : quiet,
    print,
    signal,
  })
  if (found) say(`world ${options.world} was there before, and is left up`)
  process.exitCode = exitCodes[verdict]
}

async function takeDown(docker: Engine['docker'], world: string, lock: WorldLock): Promise<void> {
  await endGuard(docker, world, lock.self)
  await lock.claim()
  const { stuckNetworks } = await removeWorld(docker, world)
  forgetGuard(world)
  say(`world ${world}, which was made for this, is gone`)
  if (stuckNetworks.length > 0) say(`Docker keeps ${stuckNetworks.join(', ')} until it is restarted`)
}
