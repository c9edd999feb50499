// `run`: one drill of a runbook, in a world that is brought up if it is not there.
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { type Command, Option } from 'commander'
import { reportDrill } from '#gameday/report/past-drill.ts'
import { runDrill } from '#gameday/run-drill.ts'
import { loadRunbook } from '#gameday/validate.ts'
import type { Journal } from '#protocol/journal.ts'
import { commitModes } from '#protocol/topology.ts'
import { lockWorld } from '#world/busy-lock.ts'
import { checkout } from '#world/checkout.ts'
import { connectEngine } from '#world/docker-engine.ts'
import { bringUp } from '#world/up.ts'
import { drillProgress } from '../drill-progress.ts'
import { hostConfig, interruption, print, say, wholeNumber, worldOption } from '../shared.ts'
import { collect } from '../topology-options.ts'
import { sayDashboard } from './dashboard.ts'

interface RunOptions {
  readonly world: string
  readonly set: readonly string[]
  readonly commit?: string
  readonly seed?: number
  readonly yes?: true
  readonly json?: true
  readonly dashboard: boolean
}

export function registerRun(program: Command): void {
  program
    .command('run')
    .description('run a drill: steady state, load and faults, heal, recover, final reads, check, report')
    .argument('<runbook>', 'a shipped name such as region-loss, or a path')
    .addOption(worldOption())
    .option('--set <path=value>', 'change a value, such as topology.commit=async (repeatable)', collect, [])
    .addOption(new Option('--commit <mode>', 'short for --set topology.commit=<mode>').choices([...commitModes]))
    .option('--seed <number>', 'seed of the load', wholeNumber('--seed', 0, 2 ** 31 - 1))
    .option('--yes', 'answer yes to every approve step')
    .option('--json', 'print journal.json on standard output')
    .option('--no-dashboard', 'start no dashboard')
    .addHelpText('after', '\nExit code: 0 pass, 1 fail, 2 unknown, 3 usage or environment.')
    .action(run)
}

async function run(name: string, options: RunOptions): Promise<void> {
  const config = hostConfig()
  const set = options.commit === undefined ? options.set : [...options.set, `topology.commit=${options.commit}`]
  const loaded = await loadRunbook(name, { set, canApprove: options.yes === true || process.stdin.isTTY })
  const signal = interruption('healing what the drill has broken')
  await using _lock = await lockWorld(options.world, `run ${loaded.name}`, say)
  const engine = await connectEngine(config, say)
  const { topology } = loaded.runbook
  await using world = await bringUp({ engine, config, world: options.world, topology, say, signal })
  await sayDashboard(world.name, options.dashboard)
  const drillsFolder = join(checkout, 'drills')
  const { journal, folder } = await runDrill({
    world,
    loaded,
    drillsFolder,
    seed: options.seed ?? Math.floor(Math.random() * 2 ** 31),
    progress: drillProgress,
    approve: options.yes === true ? async () => true : (question) => ask(question, signal),
    signal,
  })
  if (options.json === true) print(JSON.stringify(journal, null, 2))
  else print((await reportDrill(drillsFolder, folder)).screen)
  for (const line of leftBehind(journal, topology.home)) say(line)
  process.exitCode = journal.exitCode
}

/** What there is after a drill that was not there before it, and how to be rid of it. */
function leftBehind(journal: Journal, home: string): readonly string[] {
  const { world, faults, epochs } = journal
  const where = world === 'default' ? '' : ` --world ${world}`
  const primary = epochs.findLast((each) => each.region !== null)?.region ?? home
  return [
    ...faults
      .filter((fault) => fault.healedNs === null)
      .map((fault) => `${fault.kind} of ${fault.target} is not healed; heal it: ./firedrill heal${where}`),
    ...(primary === home
      ? []
      : [`region ${primary} is primary; move it home once all replicas stream: ./firedrill failback${where}`]),
    `world ${world} is left up; remove it: ./firedrill down${where}`,
  ]
}

/** Ctrl-C at the question is a Ctrl-C of the drill, and counts as no. */
async function ask(question: string, signal: AbortSignal): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  // A terminal in raw mode sends no signal by itself.
  terminal.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal })).trim())
  } catch (error) {
    if (signal.aborted) return false
    throw error
  } finally {
    terminal.close()
  }
}
