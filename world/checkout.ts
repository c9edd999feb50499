// Where things live in the checkout and on this machine.
import { mkdirSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { worldName } from '#protocol/names.ts'

/** The checkout's root. */
export const checkout = resolve(import.meta.dirname, '..')
export const stateFolder = join(checkout, '.firedrill')
export const artifactsFolder = join(stateFolder, 'artifacts')
export const npmCli = join(stateFolder, 'toolchain', 'node_modules', 'npm', 'bin', 'npm-cli.js')

/** @throws Error for what is no world's name: the folder is removed with its world, and must be no other */
export function worldFolder(world: string): string {
  worldName.parse(world)
  return join(stateFolder, 'worlds', world)
}

/** Locks and reservations are shared by all checkouts of this user, since they share one Docker. */
export function machineFolder(): string {
  const folder = join(tmpdir(), `firedrill-${userInfo().username}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}
