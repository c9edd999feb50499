// Hands requests to another region's app: a write to the region that is or is about to become the write region, which keeps it
// until it may write (repeating is safe: the idempotency key makes one order of any number of tries); a read to one that can answer.
import { request } from 'undici'
import { errorReply, order, type Order } from '#protocol/order.ts'
import { keptConnections } from '#runtime/http.ts'
import type { Write } from './write-order.ts'

/** Asks the app to keep a write for so many ms until its region is ready for writes. */
export const holdHeader = 'x-firedrill-hold-ms'
/** A read with it is answered from here, or not at all. */
export const forwardedHeader = 'x-firedrill-forwarded'
/** The longest that an app keeps a forwarded write. */
export const longestHoldMs = 1000
const pauseMs = 20
/** A region that hangs must leave time for asking the next one. */
const readAttemptMs = 600

export interface Answer {
  readonly status: number
  readonly body: unknown
}

const dispatcher = keptConnections(256)

/**
 * @param limits.untilMs no new try after this
 * @param limits.deadlineMs an answer that has not come by then is lost
 * @param limits.stillTo says whether the write is still to go there; it ends early if not
 * @returns the other app's answer; null if it is certain that nothing was done
 */
export async function forwardWrite(
  authority: string,
  write: Write,
  limits: { untilMs: number; deadlineMs: number; stillTo: () => boolean },
): Promise<Answer | null> {
  const { untilMs, deadlineMs, stillTo } = limits
  let maybeDone = false
  for (let leftMs = untilMs - performance.now(); leftMs > 0 && stillTo(); leftMs = untilMs - performance.now()) {
    const holdMs = Math.max(1, Math.min(longestHoldMs, leftMs))
    try {
      const response = await request(`http://${authority}/orders`, {
        dispatcher,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'idempotency-key': write.idempotencyKey,
          [holdHeader]: String(Math.ceil(holdMs)),
        },
        body: JSON.stringify(write.order),
        signal: AbortSignal.timeout(Math.max(1, Math.ceil(deadlineMs - performance.now()))),
      })
      const body: unknown = await response.body.json()
      const refused = response.statusCode === 503 && errorReply.safeParse(body).data?.outcome === 'failed'
      if (!refused) return { status: response.statusCode, body }
    } catch {
      maybeDone = true
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  if (!maybeDone) return null
  const reason = `the write was handed to ${authority}, and its answer was lost`
  return { status: 504, body: { error: 'unknown', outcome: 'unknown', reason } }
}

/**
 * Asks the apps one after another until one has the order: a standby may not have it yet.
 * @returns null in `order` if none has it that answered; null if nobody answered by `deadlineMs`
 */
export async function forwardRead(
  authorities: readonly string[],
  id: string,
  deadlineMs: number,
): Promise<{ readonly order: Order | null } | null> {
  let missing: { readonly order: null } | null = null
  for (const authority of authorities) {
    const leftMs = deadlineMs - performance.now()
    if (leftMs <= 0) break
    try {
      const response = await request(`http://${authority}/orders/${id}`, {
        dispatcher,
        headers: { [forwardedHeader]: '1' },
        signal: AbortSignal.timeout(Math.ceil(Math.min(leftMs, readAttemptMs))),
      })
      const body: unknown = await response.body.json()
      if (response.statusCode === 200) return { order: order.parse(body) }
      if (response.statusCode === 404) missing = { order: null }
    } catch {
      // The next one is asked.
    }
  }
  return missing
}
