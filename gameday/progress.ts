// How a drill tells people where it is. The terminal's side is in cli/.

export interface Progress {
  /** Runs `work` as one visible step; a note replaces the step's second line. */
  step<Result>(title: string, work: (note: (text: string) => void) => Promise<Result>): Promise<Result>
}
