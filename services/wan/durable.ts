// Files that must survive a kill: written beside, synced, renamed into place.
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

function writeBeside(path: string, text: string, mode: number): string {
  mkdirSync(dirname(path), { recursive: true })
  const beside = `${path}.${process.pid}.new`
  rmSync(beside, { force: true })
  const file = openSync(beside, 'wx', mode)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return beside
}

function syncFolder(path: string): void {
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** Replaces the file's content atomically; on disk when this returns. */
export function writeDurably(path: string, text: string, mode = 0o600): void {
  renameSync(writeBeside(path, text, mode), path)
  syncFolder(path)
}

/** Makes the file unless it is there, whoever else tries. Returns the content that it has now. */
export function createOnce(path: string, text: () => string, mode: number): string {
  if (!existsSync(path)) {
    const beside = writeBeside(path, text(), mode)
    try {
      linkSync(beside, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      rmSync(beside)
    }
    syncFolder(path)
  }
  return readFileSync(path, 'utf8')
}

/** The file's content as JSON; undefined if there is no such file. */
export function readJson(path: string): unknown {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}
