// `report`: a past drill again.
import { join } from 'node:path'
import type { Command } from 'commander'
import { reportDrill } from '#gameday/report/past-drill.ts'
import { checkout } from '#world/checkout.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { print, say } from '../shared.ts'

export function registerReport(program: Command): void {
  program
    .command('report')
    .description("print a past drill's screen again and write its report.html anew")
    .argument('[drill]', 'its folder or name (default: the latest)')
    .option('--json', 'print journal.json on standard output')
    .action(async (drill: string | undefined, options: { readonly json?: true }) => {
      const { journal, folder, screen } = await past(drill)
      print(options.json === true ? JSON.stringify(journal, null, 2) : screen)
      say(`report: ${join(folder, 'report.html')}`)
    })
}

async function past(drill: string | undefined): ReturnType<typeof reportDrill> {
  try {
    return await reportDrill(join(checkout, 'drills'), drill)
  } catch (error) {
    throw new EnvironmentError((error as Error).message, { cause: error })
  }
}
