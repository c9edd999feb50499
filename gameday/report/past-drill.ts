// A past drill from its files: printed again, and its report written anew.
import { existsSync } from 'node:fs'
import { readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { z } from 'zod'
import { journal as journalShape, type Journal } from '#protocol/journal.ts'
import { operation } from '#protocol/operation.ts'
import { timelineEvent } from '#protocol/timeline.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { renderScreen } from './screen.ts'
import { writeReport } from './write-report.ts'

async function readLines<Shape extends z.ZodType>(file: string, shape: Shape): Promise<z.infer<Shape>[]> {
  if (!existsSync(file)) return []
  const lines = (await readFile(file, 'utf8')).split('\n')
  return lines.flatMap((line, index) => (line === '' ? [] : [readLine(line, `${file}, line ${index + 1}`, shape)]))
}

function readLine<Shape extends z.ZodType>(line: string, where: string, shape: Shape): z.infer<Shape> {
  try {
    return shape.parse(JSON.parse(line))
  } catch {
    throw new EnvironmentError(
      `${where}: expected one whole record in JSON, saw ${line.slice(0, 80)}: the file was changed or cut; take another drill`,
    )
  }
}

/**
 * @param drill a folder, a name below `drillsFolder`, or undefined for the latest
 * @throws EnvironmentError if there is no such drill, or its files can't be read
 */
export async function reportDrill(
  drillsFolder: string,
  drill: string | undefined,
): Promise<{ readonly journal: Journal; readonly folder: string; readonly screen: string }> {
  const candidates = drill === undefined ? [join(drillsFolder, 'latest')] : [join(drillsFolder, drill), drill]
  const found = candidates.find((each) => existsSync(join(each, 'journal.json')))
  if (found === undefined)
    throw new EnvironmentError(
      `expected a drill with a journal.json at ${candidates.join(' or ')}, found none: list ${drillsFolder}/ for its name`,
    )
  const folder = await realpath(found)
  const parsed = journalShape.safeParse(JSON.parse(await readFile(join(folder, 'journal.json'), 'utf8')))
  if (!parsed.success)
    throw new EnvironmentError(`expected a journal of this version in ${folder}: ${parsed.error.issues[0]?.message}`)
  const journal = parsed.data
  const operations = await readLines(join(folder, 'ops.ndjson'), operation)
  const events = await readLines(join(folder, 'timeline.ndjson'), timelineEvent)
  await writeReport(folder, journal, operations, events)
  return { journal, folder, screen: renderScreen(journal, folder) }
}
