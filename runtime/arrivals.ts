// The open-loop arrival process: when each operation should be sent, and of what kind. Drawn from the seed alone.
import type { LoadPlan } from '#protocol/operation.ts'
import { siteIndex, type Area } from '#protocol/sites.ts'
import { createRandom } from '#runtime/random.ts'

export interface Arrival {
  readonly seq: number
  /** Nanoseconds after the plan's start. */
  readonly offsetNs: bigint
  readonly kind: 'write' | 'read'
  /** In [0, 1): which of the orders that can be read, or what to order. */
  readonly pick: number
}

/**
 * How many of a plan's arrivals are intended before `untilNs`: their numbers are those below. In the client's own arithmetic, to the
 * nanosecond.
 */
export function plannedBefore(
  plan: Pick<LoadPlan, 'seed' | 'rate' | 'reads' | 'durationMs' | 'startNs'>,
  area: Area,
  untilNs: bigint,
): number {
  const lengthNs = untilNs - BigInt(plan.startNs)
  let count = 0
  for (const { offsetNs } of arrivals(plan, area)) {
    if (offsetNs >= lengthNs) break
    count += 1
  }
  return count
}

/** Poisson arrivals: gaps are exponential, -ln(1 - u) / rate. They end with the plan's duration. */
export function* arrivals(
  plan: Pick<LoadPlan, 'seed' | 'rate' | 'reads' | 'durationMs'>,
  area: Area,
): Generator<Arrival, void, undefined> {
  const random = createRandom(plan.seed, siteIndex(area))
  let offsetMs = 0
  for (let seq = 0; ; seq += 1) {
    offsetMs += (-Math.log(1 - random()) * 1000) / plan.rate
    if (offsetMs >= plan.durationMs) return
    const kind = random() < plan.reads ? 'read' : 'write'
    yield { seq, offsetNs: BigInt(Math.round(offsetMs * 1e6)), kind, pick: random() }
  }
}
