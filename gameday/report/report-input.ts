// What a report is made from: the journal, and the raw lines for plots and the timeline.
import type { Journal } from '#protocol/journal.ts'
import type { Operation } from '#protocol/operation.ts'
import type { Sample } from '#protocol/sample.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import type { Integrity } from '../drill-manifest.ts'

export interface ReportInput {
  readonly journal: Journal
  readonly operations: readonly Operation[]
  /** In order of time. */
  readonly events: readonly TimelineEvent[]
  readonly samples: readonly Sample[]
  readonly integrity: Integrity
}
