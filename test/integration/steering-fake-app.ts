// Stands in for a region's app in steering tests: readiness and behaviour are switched by the test on port 8081, and every
// request is counted. Runs inside a container of the Node services' image, so it imports Node's own modules only.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'

/** `hang`: never answers. `break`: closes the connection after the request has come. `refuse`: 503, definitely not done. */
export type FakeBehaviour = 'accept' | 'hang' | 'break' | 'refuse'
export interface FakeSettings {
  readonly writes: boolean
  readonly reads: boolean
  /** It is ready for reads, and says that they may be old. */
  readonly stale: boolean
  readonly behaviour: FakeBehaviour
}
export interface FakeCounts {
  readonly posts: readonly string[]
  readonly gets: readonly string[]
  readonly checks: number
  /** Checks that were kept open until the region became ready. */
  readonly heldUntilReady: number
  readonly connections: number
}

const region = process.argv[2] ?? '?'
let settings: FakeSettings = { writes: false, reads: false, stale: false, behaviour: 'accept' }
let counts = { posts: [] as string[], gets: [] as string[], checks: 0, heldUntilReady: 0, connections: 0 }
const held = new Set<() => void>()
const orders = new Map<string, string>()

const app = createServer((incoming, reply) => {
  const send = (status: number, body: unknown): void => {
    reply.writeHead(status, { 'content-type': 'application/json', 'x-region': region }).end(JSON.stringify(body))
  }
  const url = incoming.url ?? ''
  if (url.startsWith('/readyz')) {
    counts.checks += 1
    const isReady = (): boolean => (url.startsWith('/readyz?for=writes') ? settings.writes : settings.reads)
    const waitMs = Number(/wait-ms=(\d+)/.exec(url)?.[1] ?? 0)
    if (isReady() || waitMs === 0) {
      const ready = settings.stale && !url.includes('for=writes') ? 203 : 200
      send(isReady() ? ready : 503, {})
      return
    }
    const look = (): void => {
      if (!isReady()) return
      counts.heldUntilReady += 1
      end()
    }
    const end = (): void => {
      clearTimeout(timer)
      held.delete(look)
      send(isReady() ? 200 : 503, {})
    }
    const timer = setTimeout(end, waitMs)
    held.add(look)
    return
  }
  if (incoming.method === 'POST') counts.posts.push(String(incoming.headers['idempotency-key']))
  else counts.gets.push(url)
  incoming.resume().on('end', () => {
    if (settings.behaviour === 'hang') return
    if (settings.behaviour === 'break') {
      incoming.socket.destroy()
      return
    }
    if (settings.behaviour === 'refuse') {
      send(503, { error: 'not-here', outcome: 'failed', reason: 'this region is no write region', primary: 'b' })
      return
    }
    if (incoming.method === 'POST') {
      const id = randomUUID()
      const accepted = { id, region, epoch: 1 }
      const asked = { customer: 'c', item: 'i', quantity: 1, createdAt: 'now' }
      orders.set(id, JSON.stringify({ ...asked, ...accepted }))
      send(201, accepted)
      return
    }
    const found = orders.get(url.slice('/orders/'.length))
    if (found === undefined) send(404, { error: 'unknown-order', outcome: 'failed', reason: 'no such order' })
    else send(200, JSON.parse(found))
  })
})
app.on('connection', () => {
  counts.connections += 1
})
app.keepAliveTimeout = 72_000
app.listen(8080)

createServer((incoming, reply) => {
  const chunks: Buffer[] = []
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  incoming.on('end', () => {
    if (incoming.method === 'PUT') settings = { ...settings, ...JSON.parse(Buffer.concat(chunks).toString()) }
    for (const look of held) look()
    if (incoming.method === 'DELETE') counts = { posts: [], gets: [], checks: 0, heldUntilReady: 0, connections: 0 }
    reply.end(JSON.stringify(counts))
  })
}).listen(8081)

process.on('SIGTERM', () => process.exit(0))
