// `history`: MTTR, RTO and RPO over the game days of a runbook.
import { join } from 'node:path'
import type { Command } from 'commander'
import { allDrills, changedIn } from '#gameday/report/find-drills.ts'
import { historiesOf, historyScreen } from '#gameday/report/history.ts'
import { checkout } from '#world/checkout.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { print, say } from '../shared.ts'

export function registerHistory(program: Command): void {
  program
    .command('history')
    .description('MTTR, RTO and RPO over past game days')
    .argument('[runbook]', 'only this one')
    .option('--json', 'print it as JSON')
    .action(history)
}

async function history(runbook: string | undefined, options: { readonly json?: true }): Promise<void> {
  const drillsFolder = join(checkout, 'drills')
  const all = [...(await allDrills(drillsFolder, say))]
  const asked = runbook === undefined ? all : all.filter(([, each]) => each.runbook === runbook)
  const found = asked.map(([, journal]) => journal)
  if (found.length === 0)
    throw new EnvironmentError(
      `expected finished drills${runbook === undefined ? '' : ` of ${runbook}`} in ${drillsFolder}, found none`,
    )
  const changed = (await Promise.all(asked.map(([name]) => changedIn(join(drillsFolder, name))))).flat()
  const histories = historiesOf(found)
  if (options.json !== true) return print(historyScreen(histories, changed))
  print(JSON.stringify(histories, null, 2))
  for (const each of changed) say(each)
}
