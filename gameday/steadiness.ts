// Whether the service meets the runbook's steady-state hypothesis now, in every client area. Pure.
import type { Operation } from '#protocol/operation.ts'
import type { Runbook } from '#protocol/runbook.ts'
import { toClientOperation } from './measure/history.ts'
import { meets, percentile } from './measure/service.ts'

const lookedAtMs = 3000
/** Operations younger than this may still be under way. */
const underWayMs = 1000

/** Operations, by when they ended: the whole list of a long drill is not to be looked at again and again. */
export type EndedSince = (ns: bigint) => readonly Operation[]

/** @returns what is missing, one sentence for each area that is not steady */
export function missingForSteady(endedSince: EndedSince, runbook: Runbook, nowNs: bigint): readonly string[] {
  const hypothesis = runbook['steady-state-hypothesis']
  const recent = endedSince(nowNs - BigInt(lookedAtMs + underWayMs) * 1_000_000n)
    .map((each) => toClientOperation(each, nowNs))
    .filter((each) => each.intendedMs >= -lookedAtMs - underWayMs && each.intendedMs < -underWayMs)
  return runbook.load.from.flatMap((area) => {
    const ofArea = recent.filter((each) => each.area === area)
    if (meets(ofArea, { successRate: hypothesis['success-rate'], p99Ms: hypothesis.p99 })) return []
    const succeeded = ofArea.filter((each) => each.outcome === 'ok')
    const p99 = percentile(
      succeeded.map((each) => each.doneMs - each.intendedMs),
      0.99,
    )
    return [
      `${area}: ${succeeded.length} of ${ofArea.length} operations succeeded, p99 ${p99 === null ? 'none' : `${Math.round(p99)} ms`}`,
    ]
  })
}
