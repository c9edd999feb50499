// The link model on packets made by hand: class, delay, order, loss, bandwidth, cuts, counters.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { lastOctet, linkClasses, regionHosts, siteIndex, sites, type LinkClass, type Site } from '#protocol/sites.ts'
import type { LinkChange } from '#protocol/wan.ts'
import { slotBytes } from './delay-queue.ts'
import { Forwarder, netNumber, queueLimitBytes } from './forwarder.ts'
import { addLayers, effectiveSetting, type Layer } from './layers.ts'
import { seededRandom } from './random.ts'
import { createSharedMemory, flowIndex, SharedTable } from './shared-table.ts'

const nets = ['198.19.0', '198.19.1', '198.19.2', '198.19.3', '198.19.4', '198.19.5']
const nobody = new Set<never>()

class Bench {
  readonly table = new SharedTable(createSharedMemory())
  readonly forwarder: Forwarder
  #layers: readonly Layer[] = []

  constructor(changes: readonly LinkChange[] = [], capacity = 4096) {
    this.forwarder = new Forwarder(this.table, nets, capacity, seededRandom(7))
    this.change(changes)
  }

  change(changes: readonly LinkChange[]): void {
    this.#layers = addLayers(this.#layers, changes, 0)
    this.table.publish((from, to, linkClass) => effectiveSetting(this.#layers, nobody, from, to, linkClass))
  }

  /** A packet as it leaves site `from`, marked with `mark`. */
  send(
    from: Site,
    to: Site,
    nowMs: number,
    options: { host?: number; peer?: number; length?: number; mark?: number } = {},
  ): void {
    const { host = regionHosts.app, peer = 1, length = 100, mark = 0 } = options
    const net = netNumber(nets[siteIndex(from)]!)
    const { queue } = this.forwarder
    const slot = queue.claim()
    const at = slot * slotBytes
    queue.view.setUint32(at, 0x45000000 | length)
    queue.view.setUint32(at + 4, mark)
    queue.view.setUint32(at + 8, 0x40840000)
    queue.view.setUint32(at + 12, (net << 8) | lastOctet(from, host))
    queue.view.setUint32(at + 16, (net << 8) | lastOctet(to, peer))
    this.forwarder.admit(slot, length, nowMs)
  }

  /** What has come out by `nowMs`: marks and destinations. */
  receive(nowMs: number): { mark: number; source: number; destination: number }[] {
    const seen = []
    const { queue } = this.forwarder
    for (let slot = this.forwarder.nextDelivery(nowMs); slot >= 0; slot = this.forwarder.nextDelivery(nowMs)) {
      const at = slot * slotBytes
      seen.push({
        mark: queue.view.getUint32(at + 4),
        source: queue.view.getUint32(at + 12),
        destination: queue.view.getUint32(at + 16),
      })
      this.forwarder.delivered(slot)
    }
    return seen
  }

  count(from: Site, to: Site, linkClass: LinkClass, field: 'packets' | 'bytes' | 'dropped' | 'reordered'): number {
    return this.table.counter(flowIndex(siteIndex(from), siteIndex(to), linkClasses.indexOf(linkClass)), field)
  }
}

void test('a packet arrives after the delay, with the addresses of its new site, and is counted by class', () => {
  const bench = new Bench()
  bench.send('a', 'b', 0, { host: regionHosts.postgres, peer: regionHosts.postgres })
  assert.deepEqual(bench.receive(39.9), [])
  const [packet] = bench.receive(40)
  const net = netNumber(nets[1]!)
  assert.equal(packet?.source, ((net << 8) | lastOctet('a', regionHosts.postgres)) >>> 0)
  assert.equal(packet.destination, ((net << 8) | lastOctet('b', regionHosts.postgres)) >>> 0)
  assert.equal(bench.count('a', 'b', 'postgres', 'packets'), 1)
  assert.equal(bench.count('a', 'b', 'postgres', 'bytes'), 100)
})

void test('the class is that of either end, control first', () => {
  const bench = new Bench([{ id: 'x', from: [...sites], to: [...sites], class: 'control', set: { up: false } }])
  bench.send('a', 'b', 0, { host: regionHosts.app, peer: regionHosts.etcd })
  bench.send('a', 'b', 0, { host: regionHosts.app, peer: regionHosts.app })
  assert.equal(bench.receive(100).length, 1)
  assert.equal(bench.count('a', 'b', 'control', 'dropped'), 1)
})

void test('what comes from no site, goes to no site, or stays in its site is not carried', () => {
  const bench = new Bench()
  const { queue } = bench.forwarder
  const addresses = [
    ['198.19.0.1', '198.19.0.2'],
    ['198.19.0.33', '198.19.0.65'],
    ['198.19.0.1', '10.0.0.1'],
    ['198.19.0.1', '198.19.0.250'],
  ]
  for (const pair of addresses) {
    const slot = queue.claim()
    queue.view.setUint32(slot * slotBytes, 0x45000014)
    for (const [index, text] of pair.entries()) {
      const [net, octet] = [text.slice(0, text.lastIndexOf('.')), Number(text.slice(text.lastIndexOf('.') + 1))]
      queue.view.setUint32(slot * slotBytes + 12 + 4 * index, (netNumber(net) << 8) | octet)
    }
    bench.forwarder.admit(slot, 20, 0)
  }
  assert.equal(queue.size, 0)
  assert.deepEqual(
    Array.from({ length: queue.capacity }, () => queue.claim()).includes(-1),
    false,
    'all slots came back',
  )
})

void test('jitter alone never reorders the packets of a link, and stays within its share', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { maxLength: 100 }), (gaps) => {
      const bench = new Bench([{ id: 'x', from: ['a'], to: ['b'], set: { jitter: 0.5 } }])
      let nowMs = 0
      const sent = gaps.map((gap, mark) => {
        nowMs += gap
        bench.send('a', 'b', nowMs, { mark })
        return nowMs
      })
      const marks: number[] = []
      for (let timeMs = 0; timeMs <= nowMs + 61; timeMs += 1) {
        for (const { mark } of bench.receive(timeMs)) {
          assert.ok(timeMs >= sent[mark]! + 20 && timeMs <= sent[mark]! + 61)
          marks.push(mark)
        }
      }
      assert.deepEqual(
        marks,
        sent.map((_, mark) => mark),
      )
    }),
    { numRuns: 50 },
  )
})

void test('reordered packets overtake, and are counted', () => {
  const bench = new Bench()
  bench.send('a', 'b', 0, { mark: 1 })
  bench.change([{ id: 'x', from: ['a'], to: ['b'], set: { reorder: 1 } }])
  bench.send('a', 'b', 1, { mark: 2 })
  assert.deepEqual(
    bench.receive(1).map(({ mark }) => mark),
    [2],
  )
  assert.deepEqual(
    bench.receive(40).map(({ mark }) => mark),
    [1],
  )
  assert.equal(bench.count('a', 'b', 'app', 'reordered'), 1)
})

void test('a delay that is taken back is taken back for packets in flight too: none is overtaken, none waits for it', () => {
  const bench = new Bench([{ id: 'slow', from: ['a'], to: ['b'], set: { delayMs: 5000 } }])
  bench.send('a', 'b', 0, { mark: 1 })
  bench.change([{ id: 'slow', from: ['a'], to: ['b'], set: { delayMs: 40 } }])
  bench.send('a', 'b', 10, { mark: 2 })
  assert.deepEqual(
    bench.receive(50).map(({ mark }) => mark),
    [1, 2],
  )
})

void test('a delay that grows leaves packets in flight on the path that they took', () => {
  const bench = new Bench()
  bench.send('a', 'b', 0, { mark: 1 })
  bench.change([{ id: 'slow', from: ['a'], to: ['b'], set: { delayMs: 300 } }])
  bench.send('a', 'b', 10, { mark: 2 })
  assert.deepEqual(
    [40, 309, 310].map((nowMs) => bench.receive(nowMs).map(({ mark }) => mark)),
    [[1], [], [2]],
  )
})

/** What a burst of ten packets at a narrow rate becomes once the change is taken back after 10 ms. */
function burstAt(narrow: LinkChange, healed: LinkChange): Bench {
  const bench = new Bench([narrow])
  for (let mark = 0; mark < 10; mark += 1) bench.send('a', 'b', 0, { mark, length: 300 })
  bench.change([healed])
  bench.receive(10)
  return bench
}

for (const bandwidthBps of [50, 1000, 100_000])
  void test(`packets that waited at ${bandwidthBps} bit/s go on at once when the link is as wide as ever`, () => {
    const change: LinkChange = { id: 'x', from: ['a'], to: ['b'], set: { bandwidthBps } }
    const bench = burstAt(change, { ...change, set: { bandwidthBps: 0 } })
    bench.send('a', 'b', 11, { mark: 99 })
    const marks = bench.receive(51).map(({ mark }) => mark)
    assert.deepEqual(marks.slice(-10), [1, 2, 3, 4, 5, 6, 7, 8, 9, 99])
  })

void test('packets that waited go on at the new rate, and those that its queue can not hold are dropped and counted', () => {
  const change: LinkChange = { id: 'x', from: ['a'], to: ['b'], set: { bandwidthBps: 8_000_000, delayMs: 0 } }
  const bench = new Bench([change])
  for (let mark = 0; mark < 20; mark += 1) bench.send('a', 'b', 0, { mark, length: 1000 })
  assert.equal(bench.receive(5.001).length, 5)
  bench.change([{ ...change, set: { bandwidthBps: 80_000, delayMs: 0 } }])
  // A second of 80 kbit/s: ten of the fifteen.
  assert.equal(bench.receive(5.001).length, 0)
  assert.equal(bench.count('a', 'b', 'app', 'dropped'), 5)
  assert.equal(bench.receive(505.002).length, 5)
  assert.equal(bench.receive(1005.002).length, 5)
})

void test('a slow link does not take the slots of the others, and what it can not hold is counted on it', () => {
  const bench = new Bench([{ id: 'x', from: ['a'], to: ['b'], set: { delayMs: 60_000 } }], 720)
  for (let mark = 0; mark < 900; mark += 1) bench.send('a', 'b', 0, { mark })
  const held = bench.forwarder.queue.size
  assert.ok(held > 250 && held < 300, `held ${held} of 720: its own 5, and half of what is shared`)
  assert.equal(bench.count('a', 'b', 'app', 'dropped'), 900 - held)
  for (let each = 0; each < 50; each += 1) bench.send('a', 'c', 0)
  assert.equal(bench.receive(100).length, 50)
  assert.equal(bench.receive(60_000).length, held)
  for (let each = 0; each < 150; each += 1) bench.send('b', 'c', 60_000)
  assert.equal(bench.receive(60_040).length, 150)
})

void test('however many links are slow, each has slots of its own, and one is always left to read into', () => {
  const bench = new Bench([{ id: 'x', from: [...sites], to: [...sites], set: { delayMs: 60_000 } }], 720)
  const links = sites.flatMap((from) => sites.filter((to) => to !== from).map((to) => [from, to] as const))
  for (const [from, to] of links.slice(0, -1)) for (let each = 0; each < 400; each += 1) bench.send(from, to, 0)
  const [from, to] = links.at(-1)!
  for (let each = 0; each < 5; each += 1) bench.send(from, to, 0)
  assert.equal(bench.count(from, to, 'app', 'dropped'), 0)
  const { queue } = bench.forwarder
  const held = queue.size
  assert.equal(queue.free, 720 - held)
  assert.ok(queue.free > 0)
  assert.equal(bench.receive(60_000).length, held)
})

void test('loss drops about its share, and counts it', () => {
  const bench = new Bench([{ id: 'x', from: ['a'], to: ['b'], set: { loss: 0.1 } }])
  let received = 0
  for (let mark = 0; mark < 4000; mark += 1) {
    bench.send('a', 'b', mark, { mark })
    received += bench.receive(mark).length
  }
  const dropped = bench.count('a', 'b', 'app', 'dropped')
  assert.ok(dropped > 300 && dropped < 500, `dropped ${dropped} of 4000`)
  assert.equal(received + bench.receive(10_000).length, 4000 - dropped)
})

void test('a link that goes down loses what is in flight, and only the class that was cut', () => {
  const bench = new Bench()
  bench.send('a', 'b', 0, { host: regionHosts.controller })
  bench.send('a', 'b', 0, { mark: 5 })
  bench.change([{ id: 'x', from: ['a'], to: ['b'], class: 'control', set: { up: false } }])
  bench.send('a', 'b', 1, { host: regionHosts.controller })
  assert.deepEqual(
    bench.receive(100).map(({ mark }) => mark),
    [5],
  )
  assert.equal(bench.count('a', 'b', 'control', 'dropped'), 2)
})

void test('bandwidth spaces packets out, and a full queue drops the newest', () => {
  const bench = new Bench([{ id: 'x', from: ['a'], to: ['b'], set: { bandwidthBps: 8_000_000, delayMs: 0 } }])
  for (let mark = 0; mark < 400; mark += 1) bench.send('a', 'b', 0, { mark, length: 1000 })
  const kept = Math.floor(queueLimitBytes / 1000)
  assert.equal(bench.count('a', 'b', 'app', 'dropped'), 400 - kept)
  assert.equal(bench.receive(10.001).length, 10)
  assert.equal(bench.receive(kept + 0.001).length, kept - 10)
})

void test('all traffic of a link shares its bandwidth; a class with a bandwidth of its own does not', () => {
  const bandwidthBps = 800_000
  const shared: LinkChange = { id: 'x', from: ['a'], to: ['b'], set: { bandwidthBps, delayMs: 0 } }
  const arrivals = (changes: readonly LinkChange[]): number => {
    const bench = new Bench(changes)
    bench.send('a', 'b', 0, { host: regionHosts.postgres })
    bench.send('a', 'b', 0, { host: regionHosts.app })
    return bench.receive(1.001).length
  }
  assert.equal(arrivals([shared]), 1)
  assert.equal(arrivals([shared, { ...shared, class: 'postgres' }]), 2)
})
