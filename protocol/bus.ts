// What the bus's processes tell: how far a bridge has copied, and what a region's consumer has done.
import { z } from 'zod'
import { regions } from './sites.ts'

/** Partitions of topic `orders` in every region; a record keeps its partition number when it is bridged. */
export const ordersPartitions = 3

/** The partition of an order's events: the first 32 bits of its id, modulo. Made and bridged events of one order share it. */
export function partitionOf(orderId: string): number {
  return Number.parseInt(orderId.slice(0, 8), 16) % ordersPartitions
}

/** Compacted topic in the region's own Kafka where its bridge keeps `bridgeCheckpoint`s; key: the source region. */
export const bridgePositionsTopic = 'bridge-positions'

/** Headers that a bridge adds to a copied record: whatever carries them was not born in the Kafka that it lies in. */
export const bridgeHeaders = { topicId: 'source-topic-id', offset: 'source-offset' } as const

/** How far a bridge has copied one source region's topic. */
export const bridgeSource = z.object({
  source: z.enum(regions),
  /** Kafka's id of the source's topic: offsets of another id mean nothing. */
  topicId: z.string(),
  /** By partition: every record below this offset is in the bridge's own Kafka, or wasn't to be copied. */
  offsets: z.array(z.number().int().nonnegative()),
})
export type BridgeSource = z.infer<typeof bridgeSource>

export const bridgeCheckpoint = bridgeSource.extend({
  /** The highest epoch that the bridge knew. */
  epoch: z.number().int().nonnegative(),
  /**
   * Ends of the source's log when the bridge's own Kafka was found new: what lies below them is history, which that Kafka may lack.
   * Null once it has been read.
   */
  historyTo: z.array(z.number().int().nonnegative()).nullable(),
})
export type BridgeCheckpoint = z.infer<typeof bridgeCheckpoint>

/** GET /positions of a bridge. A source that was never read is absent. `refused`: records of deposed epochs since the start. */
export const positionsReply = z.object({
  region: z.enum(regions),
  epoch: z.number(),
  sources: z.array(bridgeSource),
  copied: z.number(),
  refused: z.number(),
})
export type PositionsReply = z.infer<typeof positionsReply>

/**
 * GET /bus of an app: what its region's consumer has done, from counters that Redis keeps with the effect itself (null if Redis
 * does not answer), and how the relay stands.
 */
export const busReply = z.object({
  region: z.enum(regions),
  projection: z
    .object({
      /** Records seen. A rebuilt projection counts anew. */
      delivered: z.number(),
      /** Of these: dropped, since their event had been applied before. */
      duplicates: z.number(),
      /** Of these: refused, since the region's own relay wrote them under a deposed epoch. */
      refused: z.number(),
      applied: z.number(),
      /** Distinct event ids applied. `applied` above it means that an event was applied twice. */
      distinct: z.number(),
    })
    .nullable(),
  relay: z.object({
    active: z.boolean(),
    sent: z.number(),
    /** Sent, and not yet known to be in every region. */
    unconfirmed: z.number(),
    /** How long ago the oldest of these was sent, ms; 0: there is none. Null: nothing is relayed here. */
    behindMs: z.number().nullable(),
    done: z.number(),
  }),
})
export type BusReply = z.infer<typeof busReply>
