// A copy of what the simulator runs, with a mutation in it: in a folder of its own, removed afterwards.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Mutation, patched } from './mutation.ts'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** `package.json` says what #protocol and its like mean, so that in the copy they mean the copy. */
const parts = ['package.json', 'protocol', 'runtime', 'orchestrator', 'services/app/core', 'simulation']

/** @returns the patched files, by name */
export function patchedFiles({ name, patches }: Mutation): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  for (const patch of patches)
    texts.set(patch.file, patched(name, patch, texts.get(patch.file) ?? readFileSync(join(root, patch.file), 'utf8')))
  return texts
}

/** @param work is given the folder of the copy */
export async function withCopy<Result>(mutation: Mutation, work: (folder: string) => Promise<Result>): Promise<Result> {
  const texts = patchedFiles(mutation)
  const folder = mkdtempSync(join(tmpdir(), 'firedrill-mutation-'))
  try {
    for (const part of parts) cpSync(join(root, part), join(folder, part), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    for (const [file, text] of texts) writeFileSync(join(folder, file), text)
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
