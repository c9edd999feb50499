// The folder that a drill leaves: lines are appended while it runs, the rest is written at its end.
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { finished, pipeline } from 'node:stream/promises'
import type { Journal } from '#protocol/journal.ts'
import { messageOf } from '#runtime/message-of.ts'
import { slugOf } from '#protocol/names.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { nameOf } from '#chaos/targets.ts'
import type { CollectorFiles } from './collector.ts'
import { sumOf } from './drill-manifest.ts'
import type { DrillRecord } from './measure/record.ts'
import { finalReadsText, recordText } from './measure/record-files.ts'

export interface DrillFolder {
  readonly path: string
  readonly files: CollectorFiles
  /** Aborted, with the reason, once lines can't be written any more: the disk is full. */
  readonly broken: AbortSignal
  /**
   * Waits until every line is on its way to the disk.
   * @returns names of files that are not as they were written: somebody has changed them meanwhile
   * @throws Error if any line could not be written
   */
  close(): Promise<readonly string[]>
}

/**
 * `2026-11-23T14-03-59Z-region-loss`, from wall time: folders are for people. Whatever the runbook is called, it is a name that
 * begins idempotency keys and ids of the ledger (protocol/names.ts), with room for a number at its end.
 */
export function drillName(runbookName: string, now: Date): string {
  return `${now
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '-')}-${slugOf(runbookName)}`
}

/** Lines that are appended while a drill runs, and remembered by their sum. */
class LineFile {
  readonly #name: string
  readonly #path: string
  readonly #hash = createHash('sha256')
  readonly #stream

  constructor(folder: string, name: string, onError: (error: Error) => void) {
    this.#name = name
    this.#path = join(folder, name)
    this.#stream = createWriteStream(this.#path)
    this.#stream.on('error', onError)
  }

  write(lines: readonly unknown[]): void {
    const text = textOf(lines)
    this.#hash.update(text)
    this.#stream.write(text)
  }

  /** @returns its name, if it is not as it was written */
  async end(): Promise<readonly string[]> {
    this.#stream.end()
    await finished(this.#stream)
    const found = await sumOf(this.#path).catch(() => null)
    return found?.sha256 === this.#hash.digest('hex') ? [] : [this.#name]
  }
}

function textOf(lines: readonly unknown[]): string {
  return lines.map((each) => `${JSON.stringify(each)}\n`).join('')
}

/**
 * Makes `<drillsFolder>/<name>/`, or `<name>-2` and so on if another drill began in the same second, and points `latest` at it.
 * @throws EnvironmentError if that can't be written
 */
export async function createDrillFolder(drillsFolder: string, name: string): Promise<DrillFolder> {
  try {
    await mkdir(drillsFolder, { recursive: true })
    const drill = await makeNew(drillsFolder, name)
    // Renamed over the old link: another drill may be doing the same.
    const link = join(drillsFolder, 'latest')
    await symlink(drill, `${link}.${drill}`)
    await rename(`${link}.${drill}`, link)
    return await openDrillFolder(join(drillsFolder, drill))
  } catch (error) {
    throw new EnvironmentError(
      `no drill can be recorded in ${drillsFolder}: ${(error as Error).message}; make room or make it writable (df -h, ls -ld), then run it again`,
      { cause: error },
    )
  }
}

async function makeNew(drillsFolder: string, name: string): Promise<string> {
  for (let count = 1; ; count += 1) {
    const drill = count === 1 ? name : `${name}-${count}`
    try {
      await mkdir(join(drillsFolder, drill))
      return drill
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

/** For a drill that is to be recorded in `path`, which is there. */
export async function openDrillFolder(path: string): Promise<DrillFolder> {
  await mkdir(join(path, 'logs'), { recursive: true })
  const breaking = new AbortController()
  const open = (name: string): LineFile =>
    new LineFile(path, name, (error) => breaking.abort(new Error(`the drill can't be recorded: ${error.message}`)))
  const [timeline, operations, samples] = [open('timeline.ndjson'), open('ops.ndjson'), open('samples.ndjson')]
  return {
    path,
    broken: breaking.signal,
    files: {
      timeline: (event) => timeline.write([event]),
      sample: (sample) => samples.write([sample]),
      operations: (batch) => operations.write(batch),
    },
    close: async () => {
      if (breaking.signal.aborted) throw breaking.signal.reason
      return (await Promise.all([timeline.end(), operations.end(), samples.end()])).flat()
    },
  }
}

export function journalText(journal: Journal): string {
  return `${JSON.stringify(journal, null, 2)}\n`
}

/** What was collected, once more: in place of files that somebody has changed while the drill ran. */
export async function mendLines(folder: string, changed: readonly string[], record: DrillRecord): Promise<void> {
  const lines: Readonly<Record<string, readonly unknown[]>> = {
    'timeline.ndjson': record.events,
    'ops.ndjson': record.operations,
    'samples.ndjson': record.samples,
  }
  for (const name of changed) {
    // Whatever it has become: a link must not be followed.
    await rm(join(folder, name), { recursive: true, force: true })
    await pipeline(
      batchesOf(lines[name] ?? []).map((each) => textOf(each)),
      createWriteStream(join(folder, name)),
    )
  }
}

/** A file of a long drill is longer than a string may be. */
function batchesOf(lines: readonly unknown[]): readonly (readonly unknown[])[] {
  const size = 10_000
  return Array.from({ length: Math.ceil(lines.length / size) }, (_, index) =>
    lines.slice(index * size, (index + 1) * size),
  )
}

/** journal.json, and everything that its figures were computed from and that was not written while the drill ran. */
export async function writeRecord(folder: string, record: DrillRecord, journal: Journal): Promise<void> {
  await writeFile(join(folder, 'record.json'), recordText(record))
  await writeFile(join(folder, 'final-reads.json'), finalReadsText(record.finalReads))
  if (record.exports.length > 0) await mkdir(join(folder, 'exports'), { recursive: true })
  for (const tail of record.exports)
    await writeFile(join(folder, 'exports', `${tail.name}.json`), `${JSON.stringify(tail, null, 2)}\n`)
  await writeFile(join(folder, 'journal.json'), journalText(journal))
}

/** Topology and images as they are, and every container's log. What can't be had, since Docker may be what broke, gets the reason instead. */
export async function writeWorldFiles(folder: string, world: RunningWorld): Promise<void> {
  await writeFile(join(folder, 'topology.json'), `${JSON.stringify(world.topology, null, 2)}\n`)
  const facts = await world.containers().catch((error: unknown) => messageOf(error))
  const images =
    typeof facts === 'string' ? { unread: facts } : Object.fromEntries(facts.map((each) => [nameOf(each), each.image]))
  await writeFile(join(folder, 'images.json'), `${JSON.stringify(images, null, 2)}\n`)
  if (typeof facts === 'string') return
  await Promise.all(
    facts.map(async (each) => {
      const text = await world.logs(each).catch((error: unknown) => `no log: ${String(error)}\n`)
      await writeFile(join(folder, 'logs', `${nameOf(each)}.log`), text)
    }),
  )
}
