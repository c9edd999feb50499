// Drills of a fuzzing session are recorded aside; one that is kept moves to where all drills are, with the runbook that replays it.
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Drawn } from './draw.ts'

/** @returns the drill's folder in `drillsFolder` */
export async function keepDrill(
  folder: string,
  drillsFolder: string,
  drawn: Drawn,
  replay: readonly string[],
): Promise<string> {
  const head = replay.map((line) => `# ${line}\n`).join('')
  await writeFile(join(folder, `${drawn.name}.yaml`), `${head}${drawn.text}`)
  await mkdir(drillsFolder, { recursive: true })
  const name = basename(folder)
  const kept = join(drillsFolder, name)
  await rename(folder, kept)
  const link = join(drillsFolder, 'latest')
  await symlink(name, `${link}.${name}`)
  await rename(`${link}.${name}`, link)
  return kept
}

export async function dropDrill(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
}
