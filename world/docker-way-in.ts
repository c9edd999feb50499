// The way in over the WAN's published port: calls to the WAN itself, and HTTP CONNECT tunnels to any host of any site.
import http from 'node:http'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import type { z } from 'zod'
import { ports } from '#protocol/sites.ts'
import { CallRefused } from '#runtime/http.ts'
import type { WayIn, WayInCall } from './running-world.ts'

const connectTimeoutMs = 3000
const findAgainEveryMs = 1000

/** No whole answer came, or none that is understood: what was asked may have been done all the same. */
export class WayInFailed extends Error {
  override readonly name = 'WayInFailed'
}

export interface WayInAddress {
  readonly host: string
  readonly port: number
  /** The bearer token of the way in. */
  readonly token: string
  /** The bearer token of the sites' control listeners. */
  readonly controlToken: string
  /** Finds the port again: Docker publishes another one when the WAN is restarted. Null: none now. */
  readonly findPort?: () => Promise<number | null>
}

export class DockerWayIn implements WayIn {
  readonly address: WayInAddress
  private port: number
  private soughtAtMs = Number.NEGATIVE_INFINITY
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
  private readonly tunnels = new Map<string, http.Agent>()
  private readonly forwards = new Set<net.Server>()

  constructor(address: WayInAddress) {
    this.address = address
    this.port = address.port
  }

  async wan<Shape extends z.ZodType>(call: WayInCall<Shape>): Promise<z.infer<Shape>> {
    const { host, token } = this.address
    const options = { host, port: this.port, agent: this.agent }
    return exchange({ call, target: 'wan', options, token }).catch(async (error: unknown) => this.lookAgain(error))
  }

  async control<Shape extends z.ZodType>(host: string, call: WayInCall<Shape>): Promise<z.infer<Shape>> {
    const options = { host, port: ports.control, agent: this.tunnelAgent(host, ports.control) }
    return exchange({ call, target: host, options, token: this.address.controlToken })
  }

  /** An HTTP agent whose connections go through tunnels to `host:port`; kept, since a tunnel costs a round trip. */
  tunnelAgent(host: string, port: number): http.Agent {
    const key = `${host}:${port}`
    const known = this.tunnels.get(key)
    if (known !== undefined) return known
    const agent = new TunnelAgent(async () => this.connect(host, port))
    this.tunnels.set(key, agent)
    return agent
  }

  async connect(host: string, port: number, timeoutMs = connectTimeoutMs): Promise<Duplex> {
    return this.tunnel(host, port, timeoutMs).catch(async (error: unknown) => this.lookAgain(error))
  }

  /** What has failed stays failed: it may have been done. The next call goes to where the way in is by then. */
  private async lookAgain(error: unknown): Promise<never> {
    const { findPort } = this.address
    const nowMs = performance.now()
    if (findPort !== undefined && !(error instanceof CallRefused) && nowMs - this.soughtAtMs > findAgainEveryMs) {
      this.soughtAtMs = nowMs
      // Not waited for: Docker may hang, and the call's time is over.
      void this.findAgain(findPort)
    }
    throw error
  }

  private async findAgain(findPort: () => Promise<number | null>): Promise<void> {
    this.port = (await findPort().catch(() => null)) ?? this.port
  }

  private async tunnel(host: string, port: number, timeoutMs: number): Promise<Duplex> {
    const target = `${host}:${port}`
    return new Promise((resolve, reject) => {
      const request = http.request({
        host: this.address.host,
        port: this.port,
        method: 'CONNECT',
        path: target,
        headers: { 'proxy-authorization': `Bearer ${this.address.token}`, host: target },
        agent: false,
      })
      const timer = setTimeout(
        () => request.destroy(new WayInFailed(`the way in did not reach ${target} within ${timeoutMs} ms`)),
        timeoutMs,
      )
      const settle = (settled: () => void): void => {
        clearTimeout(timer)
        settled()
      }
      request.once('error', (error) => settle(() => reject(asFailure(`CONNECT ${target}`, error))))
      request.once('response', (response) => {
        response.resume()
        settle(() => reject(new CallRefused(`CONNECT ${target}`, response.statusCode ?? 0, null)))
      })
      request.once('connect', (response, socket, head) => {
        if (response.statusCode !== 200) {
          socket.destroy()
          settle(() => reject(new CallRefused(`CONNECT ${target}`, response.statusCode ?? 0, head.toString())))
          return
        }
        socket.setNoDelay(true)
        if (head.length > 0) socket.unshift(head)
        settle(() => resolve(socket))
      })
      request.end()
    })
  }

  async forward(host: string, port: number): Promise<{ readonly port: number; close(): Promise<void> }> {
    const open = new Set<net.Socket>()
    const server = net.createServer((near) => {
      open.add(near)
      near.on('close', () => open.delete(near))
      near.on('error', () => near.destroy())
      void this.carry(near, host, port)
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    this.forwards.add(server)
    const close = async (): Promise<void> => {
      this.forwards.delete(server)
      for (const each of open) each.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    }
    return { port: (server.address() as net.AddressInfo).port, close }
  }

  private async carry(near: net.Socket, host: string, port: number): Promise<void> {
    let far: Duplex
    try {
      far = await this.connect(host, port)
    } catch {
      near.destroy()
      return
    }
    far.on('error', () => near.destroy())
    far.on('close', () => near.destroy())
    near.on('close', () => far.destroy())
    near.pipe(far).pipe(near)
  }

  close(): void {
    this.agent.destroy()
    for (const agent of this.tunnels.values()) agent.destroy()
    for (const server of this.forwards) server.close()
  }
}

class TunnelAgent extends http.Agent {
  private readonly open: () => Promise<Duplex>

  constructor(open: () => Promise<Duplex>) {
    super({ keepAlive: true, maxSockets: 16 })
    this.open = open
  }

  override createConnection(
    _options: http.ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null {
    void this.hand(callback)
    return null
  }

  private async hand(callback?: (error: Error | null, stream: Duplex) => void): Promise<void> {
    let stream: Duplex
    try {
      stream = await this.open()
    } catch (error) {
      callback?.(error as Error, undefined as never)
      return
    }
    callback?.(null, stream)
  }
}

interface Exchange<Shape extends z.ZodType> {
  readonly call: WayInCall<Shape>
  readonly target: string
  readonly options: http.RequestOptions
  readonly token: string
}

async function exchange<Shape extends z.ZodType>({
  call,
  target,
  options,
  token,
}: Exchange<Shape>): Promise<z.infer<Shape>> {
  const name = `${call.method} ${target}${call.path}`
  const body = call.body === undefined ? '' : JSON.stringify(call.body)
  const { status, text } = await send({
    options,
    name,
    method: call.method,
    path: call.path,
    token,
    body,
    timeoutMs: call.timeoutMs,
  })
  const parsed = parseJson(text)
  if (status >= 400) throw new CallRefused(name, status, parsed)
  const reply = call.reply.safeParse(parsed)
  if (reply.success) return reply.data
  const [issue] = reply.error.issues
  throw new WayInFailed(
    `${name}: unexpected answer ${text.slice(0, 100)} (${issue?.path.join('.')}: ${issue?.message})`,
  )
}

/** A refusal and a failure that says what was asked stay as they are. */
function asFailure(name: string, error: Error): Error {
  if (error instanceof CallRefused || error instanceof WayInFailed) return error
  return new WayInFailed(`${name}: ${error.message}`, { cause: error })
}

function parseJson(text: string): unknown {
  if (text === '') return null
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/**
 * One HTTP request with a limit on the whole of it.
 * @throws WayInFailed, or CallRefused if the way in does not let it through
 */
export async function send(request: {
  readonly options: http.RequestOptions
  readonly name: string
  readonly method: string
  readonly path: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly timeoutMs: number
}): Promise<{ readonly status: number; readonly text: string }> {
  const body = request.body ?? ''
  const headers: Record<string, string> = { ...request.headers }
  if (request.token !== undefined) headers['authorization'] = `Bearer ${request.token}`
  if (body !== '') {
    headers['content-type'] = 'application/json'
    headers['content-length'] = String(Buffer.byteLength(body))
  }
  return new Promise((resolve, reject) => {
    const outgoing = http.request({ ...request.options, method: request.method, path: request.path, headers })
    const timer = setTimeout(
      () => outgoing.destroy(new WayInFailed(`${request.name}: no answer within ${request.timeoutMs} ms`)),
      request.timeoutMs,
    )
    const fail = (error: Error): void => {
      clearTimeout(timer)
      reject(asFailure(request.name, error))
    }
    outgoing.once('error', fail)
    outgoing.once('response', (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.once('error', fail)
      incoming.once('end', () => {
        clearTimeout(timer)
        resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString() })
      })
    })
    outgoing.end(body)
  })
}
