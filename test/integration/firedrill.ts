// The tool as people run it, in a process of its own.
import { join } from 'node:path'
import { checkout } from '#world/checkout.ts'
import { type Ended, run } from '#world/child-process.ts'

/** What `node` runs. */
export const commandLine = join(checkout, 'cli', 'main.ts')

/** Resolves only when nobody has its pipes open any more, so that a process left behind that held one would be noticed. */
export function firedrill(...argv: readonly string[]): Promise<Ended> {
  return run([process.execPath, commandLine, ...argv], { cwd: checkout })
}
