// `simulate`: the real cores in a simulated world, many schedules of faults from seeds; or one of them, replayed with its transcript.
import { Option, type Command } from 'commander'
import { EnvironmentError } from '#world/environment-error.ts'
import { Coverage, universe } from '#simulation/coverage.ts'
import { type DrawOptions, drawSchedule, type Schedule } from '#simulation/draw.ts'
import { runSchedule } from '#simulation/run.ts'
import { search, type Searched } from '#simulation/search.ts'
import { shrink } from '#simulation/shrink.ts'
import { invariants, type Violation } from '#simulation/violation.ts'
import { print, say, wholeNumber } from '../shared.ts'
import { simulateMutations } from './simulate-mutations.ts'
import { printEnd, printSchedule } from './simulate-transcript.ts'

interface Options {
  readonly schedules?: number
  readonly firstSeed: number
  readonly seed?: number
  readonly shrink?: true
  readonly regions?: number
  readonly commit?: 'quorum' | 'async'
  readonly mutations?: true
  readonly only?: string
  readonly json?: true
}

const fewSchedules = 2000
const mostFound = 20

export function registerSimulate(program: Command): void {
  program
    .command('simulate')
    .description('search for schedules of faults that break the control plane, in a simulated world')
    .option(
      '--schedules <n>',
      'how many schedules (default: 2000; of each mutation at most 50,000)',
      wholeNumber('--schedules', 1, 100_000_000),
    )
    .option('--first-seed <n>', 'the seed of the first one', wholeNumber('--first-seed', 0, 2 ** 52), 1)
    .option('--seed <n>', 'replay one schedule and print its transcript', wholeNumber('--seed', 0, 2 ** 52))
    .option('--shrink', 'with --seed: replay the smallest schedule that breaks the same invariant')
    .option('--regions <n>', 'how many regions (default: drawn, 3 to 7)', wholeNumber('--regions', 3, 7))
    .addOption(new Option('--commit <mode>', 'what vouches for an ack (default: drawn)').choices(['quorum', 'async']))
    .option('--mutations', 'take one safety rule after another out of a copy of the code, and search until that shows')
    .option('--only <name>', 'with --mutations: this one; with --seed: replay it')
    .option('--json', 'with --mutations: print the figures as JSON')
    .action(async (options: Options) => {
      if (options.mutations === true) {
        process.exitCode = await simulateMutations(options)
        return
      }
      if (options.only !== undefined || options.json === true)
        throw new EnvironmentError('--only and --json: expected --mutations beside them')
      const draw = { regionCount: options.regions ?? null, commit: options.commit ?? null }
      process.exitCode =
        options.seed === undefined
          ? await searchAll(options, draw)
          : replay(options.seed, draw, options.shrink === true)
    })
}

/** The same lines each time; a schedule that breaks nothing can't be made smaller and is replayed as it is. */
function replay(seed: number, draw: DrawOptions, isShrunk: boolean): number {
  const whole = drawSchedule(seed, draw)
  const schedule = isShrunk && broken(whole) !== null ? smallest(whole) : whole
  printSchedule(schedule)
  return printEnd(runSchedule(schedule, print))
}

function broken(schedule: Schedule): Violation['invariant'] | null {
  return runSchedule(schedule).violation?.invariant ?? null
}

function smallest(whole: Schedule): Schedule {
  const { schedule, runs } = shrink(whole, broken)
  print(
    `shrunk in ${runs} runs: ${whole.faults.length} faults to ${schedule.faults.length}, ${whole.regionCount} regions to ${schedule.regionCount}, ${whole.chaosMs} ms of chaos to ${schedule.chaosMs}`,
  )
  return schedule
}

async function searchAll(options: Options, draw: DrawOptions): Promise<number> {
  const { schedules = fewSchedules, firstSeed } = options
  say(`${schedules} schedules from seed ${firstSeed} on: ${JSON.stringify(draw)}`)
  const beganMs = performance.now()
  let tenths = 0
  let violations = 0
  const searched = await search(
    { ...draw, firstSeed, schedules, mostFound },
    {
      found: ({ seed, violation }) => {
        violations += 1
        say(`seed ${seed}: ${violation.invariant}: ${violation.what}`)
      },
      ran: (done) => {
        if (Math.floor((10 * done) / schedules) === tenths) return
        tenths = Math.floor((10 * done) / schedules)
        const minutes = (performance.now() - beganMs) / 60_000
        say(`${done} of ${schedules} schedules in ${minutes.toFixed(1)} min, ${violations} violations`)
      },
    },
  )
  printSizes(searched)
  printCoverage(searched)
  for (const { seed, violation } of searched.found)
    print(`seed ${seed}: VIOLATION at ${violation.atMs} ms: ${invariants[violation.invariant]}: ${violation.what}`)
  const seconds = Math.round((performance.now() - beganMs) / 1000)
  print(`${searched.found.length} violations in ${seconds} s`)
  const first = searched.found[0]
  if (first === undefined) return 0
  const drawn = `${options.regions === undefined ? '' : ` --regions ${options.regions}`}${options.commit === undefined ? '' : ` --commit ${options.commit}`}`
  print(
    `the first one, made smaller, is told below; replay: ./firedrill simulate --seed ${first.seed}${drawn} [--shrink]`,
  )
  return replay(first.seed, draw, true)
}

function printSizes({ sizes }: Searched): void {
  for (const [regions, size] of Object.entries(sizes)) {
    const perMinute = Math.round(size.schedules / (size.wallMs / 60_000))
    const each = (total: number): string => (total / size.schedules).toFixed(1)
    print(
      `${regions} regions: ${size.schedules} schedules, ${perMinute} a minute and core; each on average ${each(size.simulatedMs / 1000)} s simulated, ${each(size.faults)} faults, ${each(size.acks)} acked writes, and at least ${(size.shortestMs / 1000).toFixed(1)} s and ${size.fewestFaults} faults`,
    )
  }
}

function printCoverage({ counts }: Searched): void {
  const coverage = new Coverage()
  coverage.add(counts)
  for (const group of Object.keys(universe)) {
    if (group === 'fault in phase') continue
    const names = Object.entries(counts[group] ?? {}).sort(([left], [right]) => left.localeCompare(right))
    print(`${group}: ${names.map(([name, count]) => `${name} ${count}`).join(', ')}`)
  }
  const never = coverage.neverReached()
  print(never.length === 0 ? 'everything was reached' : `never reached (${never.length}): ${never.join('; ')}`)
}
