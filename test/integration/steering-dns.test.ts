import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import * as dnsPacket from 'dns-packet'
import type { Packet, StringAnswer } from 'dns-packet'
import { request } from 'undici'
import { lastOctet, regionHosts, regions, siteIndex, type Region } from '#protocol/sites.ts'
import { eventually, type StartedRigContainer } from './rig.ts'
import { controlToken, type FakeApp, SteeringRig } from './steering-rig.ts'

const ttlS = 2

function encodeQuestion(name: string, type: 'A' | 'SOA'): Buffer {
  return dnsPacket.encode({ type: 'query', id: 1, flags: 0x100, questions: [{ type, name }] })
}

/** One datagram there and back; null if nothing came within a second. */
async function askByUdp(authority: string, name: string): Promise<Packet | null> {
  const [host, port] = authority.split(':')
  const socket = createSocket('udp4')
  const { promise, resolve } = Promise.withResolvers<Packet | null>()
  const timer = setTimeout(() => resolve(null), 1000)
  socket.on('message', (message) => resolve(dnsPacket.decode(message)))
  socket.on('error', () => resolve(null))
  socket.send(encodeQuestion(name, 'A'), Number(port), host)
  const reply = await promise
  clearTimeout(timer)
  socket.close()
  return reply
}

async function askByTcp(authority: string, name: string): Promise<Packet | null> {
  const [host, port] = authority.split(':')
  const socket = connect(Number(port), host)
  socket.setTimeout(2000, () => socket.destroy())
  const question = encodeQuestion(name, 'A')
  const length = Buffer.alloc(2)
  length.writeUInt16BE(question.length)
  // In three pieces: a message may come in any.
  socket.write(length)
  socket.write(question.subarray(0, 5))
  socket.write(question.subarray(5))
  let seen = Buffer.alloc(0)
  for await (const chunk of socket) {
    seen = Buffer.concat([seen, chunk as Buffer])
    if (seen.length >= 2 && seen.length >= 2 + seen.readUInt16BE(0)) return dnsPacket.decode(seen.subarray(2))
  }
  return null
}

function recordIn(reply: Packet | null): StringAnswer | null {
  return reply?.answers?.find((each): each is StringAnswer => each.type === 'A') ?? null
}
function addressIn(reply: Packet | null): string | null {
  return recordIn(reply)?.data ?? null
}
function ttlIn(reply: Packet | null): number {
  return recordIn(reply)?.ttl ?? -1
}

void describe('names through an area’s resolver', () => {
  let rig: SteeringRig
  /** All sites' containers share one network here, so each region sees the same octets; the areas' own prefixes differ. */
  const nets = ['', '', '', '198.19.35', '198.19.36', '198.19.37']
  const fakes = {} as Record<Region, FakeApp>
  const servers = {} as Record<Region, StartedRigContainer>
  const resolvers = {} as Record<'na' | 'eu', { udp: string; tcp: string }>
  const appOf = (region: Region, area: 'na' | 'eu'): string =>
    `${nets[siteIndex(area)]}.${lastOctet(region, regionHosts.app)}`
  const orders = 'orders.firedrill.test'

  /** The write region as the DNS server of `region` sees it. */
  const writeRegionOf = async (region: Region): Promise<unknown> => {
    const response = await request(`http://${await servers[region].at(9000)}/status`, {
      headers: { authorization: `Bearer ${controlToken}` },
    })
    return ((await response.body.json()) as { writeRegion: unknown }).writeRegion
  }

  /** Tells the DNS server of c; the status of its answer. */
  const publish = async (epoch: number, region: Region): Promise<number> => {
    const response = await request(`http://${await servers.c.at(9000)}/write-region`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${controlToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ dataSet: 'orders', epoch, region }),
    })
    await response.body.dump()
    return response.statusCode
  }

  before(async () => {
    rig = await SteeringRig.open()
    nets.fill(rig.net, 0, regions.length)
    for (const region of regions) fakes[region] = await rig.startFake(region)
    await Promise.all(regions.map((region) => fakes[region].set({ writes: region === 'a', reads: true })))
    for (const region of regions) {
      servers[region] = await rig.start({
        image: 'node',
        octet: lastOctet(region, regionHosts.dns),
        command: ['node', 'services/dns/main.ts'],
        environment: { FIREDRILL_SITE: region, FIREDRILL_NETS: nets.join(','), FIREDRILL_DNS_TTL_S: String(ttlS) },
        ports: ['53/udp', 9000],
      })
    }
    for (const area of ['na', 'eu'] as const) {
      const resolver = await rig.start({
        image: 'resolver',
        octet: lastOctet(area, 2),
        environment: { FIREDRILL_SITE: area },
        ports: ['53/udp', 53],
      })
      resolvers[area] = { udp: await resolver.at('53/udp'), tcp: await resolver.at(53) }
    }
  })
  after(async () => rig?.[Symbol.asyncDispose]())

  void it('are answered with addresses of the asker’s own site, by UDP and by TCP', async () => {
    for (const area of ['na', 'eu'] as const) {
      const { udp, tcp } = resolvers[area]
      await eventually(`${area} is told a`, async () => addressIn(await askByUdp(udp, orders)) === appOf('a', area))
      assert.equal(addressIn(await askByTcp(tcp, orders)), appOf('a', area))
    }
    const nearest = { na: 'a', eu: 'b' } as const
    for (const area of ['na', 'eu'] as const) {
      await eventually(`${area} reads from ${nearest[area]}`, async () => {
        const reply = await askByUdp(resolvers[area].udp, 'reads.orders.firedrill.test')
        return addressIn(reply) === appOf(nearest[area], area)
      })
    }
  })

  void it('follow the write region when their TTL has ended, and not before', async () => {
    let kept: Packet | null = null
    await eventually('a fresh answer', async () => {
      kept = await askByUdp(resolvers.na.udp, orders)
      return ttlIn(kept) === ttlS
    })
    const askedMs = performance.now()
    await Promise.all([fakes.a.set({ writes: false }), fakes.b.set({ writes: true })])
    const movedMs = await eventually('na is told b', async () => {
      const reply = await askByUdp(resolvers.na.udp, orders)
      if (addressIn(reply) === appOf('b', 'na')) return performance.now()
      assert.equal(addressIn(reply), appOf('a', 'na'))
      return null
    })
    assert.ok(movedMs - askedMs > (ttlS - 1) * 1000, `moved after ${movedMs - askedMs} ms`)
  })

  void it('look again at once when the write region is published, and never trust a lower epoch', async () => {
    assert.equal(await publish(5, 'c'), 200)
    assert.equal(await publish(4, 'a'), 409)
    assert.equal(await publish(5, 'c'), 200)
    const direct = (): Promise<unknown> => writeRegionOf('c')
    // Published, but not ready: it is not steered to.
    assert.equal(await direct(), 'b')
    await fakes.c.set({ writes: true })
    await eventually('c is the write region', async () => (await direct()) === 'c')
    await fakes.c.set({ writes: false })
  })

  void it('look often for a short while only, though the same write region is published over and over', async () => {
    await publish(6, 'c')
    const checksInASecond = async (): Promise<number> => {
      await fakes.a.reset()
      const began = performance.now()
      while (performance.now() - began < 1000) await publish(6, 'c')
      return (await fakes.a.counts()).checks
    }
    assert.ok((await checksInASecond()) > 20)
    await eventually('few checks', async () => (await checksInASecond()) < 15, 10_000)
  })

  void it('keep the last known address when no region is ready', async () => {
    for (const region of regions) {
      await eventually(`${region} knows b as last`, async () => (await writeRegionOf(region)) === 'b')
    }
    await eventually(
      'na is told b',
      async () => addressIn(await askByUdp(resolvers.na.udp, orders)) === appOf('b', 'na'),
    )
    await Promise.all(regions.map((region) => fakes[region].set({ writes: false, reads: false })))
    await eventually('every server has seen it', async () => {
      const logs = await Promise.all(regions.map((region) => servers[region].log()))
      return logs.every((log) => regions.every((region) => lastHealth(log, region)?.reads === 'none'))
    })
    const began = performance.now()
    await eventually('the TTL has ended', async () => performance.now() - began > (ttlS + 1) * 1000)
    const kept = await eventually('an answer', () => askByUdp(resolvers.na.udp, orders))
    assert.equal(addressIn(kept), appOf('b', 'na'))
    const reads = await eventually('an answer', () => askByUdp(resolvers.eu.udp, 'reads.orders.firedrill.test'))
    assert.notEqual(addressIn(reads), null)
    await Promise.all(regions.map((region) => fakes[region].set({ writes: region === 'b', reads: true })))
  })

  void it('are answered while authoritative servers are silent', async () => {
    for (const silent of ['a', 'b'] as const) await servers[silent].pause()
    const began = performance.now()
    while (performance.now() - began < 3 * ttlS * 1000) {
      const reply = await eventually('an answer', () => askByUdp(resolvers.na.udp, orders), 5000)
      assert.equal((reply as unknown as { rcode: string }).rcode, 'NOERROR')
    }
    for (const silent of ['a', 'b'] as const) await servers[silent].unpause()
  })

  void it('outside the zone are refused', async () => {
    const reply = await askByUdp(resolvers.na.udp, 'example.org')
    assert.equal((reply as unknown as { rcode: string }).rcode, 'REFUSED')
  })
})

/** The health of `region` that a DNS server logged last. */
function lastHealth(log: string, region: Region): { reads: string } | null {
  const lines = log
    .split('\n')
    .filter((line) => line.includes('health changed') && line.includes(`"region":"${region}"`))
  const match = /"reads":"(\w+)"/.exec(lines.at(-1) ?? '')
  return match?.[1] === undefined ? null : { reads: match[1] }
}
