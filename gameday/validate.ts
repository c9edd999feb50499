// Reads a runbook and says everything that is wrong with it, by file, line and column, before anything starts.
import type { Runbook } from '#protocol/runbook.ts'

export interface ValidateOptions {
  /** `--set path=value`, in order. */
  readonly set: readonly string[]
  /** False: an `approve` step is refused (no terminal, and no `--yes`). */
  readonly canApprove: boolean
}

export interface LoadedRunbook {
  /** Name for folders and reports: the file's name without its ending. */
  readonly name: string
  readonly file: string
  readonly runbook: Runbook
}

/** Every problem is one line: file, line, column, expected, found. */
export class RunbookInvalid extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'RunbookInvalid'
    this.problems = problems
  }
}

/**
 * @param nameOrPath a shipped name (`region-loss`) or a path to a YAML file
 * @throws RunbookInvalid
 */
export async function loadRunbook(nameOrPath: string, options: ValidateOptions): Promise<LoadedRunbook> {
  void options
  throw new RunbookInvalid([`${nameOrPath}: reading runbooks is not built yet`])
}
