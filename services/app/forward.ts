// Hands a write to the app of the region that is about to become the write region, which keeps it until it may write.
// Repeating is safe: the idempotency key makes one order of any number of tries.
import { Agent, request } from 'undici'
import { errorReply } from '#protocol/order.ts'
import type { Write } from './write-order.ts'

/** Asks the app to keep a write for so many ms until its region is ready for writes. */
export const holdHeader = 'x-firedrill-hold-ms'
/** The longest that an app keeps a forwarded write. */
export const longestHoldMs = 1000
const pauseMs = 20

export interface Answer {
  readonly status: number
  readonly body: unknown
}

const dispatcher = new Agent({ connect: { timeout: 1000 }, connections: 256, pipelining: 1 })

/**
 * @param stillTo says whether the write is still to go there; it ends early if not
 * @returns the other app's answer; null if it is certain that nothing was done
 */
export async function forwardWrite(
  authority: string,
  write: Write,
  untilMs: number,
  stillTo: () => boolean,
): Promise<Answer | null> {
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
          [holdHeader]: String(Math.round(holdMs)),
        },
        body: JSON.stringify(write.order),
        signal: AbortSignal.timeout(holdMs + 3000),
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
