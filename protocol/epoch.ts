// Epochs, positions and histories: what fencing and promotion are decided by.
import { z } from 'zod'
import { regions } from './sites.ts'

/** Postgres log sequence number as text, `16/B374D848`. */
export const lsn = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/)

/** Bytes from the text form of an LSN. */
export function lsnToBigInt(text: string): bigint {
  const slash = text.indexOf('/')
  return (BigInt(`0x${text.slice(0, slash)}`) << 32n) + BigInt(`0x${text.slice(slash + 1)}`)
}

export function lsnFromBigInt(value: bigint): string {
  const hex = (part: bigint): string => part.toString(16).toUpperCase()
  return `${hex(value >> 32n)}/${hex(value & 0xffffffffn)}`
}

/** A node's history: each epoch and the LSN at which its first record lies, ascending (Kafka's leader-epoch cache, KIP-101). */
export const history = z.array(z.object({ epoch: z.number().int().positive(), startLsn: lsn }))
export type History = z.infer<typeof history>

/** A position: epoch of the last flushed record (0: none), then LSN. Compared in this order, as Raft compares (term, index). */
export const position = z.object({ epoch: z.number().int().nonnegative(), lsn })
export type Position = z.infer<typeof position>

/** The value of etcd key `/firedrill/<dataSet>/epoch`. Changed by compare-and-swap on its mod revision only. */
export const epochRecord = z.object({
  epoch: z.number().int().positive(),
  /** Region and incarnation of the controller that took the epoch. Nobody else may act under it. */
  owner: z.enum(regions),
  incarnation: z.string(),
  /** `claimed`: promises are being gathered; `active`: `primary` has its first quorum-acked commit. */
  state: z.enum(['claimed', 'active']),
  primary: z.enum(regions).nullable(),
  /** The primary of the last active epoch before this one: the one to be fenced while this epoch is `claimed`. */
  previous: z.enum(regions).nullable(),
  /** History of the primary, own epoch included, once `active`. */
  history: history,
})
export type EpochRecord = z.infer<typeof epochRecord>

/** The data set of this issue; active-active will have one per home region. */
export const ordersDataSet = 'orders'
