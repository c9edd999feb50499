// Runs a program to its end, with its output line by line.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface Ended {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly onLine?: (line: string) => void
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

/** Never rejects for a non-zero exit; a program that can't be started ends with 127. */
export async function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<Ended> {
  const [program, ...rest] = argv
  const child = spawn(program, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.environment === undefined ? {} : { env: { ...options.environment } }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    createInterface({ input: child[name] }).on('line', (line) => {
      output[name] += `${line}\n`
      options.onLine?.(line)
    })
  }
  return new Promise((resolve) => {
    // An aborted one has been told to end: `close` says when it has.
    child.once('error', (error) => {
      if (child.pid === undefined) resolve({ exitCode: 127, ...output, stderr: `${output.stderr}${error.message}\n` })
    })
    child.once('close', (code) => resolve({ exitCode: code ?? 1, ...output }))
  })
}

/** The last non-empty lines of an output. */
export function lastLines(text: string, count: number): string {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-count)
    .join('\n')
}
