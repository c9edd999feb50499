// Starts a command of this tool as a process of its own, which outlives its parent and the terminal and keeps no pipe of theirs open.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkout } from './checkout.ts'

export interface DetachedOptions {
  /** As after `./firedrill`. */
  readonly command: readonly string[]
  /** Takes all that it says; begun anew. */
  readonly logFile: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** It has a session of its own, so that neither Ctrl-C nor a closed terminal reaches it. */
export function startDetached({ command, logFile, environment }: DetachedOptions): ChildProcess {
  mkdirSync(dirname(logFile), { recursive: true })
  const log = openSync(logFile, 'w', 0o600)
  try {
    const child = spawn(process.execPath, [join(checkout, 'cli', 'main.ts'), ...command], {
      cwd: checkout,
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...environment },
    })
    child.unref()
    return child
  } finally {
    closeSync(log)
  }
}
