// What the holder of an epoch tells apps, bridges and DNS servers (HTTP on their ports.control, bearer token `control`).
import { z } from 'zod'
import { lsn } from './epoch.ts'
import { regions } from './sites.ts'

/**
 * PUT /permit, to the primary region's app, every `permitRenewMs`. Valid until `sentNs` + `validForMs` on the shared monotonic
 * clock: counted from the send, never from the receipt. An app refuses a permit of a lower epoch than one it has seen (409).
 */
export const permit = z.strictObject({
  dataSet: z.string(),
  epoch: z.number().int().positive(),
  region: z.enum(regions),
  sentNs: z.string(),
  validForMs: z.number().positive(),
})
export type Permit = z.infer<typeof permit>

/** PUT /write-region, to every app, bridge and DNS server: the steer effect. Lower epochs are refused (409). */
export const writeRegion = z.strictObject({
  dataSet: z.string(),
  epoch: z.number().int().positive(),
  region: z.enum(regions),
})
export type WriteRegion = z.infer<typeof writeRegion>

/**
 * POST /drain, to the primary's app before a planned switchover: hold new writes (do not fail them), answer as soon as every
 * write in flight has its commit record in the local WAL (its session waits for nothing but synchronous replication), with the
 * WAL position that covers them all. From then on the app writes nothing to its Postgres, is not ready for reads, and forwards
 * held and new writes to `forwardTo`'s app, for at most `holdMs`; if `forwardTo` is the app's own region they are kept. A write
 * region of a later epoch ends the drain: writes go there, or on locally. DELETE /drain takes it back. 409 unless `epoch` is
 * above every epoch that the app knows of; 503 if the writes did not settle within 1.5 s.
 */
export const drainRequest = z.strictObject({
  dataSet: z.string(),
  epoch: z.number().int().positive(),
  forwardTo: z.enum(regions),
  holdMs: z.number().positive(),
})
export const drainReply = z.object({ drained: z.boolean(), inFlight: z.number(), lsn: lsn, atNs: z.string() })

export const permitRenewMs = 500
/** Longer than an etcd leader election (see services/etcd): async mode would otherwise stop at each. */
export const permitValidMs = 3000
