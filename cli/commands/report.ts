// `report`: a past drill again.
import { join } from 'node:path'
import type { Command } from 'commander'
import { renderMarkdown } from '#gameday/report/markdown.ts'
import { recomputeDrill, reportDrill } from '#gameday/report/past-drill.ts'
import { sendTraces } from '#gameday/telemetry/send-traces.ts'
import { exitCodes } from '#protocol/journal.ts'
import { checkout } from '#world/checkout.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { otlpEndpoint, print, say } from '../shared.ts'

interface ReportOptions {
  readonly json?: true
  readonly markdown?: true
  readonly recompute?: true
  readonly otlp?: string
}

export function registerReport(program: Command): void {
  program
    .command('report')
    .description("print a past drill's screen again and write its report.html anew")
    .argument('[drill]', 'its folder or name (default: the latest)')
    .option('--json', 'print the journal on standard output; with --recompute, the one that is measured anew')
    .option('--markdown', 'print it as Markdown, for a pull request')
    .option('--recompute', 'measure again from the raw files, and compare with journal.json')
    .option('--otlp <url>', 'send its traces there by OTLP over HTTP', otlpEndpoint)
    .addHelpText(
      'after',
      '\nExit code: 0; 1 if a file was changed after the drill or a figure comes out otherwise; 3 usage or environment.',
    )
    .action(report)
}

async function report(drill: string | undefined, options: ReportOptions): Promise<void> {
  const drillsFolder = join(checkout, 'drills')
  if (options.recompute === true) return recompute(drillsFolder, drill, options)
  const { journal, folder, screen, integrity } = await mendable(() => reportDrill(drillsFolder, drill))
  if (options.json === true) print(JSON.stringify(journal, null, 2))
  else print(options.markdown === true ? renderMarkdown(journal, integrity.changed) : screen)
  say(`report: ${join(folder, 'report.html')}`)
  if (options.otlp !== undefined) say(await sendTraces(folder, options.otlp))
  tell(integrity.changed)
}

async function recompute(drillsFolder: string, drill: string | undefined, options: ReportOptions): Promise<void> {
  const { folder, journal, integrity, different, undrawn } = await mendable(() => recomputeDrill(drillsFolder, drill))
  if (options.json === true) print(JSON.stringify(journal, null, 2))
  else if (options.markdown === true) print(renderMarkdown(journal, integrity.changed))
  tell(integrity.changed)
  tell(undrawn)
  tell(different)
  if (different.length === 0) say(`measured again from the raw files of ${folder}: the same journal, byte for byte`)
}

/** What is wrong with a drill's files, each in a line of its own. */
function tell(wrongs: readonly string[]): void {
  for (const wrong of wrongs) say(wrong)
  if (wrongs.length > 0) process.exitCode = exitCodes.fail
}

async function mendable<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    throw new EnvironmentError((error as Error).message, { cause: error })
  }
}
