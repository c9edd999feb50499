// Past drills by what people type: a folder, a name, a runbook's name, a pattern with `*`, or `NAME=drill,drill`.
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, matchesGlob } from 'node:path'
import type { Journal } from '#protocol/journal.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import type { Group } from './compare.ts'
import { readJournal } from './past-drill.ts'

/** Every finished drill once, by its folder's name; a journal that can't be read, and a copy of another drill, is left out and told. */
export async function allDrills(
  drillsFolder: string,
  say: (line: string) => void,
): Promise<ReadonlyMap<string, Journal>> {
  const names = existsSync(drillsFolder) ? (await readdir(drillsFolder)).toSorted() : []
  const drills = new Map<string, Journal>()
  const known = new Map<string, string>()
  for (const name of names) {
    if (name === 'latest' || !existsSync(join(drillsFolder, name, 'journal.json'))) continue
    try {
      const journal = await readJournal(join(drillsFolder, name))
      const identity = [journal.drill, journal.world, journal.startedAt].join(' ')
      const other = known.get(identity)
      if (other === undefined) drills.set(name, journal)
      else say(`left out: ${name} is a copy of ${other}`)
      known.set(identity, other ?? name)
    } catch (error) {
      say(`left out: ${(error as Error).message}`)
    }
  }
  return drills
}

async function drillsOf(
  word: string,
  drillsFolder: string,
  all: ReadonlyMap<string, Journal>,
): Promise<readonly Journal[]> {
  const folder = [join(drillsFolder, word), word].find((each) => existsSync(join(each, 'journal.json')))
  if (folder !== undefined) return [await readJournal(folder)]
  const found = [...all].filter(([name, journal]) => journal.runbook === word || matchesGlob(name, word))
  if (found.length > 0) return found.map(([, journal]) => journal)
  throw new EnvironmentError(
    `expected a drill, a runbook with drills, or a pattern of names in ${drillsFolder}, found ${JSON.stringify(word)}`,
  )
}

/** @throws EnvironmentError for a word that names no drill */
export async function findGroup(word: string, drillsFolder: string, all: ReadonlyMap<string, Journal>): Promise<Group> {
  const named = /^([^=/]+)=(.+)$/.exec(word)
  const parts = named === null ? [word] : (named[2] ?? '').split(',')
  const drills = await Promise.all(parts.map((part) => drillsOf(part, drillsFolder, all)))
  return { name: named?.[1] ?? word, drills: drills.flat() }
}
