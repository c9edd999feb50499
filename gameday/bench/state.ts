// What a bench has finished: kept on disk after each run, so that an interrupted bench goes on where it was.
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'

const ms = z.number().nullable()
export const finishedRun = z.object({
  runbook: z.string(),
  drill: z.string(),
  verdict: z.string(),
  firstWriteMs: ms,
  restoredMs: ms,
  longestGapMs: ms,
  failbackGapMs: ms,
  failbackFailed: z.number().nullable(),
  lost: z.number().nullable(),
  splitBrain: z.number().nullable(),
  failedRequests: z.number(),
  tookMs: z.number(),
})
export type FinishedRun = z.infer<typeof finishedRun>

/** @throws Error in one line if the file is of another make */
export async function readState(file: string): Promise<readonly FinishedRun[]> {
  if (!existsSync(file)) return []
  const parsed = z.array(finishedRun).safeParse(JSON.parse(await readFile(file, 'utf8')))
  if (!parsed.success) throw new Error(`expected finished runs of this version in ${file}: remove it to begin anew`)
  return parsed.data
}

/** Replaces the file at one instant: a kill leaves the old one or the new one. */
export async function writeState(file: string, runs: readonly FinishedRun[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(`${file}.new`, `${JSON.stringify(runs, null, 1)}\n`)
  await rename(`${file}.new`, file)
}
