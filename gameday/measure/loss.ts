// What was acknowledged and is gone. Unknown writes are never asked for, so they can't count as lost.
import type { StoreLoss } from '#protocol/journal.ts'
import type { Region } from '#protocol/sites.ts'
import type { AckedWrite } from './history.ts'

export const notMeasured: StoreLoss = { lostCount: null, windowMs: null }

function lossOf(lost: readonly AckedWrite[], t0Ms: number | null): StoreLoss {
  if (lost.length === 0) return { lostCount: 0, windowMs: 0 }
  const oldestMs = lost.reduce((oldest, ack) => Math.min(oldest, ack.doneMs), Number.POSITIVE_INFINITY)
  // An ack given after t0 (async mode, before the permit ran out) is a loss of no older data: the window is not negative.
  return { lostCount: lost.length, windowMs: t0Ms === null ? null : Math.max(0, t0Ms - oldestMs) }
}

export interface LossReport {
  readonly loss: StoreLoss
  readonly lostIds: readonly string[]
}

/** @param present ids of all orders in the final primary; null: not read */
export function postgresLoss(
  acks: readonly AckedWrite[],
  present: ReadonlySet<string> | null,
  t0Ms: number | null,
): LossReport {
  // Without a single ack there was nothing to lose, which is no finding.
  if (present === null || acks.length === 0) return { loss: notMeasured, lostIds: [] }
  const lost = acks.filter((ack) => !present.has(ack.orderId))
  return { loss: lossOf(lost, t0Ms), lostIds: lost.map((ack) => ack.orderId) }
}

export interface RegionalLossReport {
  readonly loss: StoreLoss
  readonly missing: readonly { readonly region: Region; readonly orderId: string }[]
}

/**
 * Kafka, Redis: an acked order counts once, whichever regions miss it.
 * @param present order ids by live region; null: not read
 */
export function regionalLoss(
  acks: readonly AckedWrite[],
  present: ReadonlyMap<Region, ReadonlySet<string>> | null,
  t0Ms: number | null,
): RegionalLossReport {
  if (present === null || acks.length === 0) return { loss: notMeasured, missing: [] }
  const missing = [...present].flatMap(([region, ids]) =>
    acks.filter((ack) => !ids.has(ack.orderId)).map((ack) => ({ region, orderId: ack.orderId })),
  )
  const lostIds = new Set(missing.map((each) => each.orderId))
  return {
    loss: lossOf(
      acks.filter((ack) => lostIds.has(ack.orderId)),
      t0Ms,
    ),
    missing,
  }
}

/** Keys of writes that were refused as definitely not done and yet are in the final table: the service lied. */
export function refusedButPresent(
  operations: readonly { readonly kind: string; readonly outcome: string; readonly key: string }[],
  presentKeys: ReadonlySet<string>,
): readonly string[] {
  return operations
    .filter((each) => each.kind === 'write' && each.outcome === 'failed' && presentKeys.has(each.key))
    .map((each) => each.key)
}
