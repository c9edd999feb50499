// RTO, first write: t0 to the first ack, under an epoch above t0's, of a write that was sent after t0.
import type { AckedWrite, ClientOperation } from './history.ts'
import { measured, type Timing } from './timing.ts'

export interface FirstWrite {
  readonly timing: Timing
  readonly ack: AckedWrite
}

/**
 * @param acks in order of their acks, of all areas or of one
 * @param writes all of the same areas that were sent, in order of that
 * @param isNew whether an epoch is above the one in force at t0, and of this incident
 * @returns null if no such write was acked by `untilMs`
 */
export function firstWrite(
  acks: readonly AckedWrite[],
  writes: readonly ClientOperation[],
  {
    t0Ms,
    untilMs,
    isNew,
  }: { readonly t0Ms: number; readonly untilMs: number; readonly isNew: (epoch: number) => boolean },
): FirstWrite | null {
  const ack = acks.find((each) => isNew(each.epoch) && each.sentMs > t0Ms && each.doneMs <= untilMs)
  if (ack === undefined) return null
  // What was sent before, and not acked under a new epoch, found no service yet.
  const before = writes.findLast(
    (each) => each.sentMs < ack.sentMs && !(each.outcome === 'ok' && each.epoch !== null && isNew(each.epoch)),
  )
  const beforeMs = Math.max(t0Ms, before?.sentMs ?? t0Ms)
  const ms = ack.doneMs - t0Ms
  return { ack, timing: measured(ms, beforeMs - t0Ms, ms) }
}
