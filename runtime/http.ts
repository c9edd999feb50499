// Control listeners (bearer token, JSON) and calls to them. Every call has a time limit; errors name the other side.
import fastify, { type FastifyInstance } from 'fastify'
import { timingSafeEqual } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { Agent, type Dispatcher, request } from 'undici'
import type { z } from 'zod'
import { monotonicNs } from './clock.ts'

/**
 * A listener that answers 401 to any request without `authorization: Bearer <token>`. Routes are the caller's, but for GET /clock,
 * the process's own clocks (`clockReply`): what a skewed wall clock is proven by.
 * `whichToken` tells the refused caller where the expected token is to be found.
 */
export function createControlListener(token: string, whichToken = 'the bearer token of this world'): FastifyInstance {
  const server = fastify({ logger: false, forceCloseConnections: true })
  const expected = Buffer.from(`Bearer ${token}`)
  server.addHook('onRequest', async (incoming, reply) => {
    const seen = Buffer.from(incoming.headers.authorization ?? '')
    if (seen.length !== expected.length || !timingSafeEqual(seen, expected)) {
      await reply.code(401).send({ error: 'unauthorized', reason: `expected ${whichToken}, saw none or another` })
    }
  })
  server.get('/clock', () => ({ monotonicNs: monotonicNs().toString(), wallMs: Date.now() }))
  return server
}

/** The other side answered, but not with success. */
export class CallRefused extends Error {
  readonly status: number
  readonly body: unknown
  constructor(target: string, status: number, body: unknown) {
    super(`${target} answered ${status}: ${JSON.stringify(body)}`)
    this.name = 'CallRefused'
    this.status = status
    this.body = body
  }
}

/**
 * Connections are kept: over the WAN a new one costs a round trip. One request at a time on each, so that a hung call holds up no
 * other (pipelining 0 would close each connection after its first call). An idle one is probed after two seconds: whoever is there
 * has forgotten those of a process that was killed behind a cut, and the next call would be lost on them.
 * @param perTarget at most so many; null: as many as there are calls at once
 */
export function keptConnections(perTarget: number | null = null): Agent {
  return new Agent({
    connect: { timeout: 1000, keepAlive: true, keepAliveInitialDelay: 2000 },
    keepAliveTimeout: 30_000,
    pipelining: 1,
    connections: perTarget,
  })
}

const dispatcher = keptConnections()

/**
 * Connections that are kept warm for calls which may not wait for a new one. There are two sets, warmed in turns: a call takes the
 * set that is at rest, since on the other the warming itself is under way for a round trip.
 */
export class WarmConnections {
  #resting = keptConnections()
  #warming = keptConnections()

  /** For a call that matters. */
  get ready(): Dispatcher {
    return this.#resting
  }

  /** @param ask makes short calls by the connections it is given, and never rejects; to be done well before the next turn */
  async warm(ask: (connections: Dispatcher) => Promise<unknown>): Promise<void> {
    const turn = this.#resting
    this.#resting = this.#warming
    this.#warming = turn
    await ask(turn)
  }
}

/**
 * One JSON call. `timeoutMs` bounds the whole of it.
 * @throws CallRefused for a status of 400 or more; any other Error means that the outcome is unknown
 */
export async function call<Shape extends z.ZodType>(options: {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `agent.a:9000`-like authority. */
  authority: string
  path: string
  token: string
  body?: unknown
  reply: Shape
  timeoutMs: number
  /** Those of a `WarmConnections`, where a new one would be too slow. */
  connections?: Dispatcher
}): Promise<z.infer<Shape>> {
  const target = `${options.method} http://${options.authority}${options.path}`
  const response = await request(`http://${options.authority}${options.path}`, {
    dispatcher: options.connections ?? dispatcher,
    method: options.method,
    headers: {
      authorization: `Bearer ${options.token}`,
      // Fastify refuses a JSON content type without a body.
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: options.body === undefined ? null : JSON.stringify(options.body),
    signal: AbortSignal.timeout(options.timeoutMs),
  })
  const text = await response.body.text()
  // The connection is free for the next call only after this turn of the loop; a call before that would open another.
  await setImmediate()
  const body: unknown = text === '' ? null : JSON.parse(text)
  if (response.statusCode >= 400) throw new CallRefused(target, response.statusCode, body)
  return options.reply.parse(body)
}
