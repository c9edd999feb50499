// The single things that went wrong, by their ids: events held twice, orders that stores disagree about, what rewinds threw away.
import type { Journal } from '#protocol/journal.ts'
import { regions, type Region } from '#protocol/sites.ts'
import type { AckedWrite } from './history.ts'
import type { DrillRecord, FinalReads } from './record.ts'

export function duplicatedEvents(kafka: FinalReads['kafka']): Journal['duplicated'] {
  return [...(kafka ?? [])].flatMap(([region, { eventIds }]) => {
    const times = new Map<string, number>()
    for (const id of eventIds) times.set(id, (times.get(id) ?? 0) + 1)
    return [...times]
      .filter(([, count]) => count > 1)
      .map(([eventId, count]) => ({ region, eventId, times: count }))
      .toSorted((left, right) => (left.eventId < right.eventId ? -1 : 1))
  })
}

/** Acked orders that at least one store has and at least one lacks; what all of them lack is lost, and no disagreement. */
export function divergentOrders(acks: readonly AckedWrite[], reads: FinalReads): Journal['divergent'] {
  const ofRegions = (
    store: string,
    byRegion: ReadonlyMap<Region, { readonly orderIds: ReadonlySet<string> }> | null,
  ): readonly (readonly [string, ReadonlySet<string>])[] =>
    regions.flatMap((region) => {
      const seen = byRegion?.get(region)
      return seen === undefined ? [] : [[`${store} ${region}`, seen.orderIds] as const]
    })
  const stores = [
    ...(reads.postgres === null ? [] : [['postgres', reads.postgres.ids] as const]),
    ...ofRegions('kafka', reads.kafka),
    ...ofRegions('redis', reads.redis),
  ]
  return acks.flatMap(({ orderId }) => {
    const having = (wanted: boolean): string[] =>
      stores.filter(([, ids]) => ids.has(orderId) === wanted).map(([store]) => store)
    const presentIn = having(true)
    const missingFrom = having(false)
    return presentIn.length === 0 || missingFrom.length === 0 ? [] : [{ orderId, presentIn, missingFrom }]
  })
}

export function thrownAway({ exports }: DrillRecord): Journal['exports'] {
  return exports.map(({ name, region, epoch, transactions, orders }) => ({
    name,
    region,
    epoch,
    transactions,
    orderIds: orders.flatMap(({ id }) => (typeof id === 'string' ? [id] : [])),
  }))
}
