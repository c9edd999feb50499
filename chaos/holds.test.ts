// Two faults on one thing: pauses and kills compose by a count over the ledger, all else is refused with both names, and links go by layers.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { faultSpec, type FaultSpec } from '#protocol/faults.ts'
import { createFakeWorld, type FakeWorld } from './fake-world.ts'
import { FaultImpossible } from './fault.ts'
import { everyExample } from './fault-examples.ts'
import { healAll } from './heal.ts'
import { conflictOf } from './holds.ts'
import { healFault, injectFault } from './inject.ts'
import { linksState } from './wan-calls.ts'

const spec = (id: string, words: object): FaultSpec => faultSpec.parse({ id, ...words })
const small = spec('small', { kind: 'pause', target: 'controller.c' })
const big = spec('big', { kind: 'freeze', target: 'region c' })
const killed = spec('small', { kind: 'process-kill', target: 'redis.c, app.c' })
const dark = spec('big', { kind: 'power-loss', target: 'region c' })

async function both(world: FakeWorld, ...specs: readonly FaultSpec[]) {
  const entries = []
  for (const each of specs) entries.push((await injectFault(world, 'drill', each)).entry)
  return entries
}

void describe('pauses and kills', () => {
  for (const [one, other, shared, state] of [
    [small, big, 'controller.c', 'paused'],
    [big, small, 'controller.c', 'paused'],
    [killed, dark, 'redis.c', 'exited'],
    [dark, killed, 'redis.c', 'exited'],
    [spec('e', { kind: 'etcd-loss', target: 'etcd.c' }), dark, 'etcd.c', 'exited'],
  ] as const)
    void test(`${one.kind} (${one.id}), then ${other.kind} (${other.id}): ${shared} stays ${state} until both are healed`, async () => {
      const world = createFakeWorld()
      const [first, second] = await both(world, one, other)
      assert.ok(first && second)
      const proof = await healFault(world, first)
      assert.equal(world.stateOf(shared), state)
      assert.match(proof, new RegExp(`${shared.replace('.', '\\.')}.* held by drill\\.${other.id}`))
      if (one.id === 'big') assert.equal(world.stateOf('kafka.c'), 'running')
      // An etcd of the fake world does not answer; that its container runs is what counts here.
      await healFault(world, second, 0).catch(() => {})
      assert.equal(world.stateOf(shared), 'running')
    })

  void test('two heals side by side let go of what both held', async () => {
    const world = createFakeWorld()
    const entries = await both(world, small, big)
    await Promise.all(entries.map((entry) => healFault(world, entry)))
    assert.ok((await world.containers()).every((each) => each.state === 'running'))
    assert.deepEqual(world.ledger, [])
  })

  void test('a fresh process heals all of them, too', async () => {
    const world = createFakeWorld()
    await both(world, killed, dark, spec('more', { kind: 'pause', target: 'app.a' }))
    assert.deepEqual((await healAll(world)).left, [])
    assert.ok((await world.containers()).every((each) => each.state === 'running'))
  })

  void test('a limit of memory does not start whom another fault keeps dead', async () => {
    const world = createFakeWorld()
    const [limit] = await both(world, spec('m', { kind: 'memory-limit', target: 'redis.c' }), killed)
    assert.ok(limit)
    assert.match(await healFault(world, limit), /redis\.c held by drill\.small/)
    assert.equal(world.stateOf('redis.c'), 'exited')
    assert.equal(world.limits.get('redis.c')?.memoryBytes, null)
  })
})

void describe('what excludes each other', () => {
  const pairs: readonly (readonly [FaultSpec, FaultSpec, RegExp])[] = [
    [
      small,
      dark,
      /pause of controller\.c \(drill\.small\) and power-loss of region c \(drill\.big\).* one pauses controller\.c, the other kills it/,
    ],
    [killed, big, /one kills app\.c, the other pauses it/],
    [
      spec('o', { kind: 'clock-skew', target: 'app.*', by: '+1m' }),
      spec('p', { kind: 'clock-skew', target: 'app.b', by: '-1m' }),
      /both set the clock of app\.b/,
    ],
    [
      spec('o', { kind: 'dns-fail', target: 'dns.a' }),
      spec('p', { kind: 'dns-fail', target: 'dns.*' }),
      /both break the answers of dns\.a/,
    ],
    [
      spec('o', { kind: 'fence-break', target: 'fence device' }),
      spec('p', { kind: 'fence-break', target: 'fence device', mode: 'refuse' }),
      /both break the fence device/,
    ],
  ]
  for (const [one, other, expected] of pairs)
    void test(`${one.kind} and ${other.kind} are refused before anything is done: ${expected.source}`, async () => {
      const world = createFakeWorld()
      for (const app of ['a', 'b', 'c'])
        world.answers.set(`dns.${app}`, [{ writeRegion: 'a', readable: [], failing: 'servfail' }])
      await injectFault(world, 'drill', one)
      const done = world.done.length
      await assert.rejects(injectFault(world, 'drill', other), (error) => {
        return error instanceof FaultImpossible && expected.test(error.message)
      })
      assert.deepEqual(
        world.done.slice(done).filter((each) => !each.startsWith('GET')),
        [],
      )
      assert.equal(world.ledger.length, 1)
    })

  void test('of two that begin at the same moment one is refused, and leaves nothing', async () => {
    const world = createFakeWorld()
    const results = await Promise.allSettled([injectFault(world, 'drill', small), injectFault(world, 'drill', dark)])
    assert.deepEqual(results.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
    assert.equal(world.ledger.length, 1)
  })

  void test('nothing is done to what is just being healed', async () => {
    const world = createFakeWorld()
    const [entry] = await both(world, small)
    await world.wayIn.wan({ method: 'POST', path: `/ledger/${entry?.id}/healing`, reply: anyReply, timeoutMs: 1 })
    await assert.rejects(injectFault(world, 'drill', big), /being healed just now, still has controller\.c/)
  })

  void test('every kind goes with itself on other things, and with links', () => {
    for (const { kind, words } of everyExample()) {
      const one = spec('one', { kind, ...words })
      assert.equal(conflictOf(one, spec('two', { kind: 'partition', target: 'region a' })), null, kind)
      if (one.target.includes('.b'))
        assert.equal(
          conflictOf(
            one,
            spec('two', { kind, ...words, target: one.target.replaceAll('.b', '.a').replaceAll('*', 'c') }),
          ),
          null,
          kind,
        )
    }
  })
})

const anyReply = z.unknown()

void describe('links', () => {
  const up = async (world: FakeWorld, from: string, to: string): Promise<boolean | undefined> =>
    (await linksState(world)).effective.find((each) => each.from === from && each.to === to)?.up

  for (const order of [
    [0, 1],
    [1, 0],
  ] as const)
    void test(`a power loss and a cut of the same links: healed in order ${order.join(', ')}, the other holds`, async () => {
      const world = createFakeWorld()
      const entries = await both(
        world,
        dark,
        spec('cut', { kind: 'partition', target: 'region c', flap: { down: '10s', up: '1s' } }),
      )
      const [first, second] = order.map((at) => entries[at])
      assert.ok(first && second)
      await healFault(world, first)
      assert.equal(await up(world, 'c', 'a'), false)
      await healFault(world, second)
      assert.equal(await up(world, 'c', 'a'), true)
    })
})
