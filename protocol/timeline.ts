// One event of a drill, from whichever process saw it. Controllers keep theirs in memory (GET /events?from=N) and log them.
import { z } from 'zod'
import { signedNanoseconds } from './nanoseconds.ts'
/**
 * Kinds that figures are computed from; others may be added freely for people to read:
 * `suspect`: a controller suspects the primary (detail.region).
 * `epoch-taken`: compare-and-swap won.
 * `promised`: one node promised (detail.region, detail.position).
 * `fenced`: majority of promises, or fence device confirmed, or lease expired (detail.way).
 * `promote`: the promotion was ordered (detail.region).
 * `promoted`: the epoch's first commit has its quorum.
 * `steered`: the write region was published.
 * `followed`: a standby streams from the new primary.
 * `refused`: the data-loss gate or a quorum rule said no.
 * `switchover`: a planned switchover began (detail.to).
 */
export const timelineEvent = z.object({
  /** Monotonic nanoseconds. */
  atNs: signedNanoseconds,
  source: z.enum(['controller', 'agent', 'app', 'bridge', 'wan', 'client', 'harness']),
  site: z.string(),
  kind: z.string(),
  dataSet: z.string().optional(),
  epoch: z.number().optional(),
  /** One sentence: what was seen and what was therefore decided. */
  reason: z.string(),
  detail: z.record(z.string(), z.unknown()).optional(),
})
export type TimelineEvent = z.infer<typeof timelineEvent>

/** GET /events?from=N: events from index N on. */
export const eventsReply = z.object({ next: z.number(), events: z.array(timelineEvent) })
