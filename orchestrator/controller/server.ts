// The controller's HTTP API (protocol/controller.ts).
import type { FastifyInstance, FastifyReply } from 'fastify'
import { z } from 'zod'
import {
  controllerStatus,
  failbackRequest,
  failoverRequest,
  moveReply,
  type MoveReply,
  switchoverRequest,
} from '#protocol/controller.ts'
import { ports, type Region } from '#protocol/sites.ts'
import { call, CallRefused, createControlListener } from '#runtime/http.ts'
import { addMetricsRoute } from '#runtime/metrics.ts'
import { messageOf } from '#runtime/message-of.ts'
import type { Settings } from '../core/settings.ts'
import type { Controller } from './controller.ts'
import type { Events } from './events.ts'

const moveTimeoutMs = 30_000

export interface ServerOptions {
  readonly settings: Settings
  readonly token: string
  readonly controller: Pick<Controller, 'status' | 'order' | 'metrics'>
  readonly events: Events
}

export function createServer(options: ServerOptions): FastifyInstance {
  const { settings, controller, events } = options
  const server = createControlListener(options.token)
  server.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) =>
    reply.code(error.statusCode ?? 500).send({ error: 'request', reason: error.message }),
  )
  server.get('/status', () => controllerStatus.parse(controller.status()))
  addMetricsRoute(server, controller.metrics)
  server.get('/events', (request, reply) => {
    const query = z.object({ from: z.coerce.number().int().nonnegative().default(0) }).safeParse(request.query)
    return query.success ? events.from(query.data.from) : malformed(reply, query.error, request.query)
  })
  server.post('/switchover', async (request, reply) => {
    const body = switchoverRequest.safeParse(request.body)
    if (!body.success) return malformed(reply, body.error, request.body)
    return switchOver(options, reply, body.data.dataSet, body.data.to)
  })
  server.post('/failback', async (request, reply) => {
    const body = failbackRequest.safeParse(request.body)
    if (!body.success) return malformed(reply, body.error, request.body)
    return switchOver(options, reply, body.data.dataSet, settings.home)
  })
  server.post('/failover', async (request, reply) => {
    const body = failoverRequest.safeParse(request.body)
    if (!body.success) return malformed(reply, body.error, request.body)
    const unknown = unknownDataSet(settings, body.data.dataSet)
    if (unknown !== null) return reply.code(400).send(unknown)
    const { to, acceptDataLoss } = body.data
    return answer(reply, await controller.order({ kind: 'failover', to: to ?? null, acceptDataLoss }, moveTimeoutMs))
  })
  return server
}

/** The target's controller does the work, so that the last steps are local to it. */
async function switchOver(
  options: ServerOptions,
  reply: FastifyReply,
  dataSet: string,
  to: Region,
): Promise<FastifyReply> {
  const unknown = unknownDataSet(options.settings, dataSet)
  if (unknown !== null) return reply.code(400).send(unknown)
  if (to === options.settings.region)
    return answer(reply, await options.controller.order({ kind: 'switchover', to }, moveTimeoutMs))
  try {
    const forwarded = await call({
      method: 'POST',
      authority: `controller.${to}:${ports.control}`,
      path: '/switchover',
      token: options.token,
      body: { dataSet, to },
      reply: moveReply,
      timeoutMs: moveTimeoutMs,
    })
    return await answer(reply, forwarded)
  } catch (error) {
    if (error instanceof CallRefused) return reply.code(error.status).send(error.body)
    const record = options.controller.status().epoch
    const why = messageOf(error)
    const reason = `the controller of ${to}, which would do it, gave no answer (${why}); see GET /events there`
    return answer(reply, { done: false, epoch: record?.epoch ?? 0, primary: record?.primary ?? null, reason })
  }
}

function answer(reply: FastifyReply, outcome: MoveReply): FastifyReply {
  return reply.code(outcome.done ? 200 : 409).send(outcome)
}

function malformed(reply: FastifyReply, error: z.ZodError, seen: unknown): FastifyReply {
  const issue = error.issues[0]
  const where = issue === undefined || issue.path.length === 0 ? 'body' : issue.path.join('.')
  const reason = `${where}: ${issue?.message ?? 'malformed'}; saw ${JSON.stringify(seen) ?? 'nothing'}`
  return reply.code(400).send({ error: 'malformed', reason })
}

function unknownDataSet(settings: Settings, dataSet: string): { error: string; reason: string } | null {
  if (dataSet === settings.dataSet) return null
  const reason = `dataSet: expected ${JSON.stringify(settings.dataSet)}, saw ${JSON.stringify(dataSet)}`
  return { error: 'malformed', reason }
}
