// HTTP CONNECT at the way in: a stream from the harness to a port of any host of any site, from the WAN's own address there.
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { areaHosts, isArea, isSite, lastOctet, regionHosts, siteHosts, siteIndex } from '#protocol/sites.ts'
import type { Log } from '#runtime/log.ts'
import { Malformed } from './malformed.ts'
import { wanAddress } from './network.ts'

const connectTimeoutMs = 3000

const phrases = {
  400: 'Bad Request',
  407: 'Proxy Authentication Required',
  502: 'Bad Gateway',
  504: 'Gateway Timeout',
} as const

function refuse(client: Duplex, status: keyof typeof phrases, error: string, reason: string): void {
  const body = JSON.stringify({ error, reason })
  const challenge = status === 407 ? 'proxy-authenticate: Bearer\r\n' : ''
  client.end(
    `HTTP/1.1 ${status} ${phrases[status]}\r\ncontent-type: application/json\r\n${challenge}` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

/**
 * Where `postgres.a:5432` is, and from which address the WAN reaches it.
 * @throws Malformed if the text names no host of a site, or no port
 */
export function connectTarget(
  text: string,
  nets: readonly string[],
): { readonly host: string; readonly port: number; readonly localAddress: string } {
  const match = /^([a-z]+)\.([a-z]+):(\d{1,5})$/.exec(text)
  const expected = `expected <host>.<site>:<port>, such as postgres.a:5432, saw ${JSON.stringify(text)}`
  if (match === null) throw new Malformed(`CONNECT target: ${expected}`)
  const [, host = '', site = '', portText] = match
  const port = Number(portText)
  if (port < 1 || port > 65_535) throw new Malformed(`CONNECT target, port: ${expected}`)
  if (!isSite(site)) throw new Malformed(`CONNECT target, site: ${expected}`)
  const hosts: Readonly<Record<string, number>> = { ...(isArea(site) ? areaHosts : regionHosts), wan: siteHosts.wan }
  const number = Object.hasOwn(hosts, host) ? hosts[host] : undefined
  if (number === undefined) {
    throw new Malformed(
      `CONNECT target, host: expected one of ${Object.keys(hosts).join(', ')} of ${site}, saw ${host}`,
    )
  }
  return { host: `${nets[siteIndex(site)]}.${lastOctet(site, number)}`, port, localAddress: wanAddress(nets, site) }
}

/** Handles one CONNECT. The stream ends when either side does. */
export function handleConnect(options: {
  readonly request: IncomingMessage
  readonly client: Duplex
  readonly head: Buffer
  readonly authorized: boolean
  readonly whichToken: string
  readonly nets: readonly string[]
  readonly log: Log
}): void {
  const { request, client, head, nets, log } = options
  client.on('error', () => client.destroy())
  if (!options.authorized) {
    refuse(client, 407, 'unauthorized', `proxy-authorization: expected ${options.whichToken}, saw none or another`)
    return
  }
  let target: ReturnType<typeof connectTarget>
  try {
    target = connectTarget(request.url ?? '', nets)
  } catch (error) {
    refuse(client, 400, 'malformed', (error as Error).message)
    return
  }
  const upstream = connect({ ...target, noDelay: true, allowHalfOpen: true })
  const timer = setTimeout(() => {
    upstream.destroy()
    refuse(client, 504, 'unreachable', `${request.url} did not answer within ${connectTimeoutMs} ms`)
  }, connectTimeoutMs)
  const onRefused = (error: Error): void => {
    clearTimeout(timer)
    refuse(client, 502, 'unreachable', `${request.url}: ${error.message}`)
  }
  upstream.once('error', onRefused)
  client.once('close', () => {
    clearTimeout(timer)
    upstream.destroy()
  })
  upstream.once('connect', () => {
    clearTimeout(timer)
    upstream.off('error', onRefused)
    upstream.on('error', () => client.destroy())
    upstream.once('close', () => client.destroy())
    client.write('HTTP/1.1 200 Connection established\r\n\r\n')
    if (head.length > 0) upstream.write(head)
    upstream.pipe(client)
    client.pipe(upstream)
    log.debug({ target: request.url }, 'carried through the way in')
  })
}
