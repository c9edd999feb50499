// The dashboard's HTTP server: its pages, its live state, and its acts. Every request passes `judgeAccess` first.
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { z } from 'zod'
import { readLiveDrill } from '../live-drill.ts'
import { judgeAccess, type Own } from './access.ts'
import { ActRefused, approvalRequest, drillRequest, moveRequest, type Acts } from './acts.ts'
import { loadAssets } from './assets.ts'
import { runbookCatalogue } from './catalogue.ts'
import { faultForms } from './fault-form.ts'
import type { Live } from './live.ts'
import type { DashboardState } from './model/state.ts'
import type { Watch } from './watch.ts'

const bodyLimitBytes = 64 * 1024
const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
/** A report has its style inside; in a sandbox it is nobody's origin, so that it can ask this server for nothing. */
const reportPolicy =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-scripts"

const onEach = {
  'content-security-policy': pagePolicy,
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
} as const

export interface ServerParts {
  readonly watch: Watch
  readonly acts: Acts
  readonly live: Live
  readonly state: () => DashboardState
  /** The world for Prometheus. */
  readonly metrics: () => Promise<string>
  /** Known once it listens. */
  readonly own: () => Own
}

export async function createDashboardServer(parts: ServerParts): Promise<FastifyInstance> {
  const server = fastify({ logger: false, bodyLimit: bodyLimitBytes, forceCloseConnections: true })
  guardAll(server, parts.own)
  await addPages(server, parts)
  addActs(server, parts.acts)
  server.setNotFoundHandler((incoming, reply) =>
    reply.code(404).send({ reason: `nothing is at ${incoming.method} ${incoming.url}` }),
  )
  server.setErrorHandler<FastifyError>((error, _incoming, reply) => answerError(error, reply))
  return server
}

function guardAll(server: FastifyInstance, own: () => Own): void {
  server.addHook('onRequest', async (incoming, reply) => {
    reply.headers(onEach)
    const access = judgeAccess({ method: incoming.method, url: incoming.url, headers: incoming.headers }, own())
    if (access.allowed) return
    if ('location' in access) {
      await reply.header('set-cookie', access.cookie).redirect(access.location, 303)
      return
    }
    const hint = 'open the address that ./firedrill dashboard prints, typed or pasted, not followed from another page'
    await reply.code(403).type('text/plain; charset=utf-8').send(`403: ${access.reason}; ${hint}\n`)
  })
}

async function addPages(server: FastifyInstance, { watch, live, state, metrics }: ServerParts): Promise<void> {
  for (const [path, { type, body }] of await loadAssets())
    server.get(path, (_incoming, reply) => reply.type(type).send(body))
  server.get('/api/state', () => state())
  server.get('/metrics', async (_incoming, reply) => reply.type(Registry.PROMETHEUS_CONTENT_TYPE).send(await metrics()))
  server.get('/api/catalogue', async () => ({
    runbooks: await runbookCatalogue(watch.observed.topology),
    faults: faultForms(),
  }))
  server.get('/api/live', (_incoming, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, { ...onEach, 'content-type': 'text/event-stream; charset=utf-8' })
    live.add(reply.raw, () => watch.removeViewer())
    watch.addViewer()
  })
  server.get('/report.html', async (_incoming, reply) => {
    const drill = await readLiveDrill(watch.observed.world)
    const report = drill === null ? null : await readFile(join(drill.folder, 'report.html')).catch(() => null)
    if (report === null) return reply.code(404).type('text/plain').send('the last drill has no report yet\n')
    return reply.header('content-security-policy', reportPolicy).type('text/html; charset=utf-8').send(report)
  })
}

function addActs(server: FastifyInstance, acts: Acts): void {
  const faultValues = z.record(z.string(), z.string())
  const did = async (work: Promise<string>): Promise<{ readonly done: string }> => ({ done: await work })
  server.post('/api/faults', (incoming) => did(acts.inject(take(faultValues, incoming.body))))
  server.delete<{ Params: { id: string } }>('/api/faults/:id', (incoming) => did(acts.heal(incoming.params.id)))
  server.post('/api/heal', () => did(acts.healAll()))
  server.post('/api/moves', (incoming) => did(acts.move(take(moveRequest, incoming.body))))
  server.post('/api/drills', (incoming) => did(acts.startDrill(take(drillRequest, incoming.body))))
  server.post('/api/approval', (incoming) => did(acts.approve(take(approvalRequest, incoming.body))))
}

/** @throws ActRefused that names the fields */
function take<Shape extends z.ZodType>(shape: Shape, body: unknown): z.infer<Shape> {
  const parsed = shape.safeParse(body)
  if (parsed.success) return parsed.data
  throw new ActRefused(
    'the request is malformed',
    parsed.error.issues.map((issue) => ({ field: issue.path.join('.'), message: issue.message })),
  )
}

/** 422: fields have to change; 409: the world, or somebody at work on it, said no. */
function answerError(error: FastifyError | Error, reply: FastifyReply): FastifyReply {
  const problems = error instanceof ActRefused ? error.problems : []
  const own = 'statusCode' in error && error.statusCode !== undefined ? error.statusCode : null
  const status = own ?? (problems.length > 0 ? 422 : 409)
  return reply.code(status).send({ reason: error.message, problems })
}
