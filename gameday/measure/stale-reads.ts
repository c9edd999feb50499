// Reads that did not see a write which had been acknowledged before they were sent.
import { ackedWrites, type ClientOperation } from './history.ts'

/** An allowed thing for reads of a standby, so it is reported and not judged. */
export function staleReads(operations: readonly ClientOperation[]): number {
  const ackedAt = new Map(ackedWrites(operations).map((ack) => [ack.orderId, ack.doneMs]))
  return operations.filter(
    (each) =>
      each.kind === 'read' && each.status === 404 && (ackedAt.get(each.key) ?? Number.POSITIVE_INFINITY) < each.sentMs,
  ).length
}
