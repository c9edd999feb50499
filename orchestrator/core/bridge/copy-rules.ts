// What a bridge copies, what it passes over, and where it begins: pure.
import type { BridgeCheckpoint } from '#protocol/bus.ts'
import type { Region } from '#protocol/sites.ts'
import { eventHeaders } from '#protocol/order.ts'

export type Verdict = 'copy' | 'foreign' | 'refused'

/**
 * Only records that were born in the source are copied, so none can come back or go round.
 *
 * A record of an epoch below the highest known one was written by a deposed primary, and is refused. That loses nothing: its
 * outbox row isn't done, since this bridge had not passed it when the higher epoch began, and so the new primary sends it
 * again. It is not so for history that is read from a log's beginning (`whole` is false): those rows may be done long since.
 */
export function judge(
  headers: Readonly<Record<string, string>>,
  source: Region,
  known: { readonly epoch: number; readonly whole: boolean },
): Verdict {
  if (headers[eventHeaders.origin] !== source) return 'foreign'
  const epoch = Number(headers[eventHeaders.epoch])
  return known.whole && epoch < known.epoch ? 'refused' : 'copy'
}

/** Where to go on in the source's topic: at the checkpoint, or, if the topic is another one, at its beginning. */
export function beginAt(
  checkpoint: BridgeCheckpoint | null,
  source: Region,
  topic: { readonly id: string; readonly partitions: number },
): BridgeCheckpoint {
  if (checkpoint?.topicId === topic.id && checkpoint.offsets.length === topic.partitions) return checkpoint
  return {
    source,
    topicId: topic.id,
    offsets: Array.from({ length: topic.partitions }, () => 0),
    epoch: checkpoint?.epoch ?? 0,
    whole: false,
  }
}
