// The order service's public API, and the events that leave it.
import { z } from 'zod'

/** POST /orders; header `idempotency-key` (8 to 128 printable characters) is required. */
export const orderRequest = z.strictObject({
  customer: z.string().min(1).max(100),
  item: z.string().min(1).max(100),
  quantity: z.number().int().min(1).max(10_000),
})
export type OrderRequest = z.infer<typeof orderRequest>

/**
 * 201 (200 for a known idempotency key): the write is vouched for. `region` and `epoch` are those that vouched for this very
 * answer; of a known key they may be later than the order's own (GET gives those).
 */
export const orderReply = z.object({ id: z.uuid(), region: z.string(), epoch: z.number() })

/**
 * GET /orders/:id. `x-firedrill-source` says `cache` or `postgres`, or `forwarded` if the region's own Postgres could not be
 * asked and another region's app was (once: its own request carries `x-firedrill-forwarded`).
 */
export const order = orderRequest.extend({ id: z.uuid(), region: z.string(), epoch: z.number(), createdAt: z.string() })
export type Order = z.infer<typeof order>

/**
 * Every error. `outcome`: `failed` is definitely not done; `unknown` may have been done (HTTP 504 for unknown writes).
 * 400 malformed, 404 no such order, 409 idempotency key reused with another body, 503 not here (`primary` names the write region).
 */
export const errorReply = z.object({
  error: z.string(),
  outcome: z.enum(['failed', 'unknown']),
  reason: z.string(),
  primary: z.string().nullable().optional(),
})

/** Kafka topic and header names. Record key: order id; value: `orderEvent` as JSON. */
export const ordersTopic = 'orders'
export const eventHeaders = { id: 'event-id', origin: 'origin-region', epoch: 'epoch' } as const
export const orderEvent = z.object({ type: z.literal('order-placed'), eventId: z.uuid(), order })

/** Redis keys of a region. */
export const redisKeys = {
  /** Cache-aside copy of an order, JSON. */
  order: (id: string): string => `cache:order:${id}`,
  /** Projection: hash of an order's summary, one per applied event. */
  projection: (id: string): string => `projection:order:${id}`,
  /** Projection: count of applied events. */
  applied: 'projection:applied',
  /** Set of applied event ids. An event keeps its id when another region sends it again. */
  seen: 'projection:seen',
  /** Hash: id of the Kafka topic (`topic`), and by partition number the next offset to apply. Written with the effect itself. */
  position: 'projection:position',
  /** Hash: by partition number the highest epoch seen in it. */
  epoch: 'projection:epoch',
  /** Hash: `delivered`, `duplicates`, `refused`. */
  counts: 'projection:counts',
  /** Highest epoch that wrote to the cache. */
  cacheEpoch: 'cache:epoch',
} as const
