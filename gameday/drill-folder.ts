// The folder that a drill leaves: lines are appended while it runs, the rest is written at its end.
import { createWriteStream, type WriteStream } from 'node:fs'
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import type { Journal } from '#protocol/journal.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { nameOf } from '#chaos/targets.ts'
import type { CollectorFiles } from './collector.ts'

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

/** `2026-11-23T14-03-59Z-region-loss`, from wall time: folders are for people. */
export function drillName(runbookName: string, now: Date): string {
  return `${now
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '-')}-${runbookName}`
}

async function end(stream: WriteStream): Promise<void> {
  stream.end()
  await finished(stream)
}

/**
 * Makes `<drillsFolder>/<drill>/` and points `latest` at it.
 * @throws EnvironmentError if that can't be written
 */
export async function createDrillFolder(drillsFolder: string, drill: string): Promise<DrillFolder> {
  const path = join(drillsFolder, drill)
  try {
    await mkdir(join(path, 'logs'), { recursive: true })
    const link = join(drillsFolder, 'latest')
    await rm(link, { force: true })
    await symlink(drill, link)
  } catch (error) {
    throw new EnvironmentError(
      `no drill can be recorded in ${drillsFolder}: ${(error as Error).message}; make room or make it writable (df -h, ls -ld), then run it again`,
      { cause: error },
    )
  }
  const breaking = new AbortController()
  const timeline = createWriteStream(join(path, 'timeline.ndjson'))
  const operations = createWriteStream(join(path, 'ops.ndjson'))
  for (const stream of [timeline, operations])
    stream.on('error', (error) => breaking.abort(new Error(`the drill can't be recorded: ${error.message}`)))
  return {
    path,
    broken: breaking.signal,
    files: {
      timeline: (event) => timeline.write(`${JSON.stringify(event)}\n`),
      operations: (batch) => operations.write(batch.map((each) => `${JSON.stringify(each)}\n`).join('')),
    },
    close: async () => {
      if (breaking.signal.aborted) throw breaking.signal.reason
      await Promise.all([end(timeline), end(operations)])
    },
  }
}

export async function writeJournal(folder: string, journal: Journal): Promise<void> {
  await writeFile(join(folder, 'journal.json'), `${JSON.stringify(journal, null, 2)}\n`)
}

/** Topology and images as they are, and every container's log. A container whose log can't be had gets the reason instead. */
export async function writeWorldFiles(folder: string, world: RunningWorld): Promise<void> {
  const facts = await world.containers()
  await writeFile(join(folder, 'topology.json'), `${JSON.stringify(world.topology, null, 2)}\n`)
  const images = Object.fromEntries(facts.map((each) => [nameOf(each), each.image]))
  await writeFile(join(folder, 'images.json'), `${JSON.stringify(images, null, 2)}\n`)
  await Promise.all(
    facts.map(async (each) => {
      const text = await world.logs(each).catch((error: unknown) => `no log: ${String(error)}\n`)
      await writeFile(join(folder, 'logs', `${nameOf(each)}.log`), text)
    }),
  )
}
