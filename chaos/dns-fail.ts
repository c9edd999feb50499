// Authoritative DNS servers answer SERVFAIL, nothing, or what was true when it began. Resolvers keep what they have until its TTL
// ends, and ask the other regions' servers. The servers themselves end it when its time is over; a restart ends it as well.
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { dnsFailureModes, dnsStatus } from '#protocol/dns.ts'
import { areas, isRegion, regionHosts, regions, type Area, type Region } from '#protocol/sites.ts'
import type { RunningWorld, ServiceName, Target } from '#world/running-world.ts'
import { FaultUnproven, type FaultHandler } from './fault.ts'
import { holdOn } from './held.ts'
import { askDns, runningNames, type DnsReply } from './inside.ts'
import { lastsMs } from './lease.ts'
import { together, type Judgement } from './sight.ts'
import { nameOf, servicesOf } from './targets.ts'
import { between } from './wan-calls.ts'

const failDetail = z.object({
  servers: z.array(z.enum(regions)),
  mode: z.enum(dnsFailureModes),
  expiresInMs: z.number(),
})
const timeoutMs = 3000
const ordersName = 'orders.firedrill.test'

/** Some container of the server's own region, so that no link lies between. */
function askerIn(region: Region, running: ReadonlySet<string>): Target | null {
  const service = Object.keys(regionHosts).find((each) => each !== 'dns' && running.has(`${each}.${region}`))
  return service === undefined ? null : { site: region, service: service as ServiceName }
}

function told(reply: DnsReply | null): string {
  if (reply === null) return 'nothing'
  return reply.address === null ? reply.code : `${reply.code} with ${reply.address}`
}

/** A name that no cache can know: a resolver has to ask a server, one after another until one answers. */
async function askResolver(world: RunningWorld, running: ReadonlySet<string>): Promise<string | null> {
  const area = areas.find((each) => running.has(`client.${each}`) && running.has(`resolver.${each}`))
  if (area === undefined) return null
  const name = `x${randomBytes(4).toString('hex')}.firedrill.test`
  const reply = await askDns(world, { site: area, service: 'client' }, `resolver.${area satisfies Area}`, name)
  return `resolver.${area} answers ${told(reply)} to a name that it does not know`
}

async function failingOf(world: RunningWorld, region: Region): Promise<z.infer<typeof dnsStatus>['failing']> {
  const call = { method: 'GET', path: '/status', reply: dnsStatus, timeoutMs } as const
  return (await world.wayIn.control(`dns.${region}`, call)).failing
}

const rightReply: Readonly<Record<z.infer<typeof failDetail>['mode'], (reply: DnsReply | null) => boolean>> = {
  servfail: (reply) => reply?.code === 'SERVFAIL',
  silent: (reply) => reply === null,
  stale: isAnswered,
}

function isAnswered(reply: DnsReply | null): boolean {
  return reply?.code === 'NOERROR' && reply.address !== null
}

export const dnsFail: FaultHandler<'dns-fail'> = {
  summary: 'authoritative DNS servers answer SERVFAIL, nothing, or what was true when it began',
  endsBy: 'the DNS server',

  expected(spec) {
    const what = {
      servfail: 'answer SERVFAIL',
      silent: 'do not answer',
      stale: 'answer as now, whatever becomes of the regions',
    }
    const all = servicesOf(spec.target).length === regions.length
    const others = all
      ? 'once the TTL of what resolvers know has ended, names fail'
      : 'resolvers go on to the other servers'
    return `${spec.target}: servers ${what[spec.mode]}${spec.mode === 'stale' ? '' : `; ${others}`}`
  },

  touches: (spec) => servicesOf(spec.target).map(nameOf),
  holds: (target) => servicesOf(target).map(holdOn('dns')),

  detail: (spec) => ({
    servers: [
      ...new Set(servicesOf(spec.target).flatMap(({ site }) => (site !== null && isRegion(site) ? [site] : []))),
    ],
    mode: spec.mode,
    expiresInMs: lastsMs(spec),
  }),

  async inject(world, entry) {
    const { servers, ...body } = failDetail.parse(entry.detail)
    return between(world, () =>
      Promise.all(
        servers.map((region) =>
          world.wayIn.control(`dns.${region}`, { method: 'PUT', path: '/failure', body, reply: dnsStatus, timeoutMs }),
        ),
      ),
    )
  },

  async prove(world, entry) {
    const { servers, mode } = failDetail.parse(entry.detail)
    const running = await runningNames(world)
    const seen = await Promise.all(
      servers.map(async (region) => {
        const host = `dns.${region}`
        const failing = await failingOf(world, region)
        if (failing !== mode) throw new FaultUnproven(`expected ${host} to say ${mode}, saw ${String(failing)}`)
        const asker = askerIn(region, running)
        if (asker === null) return `nothing runs in region ${region} that could ask ${host}`
        const reply = await askDns(world, asker, host, ordersName)
        if (!rightReply[mode](reply))
          throw new FaultUnproven(`expected ${host} to be ${mode}, saw it answer ${told(reply)}`)
        return `${host} answers ${told(reply)}`
      }),
    )
    const resolver = mode === 'stale' ? null : await askResolver(world, running)
    return [...seen, ...(resolver === null ? [] : [resolver])].join('; ')
  },

  // A server forgets it with its process.
  endedIn(entry, { events }) {
    const servers = failDetail.parse(entry.detail).servers.map((region) => `dns.${region}`)
    return together(
      events
        .filter(({ name, action }) => servers.includes(name) && (action === 'die' || action === 'start'))
        .map(({ name, action, atNs }): Judgement => ({
          atNs,
          why: `container ${name} ${action === 'die' ? 'died' : 'was started anew'}`,
          expired: false,
        })),
    )
  },

  async lookCloser(world, entry) {
    const { servers, mode } = failDetail.parse(entry.detail)
    const running = await runningNames(world)
    for (const region of servers.filter((each) => running.has(`dns.${each}`))) {
      const failing = await failingOf(world, region)
      if (failing !== mode) return `dns.${region} says that it ${failing === null ? 'fails no more' : `is ${failing}`}`
    }
    return null
  },

  async renew(world, entry, expiresInMs) {
    const call = { method: 'POST', path: '/failure/renew', body: { expiresInMs }, reply: dnsStatus, timeoutMs } as const
    const { servers } = failDetail.parse(entry.detail)
    await Promise.all(servers.map((region) => world.wayIn.control(`dns.${region}`, call)))
  },

  async heal(world, entry) {
    const { servers } = failDetail.parse(entry.detail)
    const running = await runningNames(world)
    const left = servers.filter((region) => running.has(`dns.${region}`))
    await Promise.all(
      left.map((region) =>
        world.wayIn.control(`dns.${region}`, { method: 'DELETE', path: '/failure', reply: dnsStatus, timeoutMs }),
      ),
    )
  },

  async isHealed(world, entry) {
    const { servers } = failDetail.parse(entry.detail)
    const running = await runningNames(world)
    const seen = await Promise.all(
      servers.map(async (region): Promise<string | null> => {
        // Its next start begins without the failure.
        if (!running.has(`dns.${region}`)) return `dns.${region} does not run`
        if ((await failingOf(world, region)) !== null) return null
        const asker = askerIn(region, running)
        if (asker === null) return `nothing runs in region ${region} that could ask dns.${region}`
        const reply = await askDns(world, asker, `dns.${region}`, ordersName)
        return isAnswered(reply) ? `dns.${region} answers ${told(reply)} again` : null
      }),
    )
    return seen.includes(null) ? null : seen.join('; ')
  },
}
