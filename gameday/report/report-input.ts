// What a report is made from: the journal, what the operations came to, and the raw lines for plots and the timeline.
import type { Journal } from '#protocol/journal.ts'
import type { Operation } from '#protocol/operation.ts'
import type { Sample } from '#protocol/sample.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import type { Integrity } from '../drill-manifest.ts'
import { LoadTally, type LoadSeen } from './load-seen.ts'
import { scenesOf } from './scenes.ts'

interface Told {
  readonly journal: Journal
  /** In order of time. */
  readonly events: readonly TimelineEvent[]
  readonly samples: readonly Sample[]
  readonly integrity: Integrity
}

/** As a drill records it, or its files have it: operations are passed over once, and none is kept. */
export interface RawReport extends Told {
  readonly operations: Iterable<Operation> | AsyncIterable<Operation>
}

export interface ReportInput extends Told {
  readonly load: LoadSeen
}

/** @throws EnvironmentError where the operations come from a file that can't be read */
export async function reportInput({ operations, ...told }: RawReport): Promise<ReportInput> {
  const tally = new LoadTally(
    told.journal,
    scenesOf(told.journal, told.samples).map(({ atNs }) => atNs),
  )
  for await (const each of operations) tally.add(each)
  const { journal, events, samples, integrity } = told
  return { journal, events, samples, integrity, load: tally.seen() }
}
