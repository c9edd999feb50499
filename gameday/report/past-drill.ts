// A past drill from its files: printed again, its report written anew, its figures measured again.
import { existsSync } from 'node:fs'
import { readFile, realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { journal as journalShape, type Journal } from '#protocol/journal.ts'
import { operation, type Operation } from '#protocol/operation.ts'
import { sample } from '#protocol/sample.ts'
import { timelineEvent } from '#protocol/timeline.ts'
import { firstIssue } from '#runtime/first-issue.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { journalText } from '../drill-folder.ts'
import { checkManifest, type Integrity } from '../drill-manifest.ts'
import { inOrderOfTime } from '../measure/history.ts'
import { measure } from '../measure/measure.ts'
import { recordFrom, type Lines } from '../measure/record-files.ts'
import { differences } from './differences.ts'
import { notAsDrawn } from './not-as-drawn.ts'
import { readLines } from './read-lines.ts'
import { renderScreen } from './screen.ts'
import { writeReport } from './write-report.ts'

const operationsOf = (folder: string): AsyncGenerator<Operation> => readLines(join(folder, 'ops.ndjson'), operation)

async function readSeen(folder: string): Promise<Omit<Lines, 'operations'>> {
  const [events, samples] = await Promise.all([
    Array.fromAsync(readLines(join(folder, 'timeline.ndjson'), timelineEvent)),
    Array.fromAsync(readLines(join(folder, 'samples.ndjson'), sample)),
  ])
  return { events: inOrderOfTime(events), samples }
}

/**
 * @param drill a folder, a name below `drillsFolder`, or undefined for the latest
 * @throws EnvironmentError if there is no such drill
 */
async function findDrill(drillsFolder: string, drill: string | undefined): Promise<string> {
  const candidates = drill === undefined ? [join(drillsFolder, 'latest')] : [join(drillsFolder, drill), drill]
  const found = candidates.find((each) => existsSync(join(each, 'journal.json')))
  if (found !== undefined) return realpath(found)
  const unfinished = candidates.find((each) => existsSync(join(each, 'ops.ndjson')))
  if (unfinished !== undefined)
    throw new EnvironmentError(
      `${unfinished} has no journal.json: that drill was killed before its end, or still runs; what it saw is in its ops.ndjson and timeline.ndjson`,
    )
  throw new EnvironmentError(
    `expected a drill with a journal.json at ${candidates.join(' or ')}, found none: list ${drillsFolder}/ for its name`,
  )
}

/** @throws EnvironmentError if the folder has no journal that this version understands */
export async function readJournal(folder: string): Promise<Journal> {
  const file = join(folder, 'journal.json')
  const text = await readFile(file, 'utf8')
  try {
    const parsed = journalShape.safeParse(JSON.parse(text))
    if (parsed.success) return parsed.data
    throw new Error(firstIssue(parsed.error))
  } catch (error) {
    throw new EnvironmentError(`expected a journal of this version in ${file}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

export interface PastDrill {
  readonly journal: Journal
  readonly folder: string
  readonly screen: string
  readonly integrity: Integrity
}

/** @throws EnvironmentError if there is no such drill, or its files can't be read */
export async function reportDrill(drillsFolder: string, drill: string | undefined): Promise<PastDrill> {
  const folder = await findDrill(drillsFolder, drill)
  const journal = await readJournal(folder)
  const integrity = await checkManifest(folder)
  await writeReport(folder, { journal, integrity, ...(await readSeen(folder)), operations: operationsOf(folder) })
  return { journal, folder, integrity, screen: renderScreen(journal, folder, integrity.changed) }
}

export interface Recomputed {
  readonly folder: string
  readonly journal: Journal
  readonly integrity: Integrity
  /** One sentence for each figure that comes out otherwise than journal.json says. */
  readonly different: readonly string[]
  /** One sentence for each area whose operations are not those that the seed draws. */
  readonly undrawn: readonly string[]
}

/**
 * Measures a drill again, from its raw files alone.
 * @throws EnvironmentError if there is no such drill, it was recorded without raw files, or they can't be read
 */
export async function recomputeDrill(drillsFolder: string, drill: string | undefined): Promise<Recomputed> {
  const folder = await findDrill(drillsFolder, drill)
  const missing = ['record.json', 'final-reads.json'].filter((name) => !existsSync(join(folder, name)))
  if (missing.length > 0)
    throw new EnvironmentError(
      `${basename(folder)} has no ${missing.join(' and no ')} (removed, or recorded by an older version), so it can't be measured again: run the drill again`,
    )
  const integrity = await checkManifest(folder)
  const lines = { ...(await readSeen(folder)), operations: await Array.fromAsync(operationsOf(folder)) }
  const texts = await Promise.all(
    ['record.json', 'final-reads.json', 'journal.json'].map((name) => readFile(join(folder, name), 'utf8')),
  )
  const [recordJson = '', finalReadsJson = '', journalJson = ''] = texts
  const record = readRecord(folder, recordJson, finalReadsJson, lines)
  const journal = measure(record)
  const again = journalText(journal)
  const different = again === journalJson ? [] : differences(journalJson, again)
  return { folder, journal, integrity, different, undrawn: notAsDrawn(record) }
}

function readRecord(
  folder: string,
  recordJson: string,
  finalReadsJson: string,
  lines: Lines,
): ReturnType<typeof recordFrom> {
  try {
    return recordFrom(recordJson, finalReadsJson, lines)
  } catch (error) {
    throw new EnvironmentError(`${folder}: ${(error as Error).message}: take another drill`, { cause: error })
  }
}
