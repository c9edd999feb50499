// The WAN container for real: packets between bare hosts of six internal networks, the way in, the fence device.
import assert from 'node:assert/strict'
import { request } from 'node:http'
import type { Duplex } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { ports, type LinkClass, type Site } from '#protocol/sites.ts'
import { counters, fenceReply, fenceState, ledgerHistory, linksReply, type LinkChange } from '#protocol/wan.ts'
import { peerPorts } from './wan-peer.ts'
import { WanWorld } from './wan-world.ts'

let world: WanWorld
const hosts = ['app.a', 'controller.a', 'app.b', 'controller.b', 'client.na'] as const
const json = { 'content-type': 'application/json' }

async function wayIn(method: string, path: string, body?: unknown, token = world.wayInToken): Promise<Response> {
  return fetch(`http://127.0.0.1:${world.wayInPort}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : json) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

async function change(...changes: readonly LinkChange[]): Promise<void> {
  const answer = await wayIn('POST', '/links', { changes })
  assert.equal(answer.status, 200, await answer.text())
}

async function heal(id: string): Promise<void> {
  assert.equal((await wayIn('DELETE', `/links/${id}`)).status, 200)
}

async function counted(from: Site, to: Site, linkClass: LinkClass) {
  const { links } = counters.parse(await (await wayIn('GET', '/counters')).json())
  const found = links.find((each) => each.from === from && each.to === to && each.class === linkClass)
  assert.ok(found)
  return found
}

async function ping(from: string, to: string, count = 5): Promise<readonly (number | null)[]> {
  const site = from.split('.')[1] as Site
  return (await world.peer(from, 'ping', world.address(to, site), count, 10)) as (number | null)[]
}

async function tunnel(
  target: string,
  authorization: string,
): Promise<{ status: number; text: string; socket: Duplex }> {
  return new Promise((resolve, reject) => {
    const headers = { 'proxy-authorization': authorization }
    const call = request({ port: world.wayInPort, method: 'CONNECT', path: target, headers })
    call.on('error', reject)
    call.on('connect', (response, socket, head) => {
      resolve({ status: response.statusCode ?? 0, text: head.toString(), socket })
    })
    call.end()
  })
}

const inSite = `
const [address, port, path, token, body] = process.argv.slice(1)
const headers = { 'content-type': 'application/json', ...(token && { authorization: 'Bearer ' + token }) }
fetch('http://' + address + ':' + port + path, { method: 'POST', headers, body, signal: AbortSignal.timeout(1500) })
  .then(async (answer) => console.log(JSON.stringify({ status: answer.status, body: await answer.json() })))
  .catch((error) => console.log(JSON.stringify({ status: 0, body: { name: error.name } })))
`

// One call of the fence device at the WAN's address in the host's own site; status 0: no answer.
async function fence(from: string, order: 'fence' | 'unfence', body: unknown, token = world.fenceToken) {
  const site = from.split('.')[1] as Site
  const address = world.address(`wan.${site}`, site)
  const argv = [address, String(ports.control), `/${order}`, token, JSON.stringify(body)]
  return JSON.parse(await world.exec(from, ['node', '-e', inSite, ...argv])) as { status: number; body: unknown }
}

async function deadlinePoll(condition: () => Promise<boolean>, timeoutMs: number, what: string): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) assert.ok(performance.now() < deadline, `${what} within ${timeoutMs} ms`)
}

void describe('the WAN', { timeout: 180_000 }, () => {
  before(async () => {
    world = await WanWorld.start(hosts)
  })
  after(async () => world?.[Symbol.asyncDispose]())

  void test('ping takes twice the delay of the link, the first one too', async () => {
    for (const [from, to, oneWayMs] of [
      ['app.a', 'app.b', 40],
      ['client.na', 'app.a', 10],
      ['client.na', 'app.b', 50],
    ] as const) {
      const times = await ping(from, to)
      for (const time of times) {
        assert.ok(time !== null && time >= 2 * oneWayMs, `${from} to ${to}: ${times.join(', ')} ms`)
        // Far below what a delayed ARP answer would add; not a measure of speed.
        assert.ok(time < 2 * oneWayMs + 300, `${from} to ${to}: ${times.join(', ')} ms`)
      }
    }
  })

  void test('an ICMP error finds its way back to the socket that caused it', async () => {
    assert.equal(await world.peer('app.a', 'udp', world.address('app.b', 'a'), peerPorts.closed, 10), 'ECONNREFUSED')
  })

  void test('a datagram of many fragments comes through both ways', async () => {
    assert.equal(await world.peer('app.a', 'udp', world.address('app.b', 'a'), peerPorts.udpEcho, 8000), 'echo')
  })

  void test('packets and bytes are counted by link and class', async () => {
    const earlier = await counted('a', 'b', 'control')
    await ping('controller.a', 'controller.b', 3)
    const later = await counted('a', 'b', 'control')
    assert.equal(later.packets - earlier.packets, 3)
    assert.equal(later.bytes - earlier.bytes, 3 * (20 + 64))
  })

  void test('a cut of one class leaves the others, counts what it drops, and is healed by its id', async () => {
    await change({ id: 'cut', from: ['a'], to: ['b'], class: 'control', set: { up: false } })
    const earlier = await counted('a', 'b', 'control')
    assert.deepEqual(await ping('controller.a', 'controller.b', 1), [null])
    assert.equal((await counted('a', 'b', 'control')).dropped, earlier.dropped + 1)
    assert.notDeepEqual(await ping('app.a', 'app.b', 1), [null])
    await heal('cut')
    assert.notDeepEqual(await ping('controller.a', 'controller.b', 1), [null])
    const links = linksReply.parse(await (await wayIn('GET', '/links')).json())
    assert.deepEqual(links.layers, [])
    assert.ok(links.effective.every(({ up }) => up))
  })

  void test('delay can be changed for one direction while running', async () => {
    await change({ id: 'slow', from: ['b'], to: ['a'], set: { delayMs: 100 } })
    const times = await ping('app.a', 'app.b', 3)
    assert.ok(
      times.every((time) => time !== null && time >= 140),
      times.join(', '),
    )
    await heal('slow')
  })

  void test('an open connection hangs while the link is down, and goes on when the change expires by itself', async () => {
    const running = world.peer('app.a', 'stream', world.address('app.b', 'a'), 150)
    await deadlinePoll(async () => (await counted('a', 'b', 'app')).packets > 30, 10_000, 'the stream runs')
    const downMs = 1500
    await change({ id: 'down', from: ['a', 'b'], to: ['a', 'b'], set: { up: false }, expiresInMs: downMs })
    const seen = (await running) as { inOrder: boolean; longestSilenceMs: number }
    assert.ok(seen.inOrder)
    assert.ok(seen.longestSilenceMs >= downMs, `longest silence ${seen.longestSilenceMs} ms`)
    const links = linksReply.parse(await (await wayIn('GET', '/links')).json())
    assert.deepEqual(links.layers, [])
  })

  void test('the way in: a wrong or missing token, malformed requests', async () => {
    const refused = await wayIn('GET', '/clock', undefined, 'wrong')
    assert.equal(refused.status, 401)
    assert.match(await refused.text(), /expected the bearer token in \/var\/lib\/firedrill\/wan\/token/)
    const body = { changes: [{ id: 'x', from: ['a'], to: ['mars'], set: { loss: 0.1 } }] }
    const malformed = await wayIn('POST', '/links', body)
    assert.equal(malformed.status, 400)
    assert.match(await malformed.text(), /field changes\.0\.to\.0: .*expected one of.*saw \\"mars\\"/)
  })

  void test('CONNECT reaches a host of any site without the links, with the token only', async () => {
    await change({ id: 'cut', from: ['a', 'b', 'c', 'na'], to: ['a', 'b', 'c', 'na'], set: { up: false } })
    const carried = await tunnel(`app.b:${peerPorts.tcpEcho}`, `Bearer ${world.wayInToken}`)
    assert.equal(carried.status, 200)
    carried.socket.write('hello')
    const [answer] = (await carried.socket.take(1).toArray()) as Buffer[]
    assert.equal(answer?.toString(), 'hello')
    carried.socket.destroy()
    await heal('cut')
    assert.equal((await tunnel(`app.b:${peerPorts.tcpEcho}`, 'Bearer wrong')).status, 407)
    assert.equal((await tunnel('app.mars:80', `Bearer ${world.wayInToken}`)).status, 400)
    assert.equal((await tunnel(`app.b:${peerPorts.closed}`, `Bearer ${world.wayInToken}`)).status, 502)
  })

  void test('the way in is not reachable from a site, not even by a route through the WAN', async () => {
    const outOfBand = world.outOfBandAddress
    await world.exec('app.a', ['ip', 'route', 'add', `${outOfBand}/32`, 'via', world.address('wan.a', 'a')])
    assert.equal(await world.peer('app.a', 'tcp', outOfBand, ports.wayIn, 1000), 'timeout')
    assert.equal(await world.peer('app.a', 'tcp', world.address('wan.a', 'a'), ports.wayIn, 1000), 'ECONNREFUSED')
    // Docker's own filters may already have stopped that connection, so the kernel's word on the route counts too.
    const addresses = JSON.parse(await world.exec('wan', ['ip', '-json', '-4', 'address'])) as {
      ifname: string
      addr_info: { local: string }[]
    }[]
    const inA = addresses.find(({ addr_info }) => addr_info[0]?.local === world.address('wan.a', 'a'))?.ifname ?? ''
    const route = async (to: string): Promise<string> =>
      world.exec('wan', ['ip', 'route', 'get', to, 'from', world.address('app.a', 'a'), 'iif', inA])
    assert.match(await route(world.address('app.b', 'a')), /dev fd0/)
    for (const to of [outOfBand, '192.0.2.1']) await assert.rejects(route(to), /RTNETLINK answers/)
  })

  void test('the ledger keeps its entries over a restart of the WAN', async () => {
    const entry = {
      id: 'f1',
      drill: 'd',
      kind: 'kill',
      target: 'region a',
      detail: { n: 1 },
      injectedNs: '1',
      expiresNs: '2',
    }
    assert.equal((await wayIn('PUT', '/ledger/f1', entry)).status, 200)
    assert.equal((await wayIn('PUT', '/ledger/f2', entry)).status, 400)
    await world.restartWan()
    assert.deepEqual(await (await wayIn('GET', '/ledger')).json(), { entries: [entry], past: [] })
    assert.deepEqual(await (await wayIn('DELETE', '/ledger/f1')).json(), { entries: [] })
    const { entries, past } = ledgerHistory.parse(await (await wayIn('GET', '/ledger')).json())
    assert.deepEqual([entries, past.map((each) => each.entry)], [[], [entry]])
  })

  void test('the fence device wants its own token, cuts the region off, and refuses lower epochs after a restart too', async () => {
    const order = { site: 'b', epoch: 5, dataSet: 'orders' }
    assert.equal((await fence('app.a', 'fence', order, 'wrong')).status, 401)
    const fenced = await fence('app.a', 'fence', order)
    assert.equal(fenced.status, 200)
    assert.equal(fenceReply.parse(fenced.body).fenced, true)
    assert.deepEqual(await ping('app.a', 'app.b', 1), [null])
    await world.restartWan()
    assert.deepEqual(await ping('app.a', 'app.b', 1), [null])
    const lower = await fence('app.a', 'unfence', { ...order, epoch: 4 })
    assert.equal(lower.status, 409)
    assert.equal(fenceReply.parse(lower.body).epoch, 5)
    assert.equal((await fence('app.a', 'fence', { ...order, site: 'na' })).status, 400)
    assert.equal((await fence('app.a', 'unfence', order)).status, 200)
    assert.notDeepEqual(await ping('app.a', 'app.b', 1), [null])
  })

  void test('the fence device does not answer a site whose control links are down, nor when it is broken', async () => {
    const order = { site: 'b', epoch: 9, dataSet: 'orders' }
    await change({ id: 'cut', from: ['a'], to: ['b', 'c'], class: 'control', set: { up: false } })
    assert.equal((await fence('app.a', 'fence', order)).status, 0)
    assert.equal((await fence('app.b', 'unfence', { ...order, site: 'a' })).status, 200)
    await heal('cut')
    await wayIn('POST', '/fence/break', { mode: 'refuse' })
    assert.equal((await fence('app.a', 'fence', order)).status, 503)
    await wayIn('POST', '/fence/break', { mode: 'silent' })
    assert.equal((await fence('app.a', 'fence', order)).status, 0)
    await wayIn('POST', '/fence/mend')
    assert.equal((await fence('app.a', 'fence', order)).status, 200)
    const cleared = fenceState.parse(await (await wayIn('DELETE', '/fence/b')).json())
    assert.deepEqual(cleared.dataSets, [{ dataSet: 'orders', epoch: 9, fenced: [] }])
    assert.notDeepEqual(await ping('app.a', 'app.b', 1), [null])
  })
})
