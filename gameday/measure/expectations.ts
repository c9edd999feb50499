// What a runbook expects of single holds: no failed request while the control plane is dead, no ack where nobody may give one.
import type { ObjectiveResult } from '#protocol/journal.ts'
import { methodLeaves, type Leaf } from '../method.ts'
import { holesIn, missingWords, type Account } from './collection.ts'
import type { Span } from './epochs.ts'
import { failuresIn, sinceMs, type ClientOperation } from './history.ts'
import type { DrillRecord } from './record.ts'

interface HoldSpan {
  readonly fromMs: number
  readonly toMs: number
  /** The first effect of a fault that was injected in the step right before; else `fromMs`. */
  readonly sinceFaultMs: number
  /** The first effect of the next fault, or the next order, after its end; endless without one. */
  readonly nextMs: number
}

function holdSpan(record: DrillRecord, leaf: Leaf): HoldSpan | null {
  const taken = record.steps.find((each) => each.at === leaf.at)
  if (taken === undefined || taken.failed !== null) return null
  const fromMs = sinceMs(record.originNs, taken.fromNs)
  const toMs = sinceMs(record.originNs, taken.toNs)
  const fault = record.faults.find((each) => each.id === leaf.before?.fault?.id)
  const begun = [
    ...record.faults.map(({ firstNs }) => sinceMs(record.originNs, firstNs)),
    ...record.steps.filter(({ action }) => action !== null).map((step) => sinceMs(record.originNs, step.fromNs)),
  ]
  return {
    fromMs,
    toMs,
    sinceFaultMs: fault === undefined ? fromMs : sinceMs(record.originNs, fault.firstNs),
    nextMs: Math.min(Number.POSITIVE_INFINITY, ...begun.filter((at) => at >= toMs)),
  }
}

/** What hangs when the hold ends is waited for; what was well under way when the next fault struck is that one's. */
function failedIn(operations: readonly ClientOperation[], span: HoldSpan, p99Ms: number): number {
  return failuresIn(operations, { fromMs: span.sinceFaultMs, untilMs: span.toMs, nextMs: span.nextMs }, p99Ms)
}

/** An ack that was on its way when the fault struck is none of these: its write was sent before. */
function ackedIn(operations: readonly ClientOperation[], span: HoldSpan): number {
  const inside = operations.filter((each) => each.sentMs >= span.fromMs && each.doneMs <= span.toMs)
  return inside.filter((each) => each.kind === 'write' && each.outcome === 'ok').length
}

/** One objective for each figure that a hold of the method expects; `unknown` for holds that did not end, or met no operation. */
export function judgeExpectations(
  record: DrillRecord,
  account: Account,
  operations: readonly ClientOperation[],
  doneFromOutside: (span: Span) => string | null,
): readonly ObjectiveResult[] {
  const p99Ms = record.runbook['steady-state-hypothesis'].p99
  return methodLeaves(record.runbook).flatMap((leaf) => {
    const { step } = leaf
    const span = holdSpan(record, leaf)
    const met =
      span !== null && operations.some((each) => each.intendedMs >= span.fromMs && each.intendedMs < span.toMs)
    const judged = (
      figure: string,
      demanded: number | undefined,
      count: (operations: readonly ClientOperation[], span: HoldSpan, p99Ms: number) => number,
    ): readonly ObjectiveResult[] => {
      if (demanded === undefined) return []
      const seen = span === null || !met ? null : count(operations, span, p99Ms)
      const holes = span === null ? [] : holesIn(account, { fromMs: span.sinceFaultMs - p99Ms, toMs: span.toMs })
      const missing = holes.length === 0 ? null : missingWords(account, holes)
      const outside = span === null ? null : doneFromOutside({ fromMs: span.sinceFaultMs, toMs: span.toMs })
      const isMissed = seen !== null && seen > demanded
      const isDisturbed = isMissed && figure === 'failed' && outside !== null
      const why = missing ?? (span === null ? 'the hold did not end' : 'no operation was intended in it')
      return [
        {
          name: `${stepName(leaf)}: ${figure}`,
          demanded: `at most ${demanded} in this hold`,
          measured:
            seen === null || missing !== null
              ? `unknown: ${why}${seen === null || seen === 0 ? '' : `; at least ${seen}`}`
              : `${seen}${isDisturbed ? `, but not by this drill: ${outside}` : ''}`,
          status: isDisturbed ? 'unknown' : isMissed ? 'missed' : seen === null || missing !== null ? 'unknown' : 'met',
          incidents: [],
        },
      ]
    }
    return [...judged('failed', step.expect?.failed, failedIn), ...judged('acked', step.expect?.acked, ackedIn)]
  })
}

/** Counted from 1, as people count: `step 3`, and `step 4.1.2` for the second step of the first branch of step 4. */
function stepName({ path }: Leaf): string {
  const numbers = path.filter((each) => typeof each === 'number')
  return `step ${numbers.map((each) => each + 1).join('.')}`
}
