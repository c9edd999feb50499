// Faults of links, WAL and DNS against a world in memory: what the WAN is asked for, what is no proof, and when one has gone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as dnsPacket from 'dns-packet'
import type { AgentStatus } from '#protocol/agent.ts'
import { faultSpec, type FaultSpec } from '#protocol/faults.ts'
import type { LinkChange } from '#protocol/wan.ts'
import { createFakeWorld, type FakeWorld } from './fake-world.ts'
import { FaultImpossible, FaultUnproven, type FaultHandler } from './fault.ts'
import { healFault, injectFault, proveFault } from './inject.ts'
import { handlerOf } from './library.ts'

function specOf(words: Record<string, unknown>): FaultSpec {
  return faultSpec.parse({ id: 'x', for: '30s', ...words })
}
const unproven =
  (expected: RegExp) =>
  (error: unknown): boolean =>
    error instanceof FaultUnproven && expected.test(error.message)

void test('a flapping cut is the WAN’s to carry out: its turns and its expiry go with it', async () => {
  const world = createFakeWorld()
  await injectFault(world, 'd', specOf({ kind: 'partition', target: 'a -> b', flap: { down: '2s', up: '1s' } }))
  assert.deepEqual(world.links, [
    {
      id: 'd.x',
      from: ['a'],
      to: ['b'],
      set: { up: false },
      turns: { onMs: 2000, offMs: 1000 },
      expiresInMs: 30_000,
    },
  ])
})

/** The world as it is if the WAN forgot some of what it was told. */
async function injectAndLose(world: FakeWorld, words: Record<string, unknown>, keep: (change: LinkChange) => boolean) {
  const { entry } = await injectFault(world, 'd', specOf(words))
  const kept = world.links.filter(keep)
  world.links.splice(0, world.links.length, ...kept)
  return entry
}

void test('a cut of which one direction still delivers is not taken for a whole one', async () => {
  const world = createFakeWorld()
  const entry = await injectAndLose(world, { kind: 'partition', target: 'a|b' }, ({ from }) => from[0] === 'a')
  await assert.rejects(proveFault(world, entry), unproven(/no packet that made b -> a drop$/))
})

void test('a one-way cut tells of the direction that still delivers', async () => {
  const world = createFakeWorld()
  const { entry } = await injectFault(world, 'd', specOf({ kind: 'partition', target: 'a -> b,c', class: 'kafka' }))
  assert.match(await proveFault(world, entry), /dropped since on a -> b, a -> c, \d+ delivered on b -> a, c -> a$/)
})

void test('a cut is not healed while another holds the same links down, and says so', async () => {
  const world = createFakeWorld()
  const { entry } = await injectFault(world, 'd', specOf({ kind: 'partition', target: 'a -> b' }))
  await injectFault(world, 'd', { ...specOf({ kind: 'partition', target: 'a -> b' }), id: 'other' })
  assert.match(await healFault(world, entry), /1 links are held down by something else/)
})

void test('a region without power whose links still deliver is unproven', async () => {
  const world = createFakeWorld()
  const entry = await injectAndLose(world, { kind: 'power-loss', target: 'region a' }, ({ from }) => from[0] === 'a')
  await assert.rejects(proveFault(world, entry), unproven(/no packet that made b -> a drop, c -> a drop$/))
})

void test('the last region’s loss of power is proven by its containers: nobody is there to send to it', async () => {
  const world = createFakeWorld()
  for (const { name, site } of await world.containers())
    if (site === 'b' || site === 'c') world.setState(name, 'paused')
  const { entry } = await injectFault(world, 'd', specOf({ kind: 'power-loss', target: 'region a' }))
  assert.match(await proveFault(world, entry), /no container of region a runs, and no other region is there/)
})

void test('a region has power again when packets pass, not when its containers run', async () => {
  const world = createFakeWorld()
  const { entry } = await injectFault(world, 'd', specOf({ kind: 'power-loss', target: 'region a' }))
  const silent = {
    ...world,
    wayIn: {
      ...world.wayIn,
      wan: ((call) =>
        call.path === '/counters'
          ? Promise.resolve({ atNs: '0', links: [] })
          : world.wayIn.wan(call)) as typeof world.wayIn.wan,
    },
  }
  await assert.rejects(healFault(silent, entry, 0), /does not heal/)
  assert.equal(world.stateOf('app.a'), 'running')
  assert.equal(world.ledger.length, 1)
  assert.match(await healFault(world, entry), /^all containers of region a run, packets pass again on a -> b, /)
})

void test('a degraded link under another change of the same field is unproven: that one holds', async () => {
  const world = createFakeWorld()
  const { entry } = await injectFault(world, 'd', specOf({ kind: 'link-degrade', target: 'a -> b', delay: '300ms' }))
  await injectFault(world, 'd', { ...specOf({ kind: 'link-degrade', target: 'a -> b', delay: '90ms' }), id: 'other' })
  await assert.rejects(proveFault(world, entry), unproven(/expected delayMs 300 on a -> b, saw 90/))
})

void test('a handshake that is too quick for the link is no proof of its delay', async () => {
  const world = createFakeWorld()
  const { entry } = await injectFault(world, 'd', specOf({ kind: 'link-degrade', target: 'a -> b', delay: '300ms' }))
  world.onExec = () => '81000\n'
  await assert.rejects(proveFault(world, entry), unproven(/take 340 to 340 ms, saw 81 ms/))
})

for (const [words, expected] of [
  [{ loss: 0.1 }, /^\d+ packets on a -> b were dropped, \d+ came through$/],
  [{ reorder: 0.2 }, /^\d+ packets on a -> b were let through ahead of others, \d+ came through$/],
] as const)
  void test(`${JSON.stringify(words)} is counted by the WAN, and unproven where it counts none`, async () => {
    const world = createFakeWorld()
    const spec = specOf({ kind: 'link-degrade', target: 'a -> b', ...words })
    const { entry } = await injectFault(world, 'd', spec)
    assert.match(await proveFault(world, entry), expected)
    const other = createFakeWorld()
    await assert.rejects(proveFault(other, entry), FaultUnproven)
  })

const status = (region: 'a' | 'b', state: AgentStatus['state'], lsn: string): AgentStatus => ({
  region,
  incarnation: 'one',
  state,
  promised: 1,
  whole: true,
  position: { epoch: 1, lsn },
  history: [],
  following: state === 'standby' ? 'a' : null,
  streaming: state === 'standby',
  epochCommitted: true,
  followers: [],
  responsive: true,
  systemIdentifier: '1',
})

void test('only a standby can lag, and only while it streams', async () => {
  const world = createFakeWorld()
  world.answers.set('postgres.a', [status('a', 'primary', '0/200')])
  const ofPrimary = specOf({ kind: 'replication-lag', target: 'region a' })
  await assert.rejects(injectFault(world, 'd', ofPrimary), FaultImpossible)
  const { entry } = await injectFault(world, 'd', specOf({ kind: 'replication-lag', target: 'region b' }))
  assert.deepEqual(
    world.links.map(({ from, to, class: linkClass, expiresInMs }) => [from, to, linkClass, expiresInMs]),
    [[['a', 'c'], ['b'], 'postgres', 30_000]],
  )
  world.answers.set('postgres.b', [status('b', 'standby', '0/100')])
  assert.match(await proveFault(world, entry), /region b streams from a and is 256 bytes of WAL behind, at 0\/100$/)
  world.answers.set('postgres.b', [{ ...status('b', 'standby', '0/100'), streaming: false, following: null }])
  await assert.rejects(proveFault(world, entry), unproven(/saw it keep up or not stream/))
})

void test('a lag is healed when the standby has caught up, or when there is nothing to catch up with', async () => {
  const world = createFakeWorld()
  const { entry } = await injectFault(world, 'd', specOf({ kind: 'replication-lag', target: 'region b' }))
  const isHealed: FaultHandler['isHealed'] = (...of) => handlerOf('replication-lag').isHealed(...of)
  assert.equal(await isHealed(world, entry), null)
  world.links.length = 0
  assert.match((await isHealed(world, entry)) ?? '', /no primary to catch up with/)
  const standby = status('b', 'standby', '0/100')
  world.answers.set('postgres.a', [status('a', 'primary', '0/200')])
  world.answers.set('postgres.b', [standby, standby, { reached: false }])
  assert.equal(await isHealed(world, entry), null)
  world.answers.set('postgres.b', [standby, standby, { reached: true }])
  assert.match((await isHealed(world, entry)) ?? '', /caught up with a at 0\/200$/)
})

const reply = (code: number, address: string | null): string =>
  dnsPacket
    .encode({
      type: 'response',
      id: 7,
      flags: code,
      questions: [],
      answers: address === null ? [] : [{ type: 'A', name: 'orders.firedrill.test', data: address }],
    })
    .toString('hex')
const says = (failing: string | null) => ({ writeRegion: 'a', readable: ['a'], failing })

void test('a DNS server is broken only if its answers are, whatever it says of itself', async () => {
  const world = createFakeWorld()
  world.answers.set('dns.a', [says('servfail')])
  const { entry } = await injectFault(world, 'd', specOf({ kind: 'dns-fail', target: 'dns.a' }))
  world.onExec = () => reply(2, null)
  assert.match(await proveFault(world, entry), /dns\.a answers SERVFAIL/)
  world.onExec = () => reply(0, '198.18.0.1')
  await assert.rejects(proveFault(world, entry), unproven(/to be servfail, saw it answer NOERROR with 198\.18\.0\.1/))
})

void test('a DNS server that was restarted, or does not run, has nothing left to heal', async () => {
  const world = createFakeWorld()
  world.answers.set('dns.a', [says('silent')])
  world.answers.set('dns.b', [says('silent')])
  const words = { kind: 'dns-fail', target: 'dns.a, dns.b', mode: 'silent' }
  const { entry } = await injectFault(world, 'd', specOf(words))
  const isHealed: FaultHandler['isHealed'] = (...of) => handlerOf('dns-fail').isHealed(...of)
  world.onExec = () => reply(0, '198.18.0.1')
  assert.equal(await isHealed(world, entry), null)
  world.answers.set('dns.a', [says(null)])
  world.setState('dns.b', 'exited')
  assert.equal(await healFault(world, entry), 'dns.a answers NOERROR with 198.18.0.1 again; dns.b does not run')
})
