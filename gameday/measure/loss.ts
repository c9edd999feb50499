// What was acknowledged and is gone. Unknown writes are never asked for, so they can't count as lost.
import type { StoreLoss } from '#protocol/journal.ts'
import { regions, type Region } from '#protocol/sites.ts'
import type { Cause } from './causes.ts'
import type { AckedWrite } from './history.ts'
import type { FinalReads } from './record.ts'

export const notMeasured: StoreLoss = { lostCount: null, windowMs: null }

/** Why what a store holds is not known of every region; null: it is. */
export function unreadWords({ kafka, redis }: FinalReads, store: 'kafka' | 'redis'): string | null {
  const [name, read] = store === 'kafka' ? ['Kafka', kafka] : ['Redis', redis]
  const unread = regions.filter((region) => read?.has(region) !== true)
  return unread.length === 0 ? null : `${name} of ${unread.join(', ')} was not read`
}

/** The first ack of each epoch, in order of epochs. */
function firstAcks(acks: readonly AckedWrite[]): readonly { readonly epoch: number; readonly doneMs: number }[] {
  const first = new Map<number, number>()
  for (const { epoch, doneMs } of acks) first.set(epoch, Math.min(doneMs, first.get(epoch) ?? Number.POSITIVE_INFINITY))
  return [...first].map(([epoch, doneMs]) => ({ epoch, doneMs })).toSorted((left, right) => left.epoch - right.epoch)
}

/** The fault or order by which a write's epoch was replaced. */
export function incidentOfLoss(
  lost: AckedWrite,
  causes: readonly Cause[],
  acks: readonly { readonly epoch: number; readonly doneMs: number }[],
): Cause | null {
  const replacedMs = acks
    .filter(({ epoch }) => epoch > lost.epoch)
    .reduce((earliest, { doneMs }) => Math.min(earliest, doneMs), Number.POSITIVE_INFINITY)
  const replacing =
    replacedMs === Number.POSITIVE_INFINITY
      ? causes.find(({ t0Ms }) => t0Ms >= lost.doneMs)
      : causes.findLast(({ t0Ms }) => t0Ms <= replacedMs)
  return replacing ?? causes.findLast(({ t0Ms }) => t0Ms < lost.doneMs) ?? null
}

export interface LossReport {
  readonly loss: StoreLoss
  readonly lostIds: readonly string[]
  /** By the id of the incident's cause. */
  readonly byIncident: ReadonlyMap<string, StoreLoss>
}

export const nothingKnown: LossReport = { loss: notMeasured, lostIds: [], byIncident: new Map() }

/** From the ack of the oldest lost write to t0, or to the ack of the newest: an old primary may go on acking. */
function windowOf(lost: readonly AckedWrite[], t0Ms: number): number {
  const times = lost.map(({ doneMs }) => doneMs)
  const oldestMs = times.reduce((least, each) => Math.min(least, each), Number.POSITIVE_INFINITY)
  return times.reduce((most, each) => Math.max(most, each), t0Ms) - oldestMs
}

function reportOf(lost: readonly AckedWrite[], acks: readonly AckedWrite[], causes: readonly Cause[]): LossReport {
  const first = firstAcks(acks)
  const groups = Map.groupBy(lost, (each) => incidentOfLoss(each, causes, first))
  const byIncident = new Map(
    [...groups].flatMap(([cause, writes]) =>
      cause === null ? [] : [[cause.id, { lostCount: writes.length, windowMs: windowOf(writes, cause.t0Ms) }] as const],
    ),
  )
  const windows = [...byIncident.values()].map(({ windowMs }) => windowMs ?? 0)
  const windowMs = groups.has(null) ? null : windows.reduce((most, each) => Math.max(most, each), 0)
  return {
    loss: { lostCount: lost.length, windowMs },
    lostIds: lost.map(({ orderId }) => orderId),
    byIncident,
  }
}

/** @param present ids of all orders in the final primary; null: not read */
export function postgresLoss(
  acks: readonly AckedWrite[],
  present: ReadonlySet<string> | null,
  causes: readonly Cause[],
): LossReport {
  // Without a single ack there was nothing to lose, which is no finding.
  if (present === null || acks.length === 0) return nothingKnown
  return reportOf(
    acks.filter((ack) => !present.has(ack.orderId)),
    acks,
    causes,
  )
}

export interface RegionalLossReport extends LossReport {
  readonly missing: readonly { readonly region: Region; readonly orderId: string }[]
}

/**
 * Kafka, Redis: an acked order counts once, whichever regions miss it.
 * @param present order ids by live region; null: not read
 */
export function regionalLoss(
  acks: readonly AckedWrite[],
  present: ReadonlyMap<Region, ReadonlySet<string>> | null,
  causes: readonly Cause[],
): RegionalLossReport {
  if (present === null || present.size === 0 || acks.length === 0) return { ...nothingKnown, missing: [] }
  const missing = [...present].flatMap(([region, ids]) =>
    acks.filter((ack) => !ids.has(ack.orderId)).map((ack) => ({ region, orderId: ack.orderId })),
  )
  const lostIds = new Set(missing.map((each) => each.orderId))
  return {
    ...reportOf(
      acks.filter((ack) => lostIds.has(ack.orderId)),
      acks,
      causes,
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

/** Order ids that acks of several writes name: at most one of them can be in the store. */
export function sharedOrderIds(acks: readonly AckedWrite[]): readonly string[] {
  const keyOf = new Map<string, string>()
  const shared = new Set<string>()
  for (const { orderId, key } of acks) {
    const known = keyOf.get(orderId)
    if (known !== undefined && known !== key) shared.add(orderId)
    keyOf.set(orderId, known ?? key)
  }
  return [...shared]
}
