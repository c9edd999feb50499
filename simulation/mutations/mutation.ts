// A mutation: one safety rule taken out of a copy of the real code, by exact text. What ships has no switch for it.
import type { DrawOptions } from '../draw.ts'
import type { Invariant } from '../violation.ts'

export interface Patch {
  /** From the root of the checkout. */
  readonly file: string
  /** Must occur exactly once in the file: a rule that has moved is not silently left in place. */
  readonly before: string
  readonly after: string
}

export interface Mutation {
  readonly name: string
  /** What the mutated code does, in one sentence. */
  readonly what: string
  /** The line of PROTOCOL or the rule of DESIGN that it breaks. */
  readonly breaks: string
  readonly patches: readonly Patch[]
  /** The invariants that may rightly be the first to show it. */
  readonly namedBy: readonly Invariant[]
  /** What schedules are drawn with: a rule of one commit mode is searched for in that mode, most in the smallest world. */
  readonly draw: DrawOptions
}

/** @throws Error that names mutation and file, unless `before` occurs exactly once */
export function patched(name: string, { file, before, after }: Patch, text: string): string {
  const parts = text.split(before)
  if (parts.length !== 2)
    throw new Error(
      `mutation ${name}: expected its text exactly once in ${file}, saw it ${parts.length - 1} times: ${JSON.stringify(before)}`,
    )
  return parts.join(after)
}
