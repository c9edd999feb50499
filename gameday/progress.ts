// How a drill tells people where it is. The terminal's side is in cli/.

export interface Progress {
  /** Runs `work` as one visible step; a note replaces the step's second line. */
  step<Result>(title: string, work: (note: (text: string) => void) => Promise<Result>): Promise<Result>
  /** Runs branches side by side, each with a place of its own to show its steps at. They never reject. Absent: all share one. */
  branches?(branches: readonly Branch[]): Promise<void>
}

export type Branch = (progress: Progress) => Promise<void>

export async function inBranches(progress: Progress, branches: readonly Branch[]): Promise<void> {
  if (progress.branches !== undefined) await progress.branches(branches)
  else await Promise.all(branches.map((branch) => branch(progress)))
}
