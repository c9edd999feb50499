// What the agent must never forget: its promise, its history, the half-made marker. On disk before anybody is told.
import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { Kept } from '#orchestrator/core/agent/decisions.ts'
import { history } from '#protocol/epoch.ts'
import { regions } from '#protocol/sites.ts'

const shape = z.strictObject({
  promised: z.number().int().nonnegative(),
  history,
  begun: z.number().int().nonnegative(),
  half: z.strictObject({ epoch: z.number().int().positive(), primary: z.enum(regions) }).nullable(),
  ahead: z.strictObject({ epoch: z.number().int().positive(), timeline: z.number().int().positive() }).nullable(),
})

/** Writes the whole file or nothing, and returns once both file and name are on disk. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const next = `${path}.next`
  const file = await open(next, 'w', 0o644)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(next, path)
  await syncFolder(dirname(path))
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

export async function saveState(path: string, kept: Kept): Promise<void> {
  await writeDurably(path, `${JSON.stringify(kept)}\n`)
}

/**
 * @returns null if there is no such file
 * @throws Error if the file can't be understood: a node that forgot its promise must not serve
 */
export async function loadState(path: string): Promise<Kept | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  try {
    return shape.parse(JSON.parse(text))
  } catch (error) {
    throw new Error(
      `${path}: expected the node's promise and history, saw ${JSON.stringify(text)}; restore it, or give the node a new volume`,
      {
        cause: error,
      },
    )
  }
}
