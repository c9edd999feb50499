// The front door: parses the command line, runs one command, and turns every failure into one clear line and an exit code.
import { Command, CommanderError } from 'commander'
import { EnvironmentError, environmentExitCode } from '#world/environment-error.ts'
import { registerBench } from './commands/bench.ts'
import { registerBuild } from './commands/build.ts'
import { registerCompare } from './commands/compare.ts'
import { registerChaos } from './commands/chaos.ts'
import { registerConnect } from './commands/connect.ts'
import { registerDashboard } from './commands/dashboard.ts'
import { registerDoctor } from './commands/doctor.ts'
import { registerDown } from './commands/down.ts'
import { registerFailback } from './commands/failback.ts'
import { registerFailover } from './commands/failover.ts'
import { registerFuzz } from './commands/fuzz.ts'
import { registerHeal } from './commands/heal.ts'
import { registerInit } from './commands/init.ts'
import { registerHistory } from './commands/history.ts'
import { registerLint } from './commands/lint.ts'
import { registerLogs } from './commands/logs.ts'
import { registerMetrics } from './commands/metrics.ts'
import { registerReport } from './commands/report.ts'
import { registerRun } from './commands/run.ts'
import { registerSimulate } from './commands/simulate.ts'
import { registerStatus } from './commands/status.ts'
import { registerTest } from './commands/test.ts'
import { registerUp } from './commands/up.ts'
import { registerValidate } from './commands/validate.ts'

const expectedErrors = new Set([
  'DrillRefused',
  'RunbookInvalid',
  'CallRefused',
  'WayInFailed',
  'FaultImpossible',
  'FaultInvalid',
  'FaultUnproven',
  'NothingToBreak',
])

function createProgram(): Command {
  const program = new Command('firedrill')
    .description(
      'Rehearse losing a region, with real Postgres, Redis and Kafka, and learn the RTO and RPO your users would have seen.',
    )
    .helpCommand(false)
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: false })
    .exitOverride()
    .configureOutput({
      outputError: (text, write) =>
        write(
          `firedrill: ${text
            .replace(/^error: /, '')
            .replaceAll('\n', ' ')
            .trim()}; see: ./firedrill --help\n`,
        ),
    })
  const registrations = [
    registerDoctor,
    registerBuild,
    registerUp,
    registerStatus,
    registerLogs,
    registerConnect,
    registerInit,
    registerValidate,
    registerLint,
    registerRun,
    registerChaos,
    registerDashboard,
    registerHeal,
    registerFailover,
    registerFailback,
    registerDown,
    registerReport,
    registerCompare,
    registerHistory,
    registerMetrics,
    registerBench,
    registerSimulate,
    registerFuzz,
    registerTest,
  ]
  for (const register of registrations) register(program)
  return program
}

function wordsOf(error: Error & { readonly statusCode?: number; readonly reason?: string }): string {
  const { name, message, stack, statusCode, reason } = error
  if (error instanceof EnvironmentError || expectedErrors.has(name)) return message
  // What Docker's client throws has no name of its own.
  if (statusCode !== undefined && reason !== undefined)
    return `Docker refused: ${message.trim().replaceAll('\n', ' ')}; see: docker info`
  return stack ?? message
}

/** 3 for what the user or the machine has to mend; anything else is a bug of this tool and shows its stack. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : environmentExitCode
  process.stderr.write(`firedrill: ${wordsOf(error as Error)}\n`)
  return environmentExitCode
}

/** Why standard output can't be written, once that was tried: its reader has gone, or the disk is full. */
let unwritable: Error | null = null
process.stdout.on('error', (error) => {
  unwritable ??= error
})
// That nobody reads what is said must not end a drill before it has healed.
process.stderr.on('error', () => {})

try {
  const program = createProgram()
  if (process.argv.length <= 2) {
    program.outputHelp()
  } else {
    await program.parseAsync()
  }
} catch (error) {
  process.exitCode = report(error)
}
// Whatever is still on its way is written, or has failed, when this is called back.
await new Promise<void>((resolve) => {
  process.stdout.write('', () => setImmediate(resolve))
})
if (unwritable !== null) {
  process.stderr.write(
    `firedrill: standard output can't be written (${String(unwritable)}), so the result is not shown\n`,
  )
  process.exitCode = environmentExitCode
}
// Connections that are kept for reuse must not keep a finished command alive.
process.exit()
