// `compare`: drills or designs side by side.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { compareGroups, compareHtml, compareScreen } from '#gameday/report/compare.ts'
import { allDrills, findGroup, sameGroups } from '#gameday/report/find-drills.ts'
import { checkout } from '#world/checkout.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { print, say } from '../shared.ts'

export function registerCompare(program: Command): void {
  program
    .command('compare')
    .description('put drills or designs side by side: n, min, median and max of each figure')
    .argument(
      '<what...>',
      "two or more of: a drill, a runbook's name, a pattern such as '*-region-loss', NAME=drill,drill",
    )
    .option('--html <file>', 'write a page with plots')
    .option('--json', 'print the figures as JSON')
    .action(compare)
}

async function compare(
  asked: readonly string[],
  options: { readonly html?: string; readonly json?: true },
): Promise<void> {
  if (asked.length < 2) throw new EnvironmentError(`expected two or more to compare, found ${asked.length}`)
  const drillsFolder = join(checkout, 'drills')
  const all = await allDrills(drillsFolder, say)
  const groups = await Promise.all(asked.map((word) => findGroup(word, drillsFolder, all, say)))
  const names = groups.map(({ name }) => name)
  if (new Set(names).size < names.length)
    throw new EnvironmentError(
      `expected another name for each group, found ${names.join(', ')}; name them: NAME=drill,drill`,
    )
  const same = sameGroups(groups)
  if (same !== null) throw new EnvironmentError(`expected different drills, found the same in ${same.join(' and ')}`)
  const compared = compareGroups(groups)
  if (options.json !== true) print(compareScreen(groups, compared))
  else {
    print(JSON.stringify(compared, null, 2))
    for (const each of groups.flatMap(({ changed }) => changed)) say(each)
  }
  if (options.html === undefined) return
  await writeFile(options.html, compareHtml(groups, compared)).catch((error: unknown) => {
    throw new EnvironmentError(`--html: ${(error as Error).message}`, { cause: error })
  })
  say(`page: ${options.html}`)
}
