// manifest.json of a drill's folder: the SHA-256 of every file that figures come from, so that one that was changed is named.
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

/** What is written while a drill runs and at its end; reports can be written anew and are not among them. */
const evidence = [
  'journal.json',
  'record.json',
  'ops.ndjson',
  'timeline.ndjson',
  'samples.ndjson',
  'final-reads.json',
  'topology.json',
  'images.json',
]

const fileSum = z.object({ sha256: z.string(), bytes: z.number(), lines: z.number() })
type FileSum = z.infer<typeof fileSum>
const manifestFile = z.object({ schemaVersion: z.literal(1), files: z.record(z.string(), fileSum) })

export async function sumOf(file: string): Promise<FileSum> {
  const hash = createHash('sha256')
  let bytes = 0
  let lines = 0
  for await (const piece of createReadStream(file)) {
    const chunk = piece as Buffer
    hash.update(chunk)
    bytes += chunk.length
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines += 1
  }
  return { sha256: hash.digest('hex'), bytes, lines }
}

export async function writeManifest(folder: string): Promise<void> {
  const exported = existsSync(join(folder, 'exports')) ? await readdir(join(folder, 'exports')) : []
  const names = [...evidence, ...exported.toSorted().map((name) => `exports/${name}`)]
  const present = names.filter((name) => existsSync(join(folder, name)))
  const sums = await Promise.all(present.map(async (name) => [name, await sumOf(join(folder, name))] as const))
  const manifest = { schemaVersion: 1, files: Object.fromEntries(sums) }
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}

/** What a drill's folder says of itself. */
export interface Integrity {
  /** SHA-256 of manifest.json, which pins every other file; null: recorded without one. */
  readonly manifestSha256: string | null
  /** One sentence for each file that is not as the drill wrote it. */
  readonly changed: readonly string[]
}

function difference(name: string, expected: FileSum, seen: FileSum): string | null {
  if (seen.sha256 === expected.sha256) return null
  const inLines = seen.lines === expected.lines ? null : `${seen.lines} lines, expected ${expected.lines}`
  const inBytes = seen.bytes === expected.bytes ? null : `${seen.bytes} bytes, expected ${expected.bytes}`
  const what = inLines ?? inBytes ?? 'as long as expected, but with other content'
  return `${name} was changed after the drill: ${what} (sha256 ${seen.sha256.slice(0, 12)}…, expected ${expected.sha256.slice(0, 12)}…)`
}

export async function checkManifest(folder: string): Promise<Integrity> {
  const path = join(folder, 'manifest.json')
  if (!existsSync(path))
    return { manifestSha256: null, changed: ['manifest.json is gone: nothing shows what was changed'] }
  const text = await readFile(path, 'utf8')
  const manifestSha256 = createHash('sha256').update(text).digest('hex')
  const parsed = manifestFile.safeParse(jsonOrNull(text))
  if (!parsed.success) return { manifestSha256, changed: ['manifest.json is not as a drill writes it'] }
  const seen = await Promise.all(
    Object.entries(parsed.data.files).map(async ([name, expected]) => {
      const file = join(folder, name)
      return existsSync(file) ? difference(name, expected, await sumOf(file)) : `${name} is gone`
    }),
  )
  return { manifestSha256, changed: seen.filter((each) => each !== null) }
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
