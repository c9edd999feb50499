// `run`: drills of one runbook or of several, one after another, in a world that is brought up if it is not there.
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { type Command, Option } from 'commander'
import { groupByTopology, renderGameDayJunit, renderSummary, runGameDay, worstExitCode } from '#gameday/game-day.ts'
import type { Ask } from '#gameday/live-drill.ts'
import { renderPlan } from '#gameday/plan.ts'
import { readyWorld } from '#gameday/ready-world.ts'
import { renderJunit } from '#gameday/report/junit.ts'
import { reportDrill } from '#gameday/report/past-drill.ts'
import { type DrillOptions, type DrillResult, runDrill } from '#gameday/run-drill.ts'
import { sendTraces } from '#gameday/telemetry/send-traces.ts'
import { loadRunbooks, type LoadedRunbook, RunbookInvalid, shippedRunbooks } from '#gameday/validate.ts'
import type { Journal } from '#protocol/journal.ts'
import { commitModes, type Topology } from '#protocol/topology.ts'
import { lockWorld } from '#world/busy-lock.ts'
import { checkout } from '#world/checkout.ts'
import { connectEngine } from '#world/docker-engine.ts'
import type { DockerWorld } from '#world/docker-world.ts'
import { removeWorld } from '#world/down.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { bringUp } from '#world/up.ts'
import { drillProgress } from '../drill-progress.ts'
import { seeToGuard } from '../guard.ts'
import { hostConfig, interruption, otlpEndpoint, print, quoted, say, wholeNumber, worldOption } from '../shared.ts'
import { collect } from '../topology-options.ts'
import { sayDashboard } from './dashboard.ts'

interface RunOptions {
  readonly world: string
  readonly set: readonly string[]
  readonly commit?: string
  readonly seed?: number
  readonly all?: true
  readonly junit?: string
  readonly dryRun?: true
  readonly yes?: true
  readonly approveInDashboard?: true
  readonly json?: true
  readonly otlp?: string
  readonly dashboard: boolean
}

const drillsFolder = join(checkout, 'drills')

export function registerRun(program: Command): void {
  program
    .command('run')
    .description('run a drill: steady state, load and faults, heal, recover, final reads, check, report')
    .argument('[runbooks...]', 'shipped names such as region-loss, or paths; several are run one after another')
    .addOption(worldOption())
    .option('--all', 'every shipped runbook')
    .option(
      '--set <name=value>',
      'a parameter of the runbook, or any value by its path, such as topology.commit=async (repeatable)',
      collect,
      [],
    )
    .addOption(new Option('--commit <mode>', 'short for --set topology.commit=<mode>').choices([...commitModes]))
    .option('--seed <number>', 'seed of the load', wholeNumber('--seed', 0, 2 ** 31 - 1))
    .option('--dry-run', 'print what would be done, what it touches and how long it takes; needs no Docker')
    .option('--yes', 'answer yes to every approve step')
    .option('--approve-in-dashboard', 'approve steps wait for an answer in the dashboard, also without a terminal')
    .option('--junit <file>', 'write one JUnit file, with a suite for each runbook')
    .option('--json', 'print journal.json on standard output; a list of them if there are several runbooks')
    .option('--otlp <url>', 'send traces there by OTLP over HTTP (default: OTEL_EXPORTER_OTLP_ENDPOINT)', otlpEndpoint)
    .option('--no-dashboard', 'start no dashboard')
    .addHelpText(
      'after',
      '\nExit code: 0 pass, 1 fail, 2 unknown, 3 usage or environment; of several runbooks the worst of 0, 2, 1, 3.',
    )
    .action(run)
}

async function run(names: readonly string[], options: RunOptions): Promise<void> {
  const books = await loadAll(names, options)
  if (options.dryRun === true && options.json === true)
    throw new EnvironmentError('expected --dry-run or --json, saw both: a drill that is not run has no journal')
  if (options.dryRun === true) return print(books.map(renderPlan).join('\n\n\n'))
  await refuseUnwritable(options.junit)
  const config = hostConfig()
  const interrupted = interruption('rolling back and healing what the drill has broken')
  const doing = books.length === 1 ? books[0]?.name : `${books.length} runbooks`
  const engine = await connectEngine(config, say)
  await using lock = await lockWorld({ docker: engine.docker, world: options.world, doing: `run ${doing}`, say })
  const ending = { signal: AbortSignal.any([interrupted, lock.lost]), lost: lock.lost }
  await using worlds = new AsyncDisposableStack()
  const bring = async (topology: Topology): Promise<DockerWorld> => {
    const world = worlds.use(
      await bringUp({ engine, config, world: options.world, topology, say, signal: interrupted, lock }),
    )
    await seeToGuard(engine, options.world, { injects: lock })
    await sayDashboard(world.name, options.dashboard)
    return world
  }
  if (options.all !== true && names.length === 1 && books[0] !== undefined) {
    const result = await drillIn(await bring(books[0].runbook.topology), books[0], options, ending)
    return conclude(result, options)
  }
  const remake = async (why: string, topology: Topology): Promise<DockerWorld> => {
    say(`world ${options.world} is made anew: ${why}`)
    await lock.claim()
    await removeWorld(engine.docker, options.world)
    return bring(topology)
  }
  const outcomes = await runGameDay({
    books: groupByTopology(books),
    signal: ending.signal,
    drill: async (loaded) => {
      const { topology } = loaded.runbook
      const world = await readyWorld(await bring(topology), {
        remake: (why) => remake(why, topology),
        progress: drillProgress,
        signal: ending.signal,
      })
      return drillIn(world, loaded, options, ending)
    },
    ended: ({ loaded, result, refused }) => {
      say(`${loaded.name}: ${result?.journal.verdict.toUpperCase() ?? `refused: ${refused}`}`)
    },
  })
  if (options.junit !== undefined) await writeFile(options.junit, renderGameDayJunit(outcomes))
  const journals = outcomes.flatMap(({ result }) => (result === null ? [] : [result.journal]))
  print(options.json === true ? JSON.stringify(journals, null, 2) : renderSummary(outcomes))
  say(`world ${options.world} is left up; remove it: ./firedrill down${worldWords(options.world)}`)
  process.exitCode = worstExitCode(outcomes)
}

/** @throws RunbookInvalid before anything is begun: what is wrong with the last runbook is told before the first is run */
async function loadAll(names: readonly string[], options: RunOptions): Promise<readonly LoadedRunbook[]> {
  if (options.all === true && names.length > 0)
    throw new EnvironmentError(`expected runbooks or --all, saw both: ${names.join(', ')} and --all`)
  const wanted = options.all === true ? await shippedRunbooks() : names
  if (wanted.length === 0)
    throw new EnvironmentError(
      `expected a runbook (${(await shippedRunbooks()).join(', ')}, or a path) or --all, saw none`,
    )
  const canApprove =
    options.dryRun === true ||
    options.yes === true ||
    options.approveInDashboard === true ||
    (process.stdin.isTTY && process.stderr.isTTY)
  const { valid, problems } = await loadRunbooks(wanted, { set: settingsOf(options), canApprove })
  if (problems.length > 0) throw new RunbookInvalid(problems)
  return valid
}

function settingsOf({ commit, set }: RunOptions): readonly string[] {
  return commit === undefined ? set : [...set, `topology.commit=${commit}`]
}

/** @throws EnvironmentError now, and not after an hour of drills */
async function refuseUnwritable(file: string | undefined): Promise<void> {
  if (file === undefined) return
  try {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, '', { flag: existsSync(file) ? 'r+' : 'w' })
  } catch (error) {
    throw new EnvironmentError(
      `--junit ${file}: expected a file that can be written, saw: ${(error as Error).message}`,
      {
        cause: error,
      },
    )
  }
}

async function drillIn(
  world: RunningWorld,
  loaded: LoadedRunbook,
  options: RunOptions,
  ending: Pick<DrillOptions, 'signal' | 'lost'>,
): Promise<DrillResult> {
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31)
  const result = await runDrill({
    world,
    loaded,
    drillsFolder,
    seed,
    command: commandOf(loaded, options, seed),
    progress: drillProgress,
    approve: approver(options),
    ...ending,
  })
  const endpoint = options.otlp ?? hostConfig().otlpEndpoint
  if (endpoint !== null) say(await sendTraces(result.folder, endpoint))
  return result
}

async function conclude({ journal, folder }: DrillResult, options: RunOptions): Promise<void> {
  if (options.junit !== undefined) await writeFile(options.junit, renderJunit(journal))
  if (options.json === true) print(JSON.stringify(journal, null, 2))
  else print((await reportDrill(drillsFolder, folder)).screen)
  for (const line of leftBehind(journal)) say(line)
  process.exitCode = journal.exitCode
}

function worldWords(world: string): string {
  return world === 'default' ? '' : ` --world ${world}`
}

/** What runs the same drill again. */
function commandOf(loaded: LoadedRunbook, options: RunOptions, seed: number): string {
  const isShipped = loaded.file.startsWith(join(checkout, 'runbooks'))
  const words = ['./firedrill', 'run', isShipped ? loaded.name : loaded.file, '--seed', String(seed)]
  return [...words, ...settingsOf(options).flatMap((each) => ['--set', each])].map(quoted).join(' ')
}

/** What there is after a drill that was not there before it, and how to be rid of it. */
function leftBehind({ world, faults, epochs, topology }: Journal): readonly string[] {
  const where = worldWords(world)
  const home = String(topology['home'])
  const primary = epochs.findLast((each) => each.region !== null)?.region ?? home
  return [
    ...faults
      .filter((fault) => fault.healedNs === null)
      .map(({ kind, target, outside }) =>
        outside
          ? `${kind} of ${target}, not by this drill, was not undone by its end`
          : `${kind} of ${target} is not healed; heal it: ./firedrill heal${where}`,
      ),
    ...(primary === home
      ? []
      : [`region ${primary} is primary; move it home once all replicas stream: ./firedrill failback${where}`]),
    `world ${world} is left up; remove it: ./firedrill down${where}`,
  ]
}

function approver(options: RunOptions): Ask {
  if (options.yes === true) return () => Promise.resolve(true)
  if (process.stdin.isTTY && process.stderr.isTTY) return ask
  return (question, signal) =>
    new Promise((_resolve, reject) => {
      say(`waiting for an answer in the dashboard: ${question}`)
      const give = (): void => reject(new Error('not asked any more'))
      if (signal.aborted) give()
      else signal.addEventListener('abort', give, { once: true })
    })
}

/** Ctrl-C at the question is a Ctrl-C of the drill. */
async function ask(question: string, signal: AbortSignal): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  // A terminal in raw mode sends no signal by itself.
  terminal.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal })).trim())
  } finally {
    terminal.close()
  }
}
