// RTO, first write: t0 to the first ack, under an epoch above t0's, of a write that was sent after t0.
import { longestGapMs } from './gaps.ts'
import type { AckedWrite } from './history.ts'

export interface OutageSpan {
  readonly t0Ms: number
  /** End of what t0 is answerable for: the next ordered change, or the end of the load. */
  readonly untilMs: number
  /** The epoch in force at t0. */
  readonly epoch: number
}

export interface FirstWrite {
  readonly ms: number | null
  /** The ack itself; null where no epoch changed and the figure is the longest gap. */
  readonly ack: AckedWrite | null
}

/**
 * @param acks in order of their acks, of all areas or of one
 * @param epochChanged whether any area saw a higher epoch; without one the figure is the longest gap without acks
 */
export function firstWrite(acks: readonly AckedWrite[], span: OutageSpan, epochChanged: boolean): FirstWrite {
  if (!epochChanged)
    return {
      ms: longestGapMs(
        acks.map((ack) => ack.doneMs),
        span.t0Ms,
        span.untilMs,
      ),
      ack: null,
    }
  const ack = acks.find((each) => each.epoch > span.epoch && each.sentMs >= span.t0Ms && each.doneMs <= span.untilMs)
  return ack === undefined ? { ms: null, ack: null } : { ms: ack.doneMs - span.t0Ms, ack }
}

/** Whether a write sent within the span was acked in it under a higher epoch. */
export function epochChangedIn(acks: readonly AckedWrite[], span: OutageSpan): boolean {
  return firstWrite(acks, span, true).ack !== null
}
