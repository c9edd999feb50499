// Starts a part of this tool as a process of its own, which outlives its parent and the terminal and keeps no pipe of theirs open.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkout } from './checkout.ts'

export interface DetachedOptions {
  /** Below the checkout, and what it is given. */
  readonly program: readonly [file: string, ...argv: string[]]
  /** Of Node. */
  readonly flags?: readonly string[]
  /** Takes all that it says. */
  readonly logFile: string
  /** The log goes on instead of being begun anew. */
  readonly appends?: true
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** It has a session of its own, so that neither Ctrl-C nor a closed terminal reaches it. */
export function startDetached(options: DetachedOptions): ChildProcess {
  const { program, flags = [], logFile, environment } = options
  const [file, ...argv] = program
  mkdirSync(dirname(logFile), { recursive: true })
  const log = openSync(logFile, options.appends === true ? 'a' : 'w', 0o600)
  try {
    const child = spawn(process.execPath, [...flags, join(checkout, file), ...argv], {
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
