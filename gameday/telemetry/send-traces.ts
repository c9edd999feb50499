// The traces of a drill, made from the files that it left, when it has ended.
import { join } from 'node:path'
import type { Journal } from '#protocol/journal.ts'
import { type TimelineEvent, timelineEvent } from '#protocol/timeline.ts'
import { readJournal } from '../report/past-drill.ts'
import { readLines } from '../report/read-lines.ts'
import { drillSpan } from './drill-spans.ts'
import { exportSpans } from './export-spans.ts'
import { failoverSpans } from './failover-spans.ts'
import type { SpanPlan } from './span-plan.ts'

/** One trace of the drill, and one of each move of the primary role. @throws Error for a journal without the clock's origin */
export function tracesOf(
  journal: Journal,
  events: readonly TimelineEvent[],
): { readonly plans: readonly SpanPlan[]; readonly offsetNs: bigint } {
  if (journal.originNs === undefined)
    throw new Error('its journal does not say when it began on the clock of the world: it is of an older version')
  const originNs = BigInt(journal.originNs)
  const inOrder = events.toSorted((left, right) => Number(BigInt(left.atNs) - BigInt(right.atNs)))
  return {
    plans: [drillSpan(journal, inOrder, originNs), ...failoverSpans(journal, inOrder)],
    offsetNs: BigInt(Date.parse(journal.startedAt)) * 1_000_000n - originNs,
  }
}

/**
 * Never rejects: a receiver that is not there must not fail a drill.
 * @param folder of the drill
 * @returns one line that says what was sent, or why nothing was
 */
export async function sendTraces(folder: string, endpoint: string): Promise<string> {
  try {
    const journal = await readJournal(folder)
    const events = await Array.fromAsync(readLines(join(folder, 'timeline.ndjson'), timelineEvent))
    const { plans, offsetNs } = tracesOf(journal, events)
    const count = await exportSpans(plans, { endpoint, offsetNs })
    return `traces: ${count} spans in ${plans.length} traces sent to ${endpoint}`
  } catch (error) {
    const [why] = (error instanceof Error ? reasonOf(error) : String(error)).split('\n')
    return `traces: not sent to ${endpoint}: ${why}; the drill's files are whole: ./firedrill report --otlp ${endpoint} sends them later`
  }
}

/** What Node's connections fail with may have a code and no message. */
function reasonOf(error: NodeJS.ErrnoException): string {
  return error.message === '' ? (error.code ?? error.name) : error.message
}
