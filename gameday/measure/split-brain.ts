// Split brain: writes that were sent after the first ack of an epoch and yet were acked under a lower one.
import type { AckedWrite } from './history.ts'

export interface SplitBrain {
  readonly count: number
  /** From the first to the last of their acks. */
  readonly ms: number
}

/** A late ack of a write sent before the epoch's first ack is no split brain: that write is in the surviving history. */
export function splitAcks(acks: readonly AckedWrite[]): readonly AckedWrite[] {
  const firstAckOf = new Map<number, number>()
  for (const ack of acks)
    firstAckOf.set(ack.epoch, Math.min(ack.doneMs, firstAckOf.get(ack.epoch) ?? Number.POSITIVE_INFINITY))
  return acks.filter((ack) => [...firstAckOf].some(([epoch, firstMs]) => epoch > ack.epoch && firstMs < ack.sentMs))
}

export function splitBrain(acks: readonly AckedWrite[]): SplitBrain {
  const times = splitAcks(acks)
    .map((ack) => ack.doneMs)
    .toSorted((left, right) => left - right)
  return { count: times.length, ms: (times.at(-1) ?? 0) - (times[0] ?? 0) }
}

/** Epochs under which more than one region acknowledged writes; must be none. */
export function sharedEpochs(acks: readonly AckedWrite[]): readonly number[] {
  const regionsOf = new Map<number, Set<string>>()
  for (const ack of acks) {
    if (ack.region === null) continue
    regionsOf.set(ack.epoch, (regionsOf.get(ack.epoch) ?? new Set()).add(ack.region))
  }
  return [...regionsOf].filter(([, regions]) => regions.size > 1).map(([epoch]) => epoch)
}
