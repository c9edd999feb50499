// `init`: a game-day folder of one's own, with a runbook to begin with.
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, normalize } from 'node:path'
import type { Command } from 'commander'
import { runbookSchema } from '#gameday/schema.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { print, quoted } from '../shared.ts'
import { starterFiles } from '../starter-files.ts'

export function registerInit(program: Command): void {
  program
    .command('init')
    .description('begin a game-day folder of your own: a runbook with its page of prose, and its schema for editors')
    .argument('[folder]', 'where', 'gamedays')
    .action(init)
}

/** @throws EnvironmentError if any of the files is there, or can't be written; none is overwritten */
async function init(given: string): Promise<void> {
  if (given.trim() === '') throw new EnvironmentError(`expected a folder, saw ${JSON.stringify(given)}`)
  const folder = normalize(given).replace(/\/$/, '')
  const files = starterFiles(folder, runbookSchema())
  const there = files.map(({ name }) => join(folder, name)).filter((file) => existsSync(file))
  if (there.length > 0)
    throw new EnvironmentError(
      `expected a folder without ${there.join(', ')}, saw them there: nothing was written; name another folder, as in ./firedrill init ${quoted(`${folder}-2`)}`,
    )
  try {
    await mkdir(folder, { recursive: true })
    for (const { name, text } of files) await writeFile(join(folder, name), text, { flag: 'wx' })
  } catch (error) {
    throw new EnvironmentError(
      `${folder}: expected a folder that can be written, saw: ${(error as Error).message}; name another one, as in ./firedrill init ~/gamedays`,
      { cause: error },
    )
  }
  const book = join(folder, 'lose-a-region.yaml')
  print(
    [
      `${folder}/ has ${files.map(({ name }) => name).join(', ')}; next:`,
      `./firedrill run ${quoted(book)} --dry-run`,
      `./firedrill run ${quoted(book)}`,
    ].join('\n'),
  )
}
