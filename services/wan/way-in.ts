// The way in: the harness's listener on the out-of-band network. Links, counters, clock, ledger, fence, and CONNECT into sites.
import { timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { regions } from '#protocol/sites.ts'
import { fenceBreak, ledgerEntry, linkRequest, renewRequest } from '#protocol/wan.ts'
import { monotonicNs } from '#runtime/clock.ts'
import { createControlListener } from '#runtime/http.ts'
import type { Log } from '#runtime/log.ts'
import { addMetricsRoute } from '#runtime/metrics.ts'
import { handleConnect } from './connect.ts'
import type { FenceDevice } from './fence-device.ts'
import type { Ledger } from './ledger.ts'
import type { Links } from './links.ts'
import { addHoldRoutes, handleHold } from './hold-connections.ts'
import type { Holds } from './holds.ts'
import { answerErrors, expectShape, Malformed } from './malformed.ts'
import { createWanMetrics } from './metrics.ts'

const byId = z.object({ id: z.string().min(1) })
const bySite = z.object({ site: z.enum(regions) })

export interface WayInParts {
  readonly token: string
  readonly tokenFile: string
  readonly nets: readonly string[]
  readonly links: Links
  readonly device: FenceDevice
  readonly ledger: Ledger
  readonly holds: Holds
  readonly log: Log
}

function sameText(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left), Buffer.from(right)]
  return one.length === other.length && timingSafeEqual(one, other)
}

function addLinkRoutes(server: FastifyInstance, links: Links): void {
  server.get('/counters', () => links.counters())
  server.get('/links', () => links.state())
  server.post('/links', (request) => {
    const { changes } = expectShape(linkRequest, request.body)
    return { atNs: links.change(changes).toString() }
  })
  server.delete('/links/:id', (request) => ({
    atNs: links.heal(expectShape(byId, request.params).id).toString(),
  }))
}

function addLedgerRoutes(server: FastifyInstance, { ledger, links, device }: WayInParts): void {
  server.get('/ledger', () => ledger.history())
  server.put('/ledger/:id', (request) => {
    const { id } = expectShape(byId, request.params)
    const entry = expectShape(ledgerEntry, request.body)
    if (entry.id !== id) throw new Malformed(`field id: expected ${id} as in the path, saw ${entry.id}`)
    ledger.put(entry)
    return entry
  })
  server.post('/ledger/:id/healing', (request) => {
    ledger.markHealing(expectShape(byId, request.params).id)
    return { entries: ledger.entries() }
  })
  server.post('/ledger/:id/renew', (request) => {
    const { id } = expectShape(byId, request.params)
    const { expiresInMs } = expectShape(renewRequest, request.body)
    const renewed = ledger.renew(id, monotonicNs() + BigInt(Math.round(expiresInMs * 1e6)))
    if (!renewed) return { renewed }
    links.renew(id, expiresInMs)
    device.renew(id, expiresInMs)
    return { renewed }
  })
  server.delete('/ledger/:id', (request) => {
    ledger.delete(expectShape(byId, request.params).id)
    return { entries: ledger.entries() }
  })
}

function addFenceRoutes(server: FastifyInstance, device: FenceDevice): void {
  server.get('/fence', () => device.state())
  server.post('/fence/break', (request) => {
    device.break(expectShape(fenceBreak, request.body))
    return device.state()
  })
  server.post('/fence/mend', () => {
    device.mend()
    return device.state()
  })
  server.delete('/fence/:site', (request) => {
    device.clear(expectShape(bySite, request.params).site)
    return device.state()
  })
}

/** The listener; the caller gives it the out-of-band address. */
export function createWayIn(parts: WayInParts): FastifyInstance {
  const whichToken = `the bearer token in ${parts.tokenFile} of this world's WAN container`
  const server = createControlListener(parts.token, whichToken)
  answerErrors(server)
  // A body-less POST or DELETE may still say that it is JSON.
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    try {
      done(null, text === '' ? undefined : JSON.parse(String(text)))
    } catch (error) {
      done(new Malformed(`body: expected JSON: ${(error as Error).message}`), undefined)
    }
  })
  addLinkRoutes(server, parts.links)
  addLedgerRoutes(server, parts)
  addFenceRoutes(server, parts.device)
  addHoldRoutes(server, parts.holds)
  const { links, device, ledger } = parts
  const metrics = createWanMetrics({
    counters: () => links.counters(),
    links: () => links.state(),
    fence: () => device.state(),
    ledger: () => ledger.entries(),
  })
  addMetricsRoute(server, metrics)
  server.server.on('connect', (request, client, head: Buffer) => {
    const authorized = sameText(request.headers['proxy-authorization'] ?? '', `Bearer ${parts.token}`)
    handleConnect({ request, client, head, authorized, whichToken, nets: parts.nets, log: parts.log })
  })
  server.server.on('upgrade', (request, socket, head: Buffer) => {
    const authorized = sameText(request.headers.authorization ?? '', `Bearer ${parts.token}`)
    handleHold({ request, socket, head, authorized, whichToken, holds: parts.holds, log: parts.log })
  })
  return server
}
