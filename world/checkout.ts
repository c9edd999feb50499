// Where things live in the checkout and on this machine.
import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { worldName } from '#protocol/names.ts'
import { loadHostConfig } from '#runtime/config.ts'
import { EnvironmentError } from './environment-error.ts'

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

/** Who runs this, also where the system has no name for him. With sudo, who has asked for it too. */
export function userName(): string {
  const name = systemName()
  const asker = loadHostConfig().environment['SUDO_USER']
  return asker === undefined || asker === name ? name : `${name} (sudo of ${asker})`
}

function systemName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`
  }
}

/**
 * What this user's processes leave for each other: reservations of addresses, logs, what a dashboard shows.
 * @throws EnvironmentError if it can't be made, or somebody else can write there: what lies there is trusted
 */
export function machineFolder(): string {
  const folder = join(tmpdir(), `firedrill-${systemName()}`)
  const mend = 'remove it, or set TMPDIR to a folder of your own'
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new EnvironmentError(`${folder} can't be made (${(error as Error).message}); ${mend}`, { cause: error })
  }
  const seen = lstatSync(folder)
  const self = process.getuid?.()
  if (!seen.isDirectory() || (self !== undefined && (seen.uid !== self || (seen.mode & 0o022) !== 0)))
    throw new EnvironmentError(
      `${folder}: expected a folder that belongs to this user and that nobody else can write to, saw ${seen.isDirectory() ? `one of uid ${seen.uid} with mode ${(seen.mode & 0o777).toString(8)}` : 'something else'}; ${mend}`,
    )
  return folder
}
