// Checks every drill folder below a folder: what scenario tests leave. `node test/checker/every-drill.ts FOLDER`
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { checkFolder } from './check-record.ts'

export interface DrillChecked {
  readonly folder: string
  /** A line for each figure in which the journal and the checker differ, or why it could not be checked. */
  readonly differences: readonly string[]
}

/** What is asked of a journal before its drill is checked. */
export interface JournalHead {
  readonly world: string
  /** ISO 8601, in UTC. */
  readonly startedAt: string
}

async function headOf(folder: string): Promise<JournalHead> {
  return JSON.parse(await readFile(join(folder, 'journal.json'), 'utf8')) as JournalHead
}

/** Folders with a journal, by name; links are not followed. A folder that can't be checked counts as different. */
export async function checkEveryDrill(
  below: string,
  isWanted: (head: JournalHead) => boolean = () => true,
): Promise<readonly DrillChecked[]> {
  const entries = await readdir(below, { recursive: true, withFileTypes: true })
  const folders = entries
    .filter((entry) => entry.isFile() && entry.name === 'journal.json')
    .map((entry) => dirname(join(entry.parentPath, entry.name)))
    .sort()
  const checked: DrillChecked[] = []
  for (const folder of folders) {
    if (!isWanted(await headOf(folder))) continue
    const result = await checkFolder(folder).catch((error: unknown) => ({ differences: [String(error)] }))
    checked.push({ folder, differences: result.differences })
  }
  return checked
}

async function main(below: string): Promise<number> {
  const checked = await checkEveryDrill(below)
  for (const { folder, differences } of checked) {
    process.stdout.write(`${differences.length === 0 ? 'equal' : 'DIFFERENT'} ${folder}\n`)
    for (const line of differences) process.stdout.write(`  ${line}\n`)
  }
  const different = checked.filter(({ differences }) => differences.length > 0).length
  process.stdout.write(`${checked.length} drills, ${different} different\n`)
  return different === 0 ? 0 : 1
}

if (import.meta.main) process.exitCode = await main(process.argv[2] ?? 'drills')
