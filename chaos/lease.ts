// How long a fault lasts: to its planned end, or as long as its drill renews it.
import type { FaultSpec } from '#protocol/faults.ts'

/** A fault without a planned end outlives its drill by no more. */
export const leaseMs = 60_000
/** Five renewals may fail. */
export const renewEveryMs = 10_000

/** Milliseconds for which it is injected. */
export function lastsMs(spec: Pick<FaultSpec, 'for'>): number {
  return spec.for ?? leaseMs
}
