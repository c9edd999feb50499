// What a bridge copies, what it passes over, and where it begins: pure.
//
// A region's Kafka that was made anew has lost what was born in its own region too, and rows that are done are in no outbox any
// more; but every other region's Kafka holds all of it. So a new Kafka is filled from each other region's log, up to the end
// that the log has when it is first seen, with whatever lies there, wherever it was born and under whatever epoch.
import { bridgeHeaders, type BridgeCheckpoint } from '#protocol/bus.ts'
import type { Region } from '#protocol/sites.ts'
import { eventHeaders } from '#protocol/order.ts'

/** `held`: history that the bridge's own Kafka has already. */
export type Verdict = 'copy' | 'held' | 'foreign' | 'refused'

/** Offsets of a partition's oldest record and of the next one to come. */
export interface LogSpan {
  readonly first: number
  readonly end: number
}

/**
 * Of what isn't history only records that were born in the source are copied, so none can come back or go round. What the
 * source's bridge has brought back to it (it bears a bridge's headers) is history there, and every Kafka that isn't new has it.
 *
 * A record of an epoch below the highest known one was written by a deposed primary, and is refused. That loses nothing: its
 * outbox row isn't done, since this bridge had not passed it when the higher epoch began, and so the new primary sends it
 * again. It is not so for history: those rows may be done long since, so it is always copied.
 */
export function judge(
  headers: Readonly<Record<string, string>>,
  source: Region,
  known: { readonly epoch: number; readonly isHistory: boolean; readonly isHeld: boolean },
): Verdict {
  const origin = headers[eventHeaders.origin]
  if (known.isHistory && origin !== undefined) return known.isHeld ? 'held' : 'copy'
  if (origin !== source || headers[bridgeHeaders.topicId] !== undefined) return 'foreign'
  return Number(headers[eventHeaders.epoch]) < known.epoch ? 'refused' : 'copy'
}

/**
 * Where to go on in the source's topic: at the checkpoint, or, if the topic is another one, at its beginning. A log that ends
 * below the checkpoint has lost its tail, and what was written there since may count as copied without having been: history.
 */
export function beginAt(
  checkpoint: BridgeCheckpoint | null,
  source: Region,
  topic: { readonly id: string; readonly log: readonly LogSpan[] },
): BridgeCheckpoint {
  const firsts = topic.log.map((span) => span.first)
  const ends = topic.log.map((span) => span.end)
  if (checkpoint === null) return { source, topicId: topic.id, offsets: firsts, epoch: 0, historyTo: ends }
  if (checkpoint.topicId !== topic.id || checkpoint.offsets.length !== topic.log.length) {
    const historyTo = checkpoint.historyTo === null ? null : ends
    return { source, topicId: topic.id, offsets: firsts, epoch: checkpoint.epoch, historyTo }
  }
  const isInside = (offset: number, { first, end }: LogSpan): boolean => offset >= first && offset <= end
  const spans = topic.log.map((span, partition) => ({ span, offset: checkpoint.offsets[partition] ?? 0 }))
  if (spans.every(({ span, offset }) => isInside(offset, span))) return checkpoint
  const offsets = spans.map(({ span, offset }) => (isInside(offset, span) ? offset : span.first))
  return { ...checkpoint, offsets, historyTo: ends }
}

export function isHistory(checkpoint: BridgeCheckpoint, partition: number, offset: number): boolean {
  return offset < (checkpoint.historyTo?.[partition] ?? 0)
}

/** Whether all history has been read. */
export function isFilled(checkpoint: BridgeCheckpoint): boolean {
  return checkpoint.offsets.every((offset, partition) => !isHistory(checkpoint, partition, offset))
}
