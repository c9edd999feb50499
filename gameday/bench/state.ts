// What a bench has finished: kept on disk after each run, so that an interrupted bench goes on where it was. In the end the same
// file is the bench's result: every run's figures, its drill's folder, and the distributions.
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { verdicts } from '#protocol/journal.ts'

const ms = z.number().nullable()
const count = z.number().nullable()
export const finishedRun = z.object({
  runbook: z.string(),
  /** The drill's folder; null if the drill could not begin or left none. */
  folder: z.string().nullable(),
  verdict: z.enum(verdicts),
  /** What kept it from passing; empty if it passed. */
  why: z.string(),
  firstWriteMs: ms,
  restoredMs: ms,
  longestGapMs: ms,
  failbackGapMs: ms,
  failbackFailed: count,
  lost: count,
  splitBrain: count,
  failedRequests: count,
  tookMs: ms,
  /** How far `firstWriteMs` and `restoredMs` may be from the truth either way. */
  firstWriteResolutionMs: ms.default(null),
  resolutionMs: ms.default(null),
  /** Why a figure above is unknown, by its name. */
  unknown: z.record(z.string(), z.string()).default({}),
  /** Service was not back when the load ended, so long after t0. */
  stillOutMs: ms.default(null),
})
export type FinishedRun = z.infer<typeof finishedRun>

/** What was asked for, and of which images. Only the same question goes on; any other begins anew. */
const question = z.object({ runs: z.number(), runbooks: z.array(z.string()), images: z.array(z.string()) })
export type BenchQuestion = z.infer<typeof question>

const benchState = z.object({ asked: question, complete: z.boolean(), runs: z.array(finishedRun) })

/** Runs of an interrupted bench of the same question; none otherwise, and an older file is put aside as `<file>.previous`. */
export async function resumeState(file: string, asked: BenchQuestion): Promise<readonly FinishedRun[]> {
  if (!existsSync(file)) return []
  const parsed = benchState.safeParse(JSON.parse(await readFile(file, 'utf8')))
  const same = parsed.success && JSON.stringify(parsed.data.asked) === JSON.stringify(asked)
  if (same && !parsed.data.complete) return parsed.data.runs
  await rename(file, `${file}.previous`)
  return []
}

/** Replaces the file at one instant: a kill leaves the old one or the new one. */
export async function writeState(
  file: string,
  state: z.infer<typeof benchState> & { readonly figures: unknown },
): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(`${file}.new`, `${JSON.stringify(state, null, 1)}\n`)
  await rename(`${file}.new`, file)
}
