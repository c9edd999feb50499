// What a runbook expects of single holds: no failed request while the control plane is dead, no ack where nobody may give one.
import type { ObjectiveResult } from '#protocol/journal.ts'
import { methodLeaves, type Leaf } from '../method.ts'
import { sinceMs, type ClientOperation } from './history.ts'
import type { DrillRecord } from './record.ts'

interface HoldSpan {
  readonly fromMs: number
  readonly toMs: number
  /** The first effect of a fault that was injected in the step right before; else `fromMs`. */
  readonly sinceFaultMs: number
}

function holdSpan(record: DrillRecord, leaf: Leaf): HoldSpan | null {
  const taken = record.steps.find((each) => each.at === leaf.at)
  if (taken === undefined || taken.failed !== null) return null
  const fromMs = sinceMs(record.originNs, taken.fromNs)
  const fault = record.faults.find((each) => each.id === leaf.before?.fault?.id)
  return {
    fromMs,
    toMs: sinceMs(record.originNs, taken.toNs),
    sinceFaultMs: fault === undefined ? fromMs : sinceMs(record.originNs, fault.firstNs),
  }
}

/** What was still under way when the hold ended is the next step's affair: only outcomes known by then count. */
function failedIn(operations: readonly ClientOperation[], span: HoldSpan): number {
  const inside = operations.filter((each) => each.intendedMs >= span.sinceFaultMs && each.doneMs <= span.toMs)
  return inside.filter((each) => each.outcome !== 'ok').length
}

/** An ack that was on its way when the fault struck is none of these: its write was sent before. */
function ackedIn(operations: readonly ClientOperation[], span: HoldSpan): number {
  const inside = operations.filter((each) => each.sentMs >= span.fromMs && each.doneMs <= span.toMs)
  return inside.filter((each) => each.kind === 'write' && each.outcome === 'ok').length
}

/** One objective for each figure that a hold of the method expects; `unknown` for holds that did not end, or met no operation. */
export function judgeExpectations(
  record: DrillRecord,
  operations: readonly ClientOperation[],
): readonly ObjectiveResult[] {
  return methodLeaves(record.runbook).flatMap((leaf) => {
    const { step } = leaf
    const span = holdSpan(record, leaf)
    const met = span !== null && operations.some((each) => each.intendedMs >= span.fromMs && each.doneMs <= span.toMs)
    const judged = (
      figure: string,
      demanded: number | undefined,
      count: (operations: readonly ClientOperation[], span: HoldSpan) => number,
    ): readonly ObjectiveResult[] => {
      if (demanded === undefined) return []
      const seen = span === null || !met ? null : count(operations, span)
      return [
        {
          name: `${stepName(leaf)}: ${figure}`,
          demanded: `at most ${demanded} in this hold`,
          measured: seen === null ? 'not measured' : String(seen),
          status: seen === null ? 'unknown' : seen <= demanded ? 'met' : 'missed',
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
