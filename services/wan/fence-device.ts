// The fence device: fabric fencing, answered on the WAN's address in each site. What it accepts is on disk and in force before
// it answers. Chaos can break it.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sites, type Region, type Site } from '#protocol/sites.ts'
import { fenceRequest, type Ending, type FenceBreak, type FenceReply, type FenceState } from '#protocol/wan.ts'
import { monotonicNs } from '#runtime/clock.ts'
import { createControlListener } from '#runtime/http.ts'
import type { Log } from '#runtime/log.ts'
import { readJson, writeDurably } from './durable.ts'
import { Endings } from './endings.ts'
import { clearFence, decideFence, fencedRegions, fenceMemory, type FenceMemory } from './fence.ts'
import type { Links } from './links.ts'
import { answerErrors, expectShape } from './malformed.ts'

export class FenceDevice {
  readonly #file: string
  readonly #links: Links
  readonly #log: Log
  #memory: FenceMemory
  readonly #endings = new Endings()
  #broken: Pick<FenceBreak, 'mode' | 'id'> | null = null
  #mending: NodeJS.Timeout | undefined

  constructor(file: string, links: Links, log: Log) {
    this.#file = file
    this.#links = links
    this.#log = log
    this.#memory = fenceMemory.parse(readJson(file) ?? [])
    links.fence(fencedRegions(this.#memory))
  }

  get broken(): FenceBreak['mode'] | null {
    return this.#broken?.mode ?? null
  }

  state(): FenceState {
    return {
      atNs: monotonicNs().toString(),
      broken: this.broken,
      brokenBy: this.#broken?.id ?? null,
      ended: this.#endings.latest(),
      dataSets: this.#memory,
    }
  }

  order(order: 'fence' | 'unfence', body: unknown): { readonly status: 200 | 409; readonly reply: FenceReply } {
    const request = expectShape(fenceRequest, body)
    const verdict = decideFence(this.#memory, order, request)
    if (!verdict.accepted) {
      this.#log.warn({ order, ...request, reason: verdict.reason }, 'fence order refused')
      const { epoch, reason } = verdict
      return { status: 409, reply: { fenced: false, epoch, atNs: monotonicNs().toString(), reason } }
    }
    const atNs = this.#keep(verdict.memory)
    this.#log.info({ order, ...request }, 'fence order carried out')
    return { status: 200, reply: { fenced: order === 'fence', epoch: request.epoch, atNs: atNs.toString() } }
  }

  clear(site: Region): void {
    this.#keep(clearFence(this.#memory, site))
    this.#log.info({ site }, 'fence cleared')
  }

  break({ id, mode, expiresInMs }: FenceBreak): void {
    this.#end('replaced')
    this.#broken = { mode, ...(id === undefined ? {} : { id }) }
    this.#log.info({ id, mode, expiresInMs }, 'fence device broken')
    if (expiresInMs !== undefined) this.#expireIn(expiresInMs)
  }

  /** A break with this id ends so long from now; another, or one that has ended, stays as it is. */
  renew(id: string, expiresInMs: number): void {
    if (this.#broken?.id === id && this.#mending !== undefined) this.#expireIn(expiresInMs)
  }

  mend(): void {
    this.#end('removed')
    this.#log.info('fence device mended')
  }

  #expireIn(expiresInMs: number): void {
    clearTimeout(this.#mending)
    this.#mending = setTimeout(() => {
      this.#end('expired')
      this.#log.info('the break of the fence device expired')
    }, expiresInMs)
  }

  #end(why: Ending['why']): void {
    clearTimeout(this.#mending)
    this.#mending = undefined
    const id = this.#broken?.id
    this.#broken = null
    if (id !== undefined) this.#endings.note([id], why, monotonicNs())
  }

  #keep(memory: FenceMemory): bigint {
    writeDurably(this.#file, JSON.stringify(memory))
    this.#memory = memory
    return this.#links.fence(fencedRegions(memory))
  }
}

/** The site of whoever calls one of the WAN's addresses: every site's hosts have its block, wherever they are seen from. */
export function callingSite(remoteAddress: string): Site | undefined {
  return sites[Number(remoteAddress.split('.')[3]) >>> 5]
}

/** One listener of the device; the caller gives it the WAN's address in a site. */
export function createFenceListener(options: {
  readonly device: FenceDevice
  readonly links: Links
  readonly token: string
  readonly fencePath: 'in-band' | 'out-of-band'
}): FastifyInstance {
  const { device, links, fencePath } = options
  const server = createControlListener(options.token, 'the bearer token `fence` of the secrets file')
  answerErrors(server)
  server.addHook('onRequest', async (request, reply) => {
    const site = callingSite(request.ip)
    const cut = fencePath === 'in-band' && site !== undefined && links.isControlCut(site)
    // As if the network had swallowed the request: no answer, and the connection stays open.
    if (cut || device.broken === 'silent') reply.hijack()
    else if (device.broken === 'refuse') {
      await reply.code(503).send({ error: 'broken', reason: 'the fence device is out of order' })
    }
  })
  const answer = (order: 'fence' | 'unfence') => (request: FastifyRequest, reply: FastifyReply) => {
    const { status, reply: body } = device.order(order, request.body)
    return reply.code(status).send(body)
  }
  server.post('/fence', answer('fence'))
  server.post('/unfence', answer('unfence'))
  return server
}
