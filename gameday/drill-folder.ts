// The folder that a drill leaves: lines are appended while it runs, the rest is written at its end.
import { createWriteStream, type WriteStream } from 'node:fs'
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import type { Journal } from '#protocol/journal.ts'
import { messageOf } from '#runtime/message-of.ts'
import { slugOf } from '#protocol/names.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { nameOf } from '#chaos/targets.ts'
import type { CollectorFiles } from './collector.ts'
import type { DrillRecord } from './measure/record.ts'
import { finalReadsText, recordText } from './measure/record-files.ts'

export interface DrillFolder {
  readonly path: string
  readonly files: CollectorFiles
  /** Aborted, with the reason, once lines can't be written any more: the disk is full. */
  readonly broken: AbortSignal
  /**
   * Waits until every line is on its way to the disk.
   * @throws Error if any of them could not be written
   */
  close(): Promise<void>
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

async function end(stream: WriteStream): Promise<void> {
  stream.end()
  await finished(stream)
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
  const timeline = createWriteStream(join(path, 'timeline.ndjson'))
  const operations = createWriteStream(join(path, 'ops.ndjson'))
  const samples = createWriteStream(join(path, 'samples.ndjson'))
  for (const stream of [timeline, operations, samples])
    stream.on('error', (error) => breaking.abort(new Error(`the drill can't be recorded: ${error.message}`)))
  return {
    path,
    broken: breaking.signal,
    files: {
      timeline: (event) => timeline.write(`${JSON.stringify(event)}\n`),
      sample: (sample) => samples.write(`${JSON.stringify(sample)}\n`),
      operations: (batch) => operations.write(batch.map((each) => `${JSON.stringify(each)}\n`).join('')),
    },
    close: async () => {
      if (breaking.signal.aborted) throw breaking.signal.reason
      await Promise.all([end(timeline), end(operations), end(samples)])
    },
  }
}

export function journalText(journal: Journal): string {
  return `${JSON.stringify(journal, null, 2)}\n`
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
