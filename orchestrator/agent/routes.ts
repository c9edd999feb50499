// The agent's control calls, in the shapes of protocol/agent.ts.
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { z } from 'zod'
import {
  followRequest,
  promiseRequest,
  promoteRequest,
  reachRequest,
  timelineNotice,
  type AgentStatus,
} from '#protocol/agent.ts'
import { createControlListener } from '#runtime/http.ts'
import type { Log } from '#runtime/log.ts'
import { addMetricsRoute } from '#runtime/metrics.ts'
import type { Events } from './events.ts'
import { listTails, readTail } from './lost-tail.ts'
import type { AgentMetrics } from './metrics.ts'
import type { Node } from './node.ts'
import { Refused, Superseded } from './refused.ts'

export type RouteOptions = {
  token: string
  node: Node
  events: Events
  status: () => AgentStatus
  metrics: AgentMetrics
  log: Log
}

export function createRoutes(options: RouteOptions): FastifyInstance {
  const { node, events, status, metrics, log } = options
  const server = createControlListener(options.token)

  const order = <Shape extends z.ZodType>(
    path: string,
    shape: Shape,
    success: number,
    obey: (request: z.infer<Shape>) => Promise<object>,
  ): void => {
    server.post(path, async (incoming, reply) => {
      const parsed = shape.safeParse(incoming.body)
      if (!parsed.success) return malformed(reply, parsed.error)
      const ended = metrics.order(path.slice(1))
      try {
        const answer = await obey(parsed.data)
        ended('obeyed')
        return await reply.code(success).send(answer)
      } catch (error) {
        const isRefused = error instanceof Refused || error instanceof Superseded
        ended(isRefused ? 'refused' : 'failed')
        if (!isRefused) throw error
        log.info({ path, body: parsed.data, reason: error.message }, 'refused')
        return reply.code(409).send({ refused: true, promised: node.view().kept.promised, reason: error.message })
      }
    })
  }
  order('/promise', promiseRequest, 200, async ({ epoch }) => node.promise(epoch))
  order('/promote', promoteRequest, 200, async ({ epoch, commit }) => node.promote(epoch, commit))
  order('/follow', followRequest, 202, async (request) => node.follow({ ...request, ahead: request.ahead === true }))
  order('/reach', reachRequest, 200, async ({ lsn, withinMs }) => ({ reached: await node.reach(lsn, withinMs) }))
  order('/timeline', timelineNotice, 200, async (notice) => node.timelines.hear(notice))

  server.get('/status', () => status())
  addMetricsRoute(server, metrics.registry)
  server.get<{ Querystring: { from?: string } }>('/events', async (incoming, reply) => {
    const from = Number(incoming.query.from ?? 0)
    if (!Number.isInteger(from) || from < 0)
      return reply
        .code(400)
        .send({ error: 'malformed', reason: `expected from=N, saw ${JSON.stringify(incoming.query.from)}` })
    return events.since(from)
  })
  server.get('/exports', async () => ({ exports: await listTails() }))
  server.get<{ Params: { name: string } }>('/exports/:name', async (incoming, reply) => {
    const tail = await readTail(incoming.params.name)
    return (
      tail ??
      reply
        .code(404)
        .send({ error: 'not found', reason: `no export is named ${incoming.params.name}; GET /exports lists them` })
    )
  })
  server.setErrorHandler((error: Error & { statusCode?: number }, _incoming, reply) => {
    const code = error.statusCode ?? 500
    if (code >= 500) log.error({ err: error }, 'an order failed')
    return reply.code(code).send({ error: 'failed', reason: error.message })
  })
  return server
}

function malformed(reply: FastifyReply, error: z.ZodError): FastifyReply {
  const issue = error.issues[0]
  const reason = `${issue?.path.join('.') || 'body'}: ${issue?.message}`
  return reply.code(400).send({ error: 'malformed', reason })
}
