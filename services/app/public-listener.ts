// The order service's public API: validates, and has every error in one shape.
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify'
import { z } from 'zod'
import { orderRequest, type Order } from '#protocol/order.ts'
import type { Region } from '#protocol/sites.ts'
import type { Readiness } from './core/readiness.ts'
import { forwardedHeader, holdHeader, longestHoldMs, type Answer } from './forward.ts'
import type { Write } from './write-order.ts'

export interface FoundOrder {
  readonly order: Order | null
  readonly source: 'cache' | 'postgres' | 'forwarded'
  readonly permitted: boolean
}

/** `stale`: it answers, with what may be old; to be preferred only to nothing. */
export interface ReadReadiness {
  readonly state: 'ready' | 'stale' | 'not-ready'
  readonly reason: string
}
/** 203, "non-authoritative": a load balancer that knows no better takes it for ready. */
const statusOf = { ready: 200, stale: 203, 'not-ready': 503 } as const

/** What the listener needs of the app. */
export interface PublicDuties {
  write(write: Write, holdMs: number): Promise<Answer>
  /** Rejects if the order could not be looked for. `isForwarded`: by another app, so it is not sent on again. */
  read(id: string, isForwarded: boolean): Promise<FoundOrder>
  readyForWrites(): Readiness
  /** Resolves when the region is ready for writes, or after `timeoutMs`; at once if it was until a moment ago. */
  untilReadyForWrites(timeoutMs: number): Promise<void>
  readyForReads(): ReadReadiness
  primary(): Region | null
  metrics(): Promise<{ readonly type: string; readonly text: string }>
}

/** The longest that a check of readiness is kept open. */
const longestWaitMs = 2000
const bodyLimitBytes = 16 * 1024
const idempotencyKey = z.string().regex(/^[\x20-\x7e]{8,128}$/)

export function createPublicListener(duties: PublicDuties): FastifyInstance {
  const server = fastify({ logger: false, bodyLimit: bodyLimitBytes, forceCloseConnections: true })
  const fail = (reply: FastifyReply, status: number, error: string, reason: string): FastifyReply =>
    reply.code(status).send({ error, outcome: 'failed', reason, primary: duties.primary() })

  server.setErrorHandler<FastifyError>((error, _incoming, reply) => {
    const status = error.statusCode ?? 500
    return fail(reply, status, status < 500 ? 'malformed' : 'internal', error.message)
  })
  server.setNotFoundHandler((incoming, reply) =>
    fail(
      reply,
      404,
      'no-such-page',
      `expected /orders, /livez, /readyz or /metrics, saw ${incoming.method} ${incoming.url}`,
    ),
  )
  server.post('/orders', async (incoming, reply) => {
    const key = incoming.headers['idempotency-key']
    if (!idempotencyKey.safeParse(key).success) {
      const seen = key === undefined ? 'none' : JSON.stringify(key).slice(0, 140)
      return fail(
        reply,
        400,
        'malformed',
        `header idempotency-key: expected 8 to 128 printable characters, saw ${seen}`,
      )
    }
    const parsed = orderRequest.safeParse(incoming.body)
    if (!parsed.success) return fail(reply, 400, 'malformed', explain(parsed.error, incoming.body))
    const holdMs = Math.min(Number(incoming.headers[holdHeader]) || 0, longestHoldMs)
    const answer = await duties.write({ idempotencyKey: String(key), order: parsed.data }, holdMs)
    return reply.code(answer.status).send(answer.body)
  })
  server.get<{ Params: { id: string } }>('/orders/:id', async (incoming, reply) => {
    const { id } = incoming.params
    if (!z.uuid().safeParse(id).success) {
      return fail(reply, 400, 'malformed', `order id: expected a UUID, saw ${JSON.stringify(id).slice(0, 100)}`)
    }
    let found
    try {
      found = await duties.read(id.toLowerCase(), incoming.headers[forwardedHeader] !== undefined)
    } catch (error) {
      return fail(reply, 503, 'unavailable', (error as Error).message)
    }
    void reply.header('x-firedrill-source', found.source)
    if (!found.permitted) void reply.header('x-firedrill-permit', 'none')
    if (found.order === null) return fail(reply, 404, 'no-such-order', `there is no order ${id}`)
    return found.order
  })
  server.get('/livez', async () => ({ alive: true }))
  server.get<{ Querystring: { for?: string; 'wait-ms'?: string } }>('/readyz', async (incoming, reply) => {
    const waitMs = Math.min(Number(incoming.query['wait-ms']) || 0, longestWaitMs)
    if (incoming.query.for === 'writes' && waitMs > 0) await duties.untilReadyForWrites(waitMs)
    const { state, reason } =
      incoming.query.for === 'writes' ? forWrites(duties.readyForWrites()) : duties.readyForReads()
    return reply.code(statusOf[state]).send({ ready: state === 'ready', reason, primary: duties.primary() })
  })
  server.get('/metrics', async (_incoming, reply) => {
    const { type, text } = await duties.metrics()
    return reply.type(type).send(text)
  })
  return server
}

function forWrites({ ready, reason }: Readiness): ReadReadiness {
  return { state: ready ? 'ready' : 'not-ready', reason }
}

/** The first thing that is wrong with a body: where, what was expected, what was seen. */
function explain(error: z.ZodError, body: unknown): string {
  const issue = error.issues[0]
  if (issue === undefined) return 'expected an order'
  const path = issue.path.map(String)
  const seen = path.reduce<unknown>((value, name) => (value as Record<string, unknown> | null)?.[name], body)
  const shown = seen === undefined ? 'nothing' : JSON.stringify(seen).slice(0, 100)
  return `${path.length === 0 ? 'body' : path.join('.')}: ${issue.message}, saw ${shown}`
}
