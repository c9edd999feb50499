// RTO, first write: t0 to the first ack, under an epoch above t0's, of a write that was sent after t0.
import { firstAbove } from './gaps.ts'
import type { AckedWrite } from './history.ts'
import { measured, type Timing } from './timing.ts'

export interface FirstWrite {
  readonly timing: Timing
  readonly ack: AckedWrite
}

/**
 * @param acks in order of their acks, of all areas or of one
 * @param sentMs times at which any write of the same areas was sent, ascending
 * @param epoch the one in force at t0
 * @returns null if no such write was acked by `untilMs`
 */
export function firstWrite(
  acks: readonly AckedWrite[],
  sentMs: readonly number[],
  { t0Ms, untilMs, epoch }: { readonly t0Ms: number; readonly untilMs: number; readonly epoch: number },
): FirstWrite | null {
  const ack = acks.find((each) => each.epoch > epoch && each.sentMs >= t0Ms && each.doneMs <= untilMs)
  if (ack === undefined) return null
  // The write before it found no service yet, or was answered later.
  let index = firstAbove(sentMs, ack.sentMs) - 1
  while (index >= 0 && sentMs[index] === ack.sentMs) index -= 1
  const before = Math.max(t0Ms, sentMs[index] ?? t0Ms)
  const ms = ack.doneMs - t0Ms
  return { ack, timing: measured(ms, before - t0Ms, ms) }
}
