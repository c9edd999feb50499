// Computes a drill's figures from its files, independently of the product, and compares them with its journal.
// `node test/checker/check-record.ts DRILL_FOLDER`: exit code 0 if they are equal, 1 if they differ.
import { readDrill, readFileOf } from './files.ts'
import { figuresOf, type Figures } from './figures.ts'
import { differences, journalFile } from './journal-figures.ts'

/** @throws Error if a file of the folder is missing or is not as it must be, or if the record has no load */
export async function checkFolder(folder: string): Promise<{ figures: Figures; differences: readonly string[] }> {
  const figures = figuresOf(await readDrill(folder))
  return { figures, differences: differences(figures, await readFileOf(folder, 'journal.json', journalFile)) }
}

async function main(folder: string | undefined): Promise<number> {
  if (folder === undefined) {
    process.stderr.write('expected a drill folder: node test/checker/check-record.ts drills/latest\n')
    return 3
  }
  const checked = await checkFolder(folder).catch((error: unknown) => {
    process.stderr.write(`${folder} can't be checked: ${(error as Error).message}\n`)
    return null
  })
  if (checked === null) return 3
  for (const [name, value] of Object.entries(checked.figures.values))
    process.stdout.write(`${name}: ${value ?? 'unknown'}\n`)
  for (const [name, value] of Object.entries(checked.figures.atLeast))
    process.stdout.write(`at least ${name}: ${value}\n`)
  for (const line of checked.differences) process.stdout.write(`DIFFERENT ${line}\n`)
  process.stdout.write(checked.differences.length === 0 ? 'equal\n' : `${checked.differences.length} differences\n`)
  return checked.differences.length === 0 ? 0 : 1
}

if (import.meta.main) process.exitCode = await main(process.argv[2])
