// The load client of a client area: takes a plan, makes open-loop load, keeps what became of each operation.
import { randomUUID } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { isArea, ports } from '#protocol/sites.ts'
import { loadEnd, loadPlan, type LoadPlan, type LoadStatus } from '#protocol/operation.ts'
import { monotonicNs } from '#runtime/clock.ts'
import { loadConfig, loadSecrets } from '#runtime/config.ts'
import { createControlListener } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { addMetricsRoute } from '#runtime/metrics.ts'
import { attempt, createConnections } from './attempt.ts'
import { startLoad, type Load, type LoadOptions } from './load.ts'
import { createClientMetrics } from './metrics.ts'
import { createOperationLog } from './operation-log.ts'
import { createNameCache } from './resolve.ts'

/** A plan that should have begun longer ago would start with a burst that nobody planned. */
const latestStartNs = 2_000_000_000n
/** Few enough to be parsed without holding up the reader's other work. */
const mostLines = 5000

const config = loadConfig()
const { site } = config
if (!isArea(site)) throw new Error(`environment variable FIREDRILL_SITE: expected a client area, saw "${site}"`)
const secrets = await loadSecrets(config)
const log = createLog('client', config.logLevel, { site })
const connections = createConnections()

const processSinceNs = monotonicNs().toString()
let latest: { readonly plan: LoadPlan; readonly load: Load } | null = null
let operations = createOperationLog()
let run: string = randomUUID()

function status(): LoadStatus {
  const idle = { running: false, planned: 0, inFlight: 0, done: 0 }
  const { drill, timeoutMs } = latest?.plan ?? { drill: null, timeoutMs: 0 }
  return { ...(latest?.load.status() ?? idle), run, processSinceNs, drill, timeoutMs }
}

/** How operations find the other side: the area's point of presence, or what the area's resolver says. */
async function createLocate(steering: LoadPlan['steering']): Promise<LoadOptions['locate']> {
  if (steering === 'glb') return () => Promise.resolve(`http://glb.${site}:${ports.glb}`)
  const resolver = await lookup(`resolver.${site}`, { family: 4 })
  const resolve = createNameCache(`${resolver.address}:${ports.dns}`)
  return async (kind) => {
    const address = await resolve(kind === 'write' ? 'orders.firedrill.test' : 'reads.orders.firedrill.test')
    return `http://${address}:${ports.app}`
  }
}

const metrics = createClientMetrics(status)
const control = createControlListener(secrets.control)
addMetricsRoute(control, metrics.registry)

control.post('/load', async (incoming, reply) => {
  const parsed = loadPlan.safeParse(incoming.body)
  if (!parsed.success) {
    return reply.code(400).send({ error: 'malformed', reason: `expected a load plan, saw: ${parsed.error.message}` })
  }
  const plan = parsed.data
  const lateNs = monotonicNs() - BigInt(plan.startNs)
  if (lateNs > latestStartNs) {
    const reason = `expected startNs at most 2 s ago, saw ${lateNs / 1_000_000n} ms ago; take it from the WAN's clock`
    return reply.code(400).send({ error: 'malformed', reason })
  }
  const locate = await createLocate(plan.steering)
  if (status().running) {
    return reply.code(409).send({ error: 'busy', reason: 'expected no plan under way, saw one; DELETE /load ends it' })
  }
  operations = createOperationLog()
  run = randomUUID()
  const started = startLoad({
    area: site,
    plan,
    locate,
    log: metrics.counting(operations),
    attempt: (request) => attempt(connections, request),
  })
  latest = { plan, load: started }
  log.info({ plan, run }, 'load begins')
  void started.ended.then(() => log.info(started.status(), 'load has ended'))
  return status()
})

control.get('/load', status)
control.delete('/load', () => {
  latest?.load.endAt(0n)
  return status()
})
control.post('/load/end', async (incoming, reply) => {
  const parsed = loadEnd.safeParse(incoming.body)
  if (!parsed.success) {
    return reply.code(400).send({ error: 'malformed', reason: `expected an end of load, saw: ${parsed.error.message}` })
  }
  const { drill, untilNs } = parsed.data
  if (latest?.plan.drill !== drill) {
    const reason = `expected a plan of ${drill}, saw ${latest === null ? 'none' : `one of ${latest.plan.drill}`}`
    return reply.code(409).send({ error: 'other-plan', reason })
  }
  latest.load.endAt(BigInt(untilNs))
  return status()
})

control.get('/operations', async (incoming, reply) => {
  const asked = (incoming.query as { from?: string }).from ?? '0'
  const from = /^\d+$/.test(asked) ? Number(asked) : Number.NaN
  reply.header('x-run', run).header('x-first', String(operations.first())).header('x-end', String(operations.next()))
  if (!(from >= 0 && from <= operations.next())) {
    const reason = `expected from between 0 and ${operations.next()}, saw ${JSON.stringify(asked)}`
    return reply.code(400).send({ error: 'malformed', reason })
  }
  if (from < operations.first()) {
    const reason = `operations below ${operations.first()} are dropped; fetch them more often`
    return reply.code(410).send({ error: 'gone', reason })
  }
  const lines = operations.from(from, mostLines)
  return reply
    .header('content-type', 'application/x-ndjson')
    .header('x-next', String(from + lines.length))
    .send(lines.join(''))
})

await control.listen({ host: '0.0.0.0', port: ports.control })
log.info('ready for a plan')

process.on('SIGTERM', () => process.exit(0))
