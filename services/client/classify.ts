// What a client may conclude from how an attempt ended: ok, failed (definitely not done) or unknown.
import type { Operation } from '#protocol/operation.ts'
import { errorReply, order, orderReply } from '#protocol/order.ts'

/** How one attempt ended. */
export interface Ending {
  /** When the request began to be written to a connection; null if it never was. */
  readonly sentNs: bigint | null
  readonly status: number | null
  /** The whole body; null if the answer broke off or never came. */
  readonly body: string | null
  /** Why there is no whole answer: `timeout`, or an error code such as ECONNREFUSED. */
  readonly error: string | null
}

export type Conclusion = Pick<Operation, 'outcome' | 'orderId' | 'region' | 'epoch' | 'reason'>

const nothing = { orderId: null, region: null, epoch: null }

function parseJson(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text)
  } catch {
    return null
  }
}

/** Reason sentence of an answer that is not a success. */
function explain(ending: Ending): string {
  if (ending.error !== null) return ending.error
  const reply = errorReply.safeParse(parseJson(ending.body))
  return reply.success ? `${reply.data.error}: ${reply.data.reason}` : `status ${ending.status}`
}

/** Whether it was the client that had no socket left: nothing can be concluded about the service then. */
export function isOwnShortage({ sentNs, error }: Pick<Ending, 'sentNs' | 'error'>): boolean {
  return sentNs === null && /\b(EMFILE|ENFILE|EADDRNOTAVAIL|ENOBUFS|ENOMEM)\b/.test(error ?? '')
}

/** A write. What was not sent, and what the other side says it refused, is `failed`; anything else without an ack is `unknown`. */
export function classifyWrite(ending: Ending): Conclusion {
  const reason = explain(ending)
  if (ending.sentNs === null) return { ...nothing, outcome: 'failed', reason: `not sent: ${reason}` }
  const { status } = ending
  if (status === null) return { ...nothing, outcome: 'unknown', reason }
  const body = parseJson(ending.body)
  if (status === 200 || status === 201) {
    const reply = orderReply.safeParse(body)
    if (!reply.success) return { ...nothing, outcome: 'unknown', reason: ending.error ?? 'success without an order' }
    return { outcome: 'ok', orderId: reply.data.id, region: reply.data.region, epoch: reply.data.epoch, reason: null }
  }
  if (status >= 400 && status < 500) return { ...nothing, outcome: 'failed', reason }
  const reply = errorReply.safeParse(body)
  return { ...nothing, outcome: reply.success ? reply.data.outcome : 'unknown', reason }
}

/** A read of `orderId`. It changes nothing, so it is `ok` or `failed`. */
export function classifyRead(ending: Ending, orderId: string): Conclusion {
  const seen = ending.status === 200 ? order.safeParse(parseJson(ending.body)) : null
  if (seen?.success && seen.data.id === orderId) {
    return { outcome: 'ok', orderId, region: seen.data.region, epoch: seen.data.epoch, reason: null }
  }
  const reason = seen === null ? explain(ending) : (ending.error ?? 'success with another or no order')
  return { ...nothing, orderId, outcome: 'failed', reason: ending.sentNs === null ? `not sent: ${reason}` : reason }
}
