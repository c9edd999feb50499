// Histories and positions: which epoch a byte of WAL belongs to, and whether one node's WAL is the beginning of another's.
// After Kafka's leader epochs (KIP-101); timeline ids play no part, since two promotions may take the same one.
import { lsnToBigInt, type History, type Position } from '#protocol/epoch.ts'

/** The entries of which at least one byte lies below `lsn`. An epoch that was begun but of which nothing was flushed is none. */
export function effectiveHistory(history: History, lsn: string): History {
  const end = lsnToBigInt(lsn)
  const count = history.findLastIndex((entry) => lsnToBigInt(entry.startLsn) < end) + 1
  return count === history.length ? history : history.slice(0, count)
}

/** Where a node stands whose WAL ends at `lsn`. */
export function positionAt(history: History, lsn: string): Position {
  return { epoch: effectiveHistory(history, lsn).at(-1)?.epoch ?? 0, lsn }
}

/** Negative, zero or positive, by epoch first, then by LSN. */
export function comparePositions(left: Position, right: Position): number {
  if (left.epoch !== right.epoch) return left.epoch - right.epoch
  const difference = lsnToBigInt(left.lsn) - lsnToBigInt(right.lsn)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

/** The history of a node that is promoted under `epoch` with its WAL ending at `lsn`. */
export function extendHistory(history: History, lsn: string, epoch: number): History {
  return [...effectiveHistory(history, lsn), { epoch, startLsn: lsn }]
}

/** What is wrong with a history that was sent, or null: epochs must rise, and LSNs must not fall. */
export function historyFlaw(history: History, lastEpoch: number): string | null {
  for (const [index, entry] of history.entries()) {
    const previous = history[index - 1]
    if (previous === undefined) continue
    if (entry.epoch <= previous.epoch) return `expected rising epochs, saw ${entry.epoch} after ${previous.epoch}`
    if (lsnToBigInt(entry.startLsn) < lsnToBigInt(previous.startLsn))
      return `expected epoch ${entry.epoch} to start at or after ${previous.startLsn}, saw ${entry.startLsn}`
  }
  const last = history.at(-1)?.epoch
  return last === lastEpoch ? null : `expected a history that ends with epoch ${lastEpoch}, saw ${last ?? 'none'}`
}

/** `forkLsn`: the first byte at which the two may differ. */
export type Relation = { kind: 'prefix' } | { kind: 'divergent'; forkLsn: string }

/**
 * Whether the WAL of a node that ends at `lsn` is the beginning of the primary's: each of its epochs is one of the primary's,
 * begun at the same place, and its end is not above the place where the primary's next epoch begins.
 */
export function relate(own: History, lsn: string, primary: History): Relation {
  const mine = effectiveHistory(own, lsn)
  let common = 0
  while (common < mine.length && isSameEntry(mine[common], primary[common])) common += 1
  const ownEnd = mine[common]?.startLsn ?? lsn
  const primaryEnd = primary[common]?.startLsn ?? ownEnd
  const fork = lsnToBigInt(ownEnd) < lsnToBigInt(primaryEnd) ? ownEnd : primaryEnd
  return fork === lsn ? { kind: 'prefix' } : { kind: 'divergent', forkLsn: fork }
}

function isSameEntry(left: History[number] | undefined, right: History[number] | undefined): boolean {
  return left !== undefined && left.epoch === right?.epoch && left.startLsn === right.startLsn
}
