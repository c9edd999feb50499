// Hands requests to another region's app: a write to the region that is or is about to become the write region, which keeps it
// until it may write (repeating is safe: the idempotency key makes one order of any number of tries); a read to one that can answer.
import { setTimeout } from 'node:timers/promises'
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
/** Above the round trip between regions and what looking takes: who is silent for so long may hang. */
const nextAfterMs = 200

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
    await setTimeout(pauseMs)
  }
  if (!maybeDone) return null
  const reason = `the write was handed to ${authority}, and its answer was lost`
  return { status: 504, body: { error: 'unknown', outcome: 'unknown', reason } }
}

/**
 * Asks the apps in their order, each as soon as the one before has nothing or keeps silent: a standby may not have the order yet,
 * and a region behind a cut link answers nobody.
 * @returns null in `order` if none has it that answered; null if nobody answered by `deadlineMs`
 */
export async function forwardRead(
  authorities: readonly string[],
  id: string,
  deadlineMs: number,
): Promise<{ readonly order: Order | null } | null> {
  const found = new AbortController()
  const leftMs = Math.max(1, Math.ceil(deadlineMs - performance.now()))
  const signal = AbortSignal.any([found.signal, AbortSignal.timeout(leftMs)])
  const answers: Promise<Looked | null>[] = []
  for (const [index, authority] of authorities.entries()) {
    const turn = index === 0 ? null : Promise.race([answers[index - 1], silence(index * nextAfterMs, signal)])
    answers.push(lookAt(authority, id, turn, signal))
  }
  try {
    return await firstFound(answers)
  } finally {
    found.abort()
  }
}

interface Looked {
  readonly order: Order | null
}

/** @returns null if it gives no answer */
async function lookAt(
  authority: string,
  id: string,
  turn: Promise<unknown> | null,
  signal: AbortSignal,
): Promise<Looked | null> {
  await turn
  if (signal.aborted) return null
  try {
    const headers = { [forwardedHeader]: '1' }
    const response = await request(`http://${authority}/orders/${id}`, { dispatcher, headers, signal })
    const body: unknown = await response.body.json()
    if (response.statusCode === 200) return { order: order.parse(body) }
    return response.statusCode === 404 ? { order: null } : null
  } catch {
    return null
  }
}

/** The first with the order; if none has it, whether anybody answered. */
function firstFound(answers: readonly Promise<Looked | null>[]): Promise<Looked | null> {
  return new Promise((resolve) => {
    const all = answers.map(async (each) => {
      const looked = await each
      if (looked !== null && looked.order !== null) resolve(looked)
      return looked
    })
    void Promise.all(all).then((looked) => resolve(looked.find((each) => each !== null) ?? null))
  })
}

function silence(ms: number, signal: AbortSignal): Promise<void> {
  return setTimeout(ms, undefined, { signal }).catch(() => undefined)
}
