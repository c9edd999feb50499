// What the server offers to do, as the page gets it: fault forms and runbooks, and what was filled in wrongly.

export interface FormField {
  /** As in a runbook; a field of an inner mapping is `flap.down`. */
  readonly name: string
  readonly type: 'text' | 'number' | 'choice' | 'yes-no'
  readonly required: boolean
  /** What is expected, in the schema's own words; empty if the type says it. */
  readonly hint: string
  readonly choices: readonly string[]
  /** Values that the schema takes, to be offered. */
  readonly suggestions: readonly string[]
  readonly initial: string
}

export interface FaultForm {
  readonly kind: string
  readonly summary: string
  readonly fields: readonly FormField[]
}

/** What was filled in and is not taken: where, and why. */
export interface FieldProblem {
  readonly field: string
  readonly message: string
}

export interface RunbookParameter {
  readonly name: string
  readonly initial: string
  readonly description: string
  readonly choices: readonly string[]
}

export interface RunbookEntry {
  readonly name: string
  readonly title: string
  readonly steps: number
  readonly asksForApproval: boolean
  readonly parameters: readonly RunbookParameter[]
  /** Differences to the world's topology: a drill of it makes the world anew. */
  readonly otherTopology: readonly string[]
}

export interface Catalogue {
  readonly runbooks: readonly RunbookEntry[]
  readonly faults: readonly FaultForm[]
}
