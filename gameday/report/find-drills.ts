// Past drills by what people type: a folder, a name, a runbook's name, a pattern with `*`, or `NAME=drill,drill`.
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join, matchesGlob } from 'node:path'
import type { Journal } from '#protocol/journal.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { checkManifest } from '../drill-manifest.ts'
import type { Group } from './compare.ts'
import { readJournal } from './past-drill.ts'

type Say = (line: string) => unknown

/** Two folders of one drill are one drill. */
function identityOf({ drill, world, startedAt }: Journal): string {
  return [drill, world, startedAt].join(' ')
}

/** A sentence for each file that is not as its drill wrote it. */
export async function changedIn(folder: string): Promise<readonly string[]> {
  return (await checkManifest(folder)).changed.map((each) => `${basename(folder)}: ${each}`)
}

/** Every finished drill once, by its folder's name; a journal that can't be read, and a copy of another drill, is left out and told. */
export async function allDrills(drillsFolder: string, say: Say): Promise<ReadonlyMap<string, Journal>> {
  const names = existsSync(drillsFolder) ? (await readdir(drillsFolder)).toSorted() : []
  const drills = new Map<string, Journal>()
  const known = new Map<string, string>()
  for (const name of names) {
    if (name === 'latest') continue
    if (!existsSync(join(drillsFolder, name, 'journal.json'))) {
      if (existsSync(join(drillsFolder, name, 'ops.ndjson')))
        say(`left out: ${name} has no journal.json: it was killed before its end, or still runs`)
      continue
    }
    try {
      const journal = await readJournal(join(drillsFolder, name))
      const identity = identityOf(journal)
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

interface Found {
  readonly folder: string
  readonly journal: Journal
}

async function drillsOf(
  word: string,
  drillsFolder: string,
  all: ReadonlyMap<string, Journal>,
): Promise<readonly Found[]> {
  const folder = [join(drillsFolder, word), word].find((each) => existsSync(join(each, 'journal.json')))
  if (folder !== undefined) return [{ folder, journal: await readJournal(folder) }]
  const found = [...all].filter(([name, journal]) => journal.runbook === word || matchesGlob(name, word))
  if (found.length > 0) return found.map(([name, journal]) => ({ folder: join(drillsFolder, name), journal }))
  throw new EnvironmentError(
    `expected a drill, a runbook with drills, or a pattern of names in ${drillsFolder}, found ${JSON.stringify(word)}`,
  )
}

/**
 * Each drill once, however often it is named, with what was changed in it since.
 * @throws EnvironmentError for a word that names no drill
 */
export async function findGroup(
  word: string,
  drillsFolder: string,
  all: ReadonlyMap<string, Journal>,
  say: Say,
): Promise<Group> {
  const named = /^([^=/]+)=(.+)$/.exec(word)
  const parts = named === null ? [word] : (named[2] ?? '').split(',')
  const name = named?.[1] ?? word
  const found = await Promise.all(parts.map((part) => drillsOf(part, drillsFolder, all)))
  const drills = new Map<string, Journal>()
  const changed: string[] = []
  for (const { folder, journal } of found.flat()) {
    const identity = identityOf(journal)
    if (drills.has(identity)) say(`left out: ${folder} is in ${name} already`)
    else changed.push(...(await changedIn(folder)))
    drills.set(identity, journal)
  }
  return { name, drills: [...drills.values()], changed }
}

/** Names of two groups that hold the same drills, though by other names; null: there are none. */
export function sameGroups(groups: readonly Group[]): readonly [string, string] | null {
  const keyOf = ({ drills }: Group): string => drills.map(identityOf).toSorted().join('; ')
  for (const [index, one] of groups.entries()) {
    const other = groups.slice(index + 1).find((each) => keyOf(each) === keyOf(one))
    if (other !== undefined) return [one.name, other.name]
  }
  return null
}
