// Faults that are watched, in a world in memory: what ended one before its heal, when, and for how long nobody could look.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { faultSpec, type FaultSpec } from '#protocol/faults.ts'
import { clockReply, type LedgerEntry } from '#protocol/wan.ts'
import { createFakeWorld, type FakeWorld } from './fake-world.ts'
import { isMomentary } from './fault.ts'
import { everyExample } from './fault-examples.ts'
import { healFault, injectFault } from './inject.ts'
import { handlerOf } from './library.ts'
import { markHealing } from './wan-calls.ts'
import { FaultWatch } from './watch.ts'

interface Rig {
  readonly world: FakeWorld
  readonly watch: FaultWatch
  readonly entry: LedgerEntry
  readonly firstNs: bigint
  readonly told: string[]
  nowMs: number
}

const spec = (words: object): FaultSpec => faultSpec.parse({ id: 'x', ...words })
const paused = spec({ kind: 'pause', target: 'controller.c' })
const dead = spec({ kind: 'process-kill', target: 'app.a, redis.a' })
const cut = spec({ kind: 'partition', target: 'region a', for: '15s' })

async function watched(fault: FaultSpec, world = createFakeWorld()): Promise<Rig> {
  const told: string[] = []
  const state = { world, told, nowMs: 0 }
  const watch = new FaultWatch(world, {
    nowMs: () => state.nowMs,
    onEnded: (id, { why }) => told.push(`${id}: ${why}`),
    onSight: () => {},
  })
  await watch.start()
  const { entry, effect } = await injectFault(world, 'drill', fault)
  watch.begin(entry, effect)
  await watch.look()
  return Object.assign(state, { watch, entry, firstNs: effect.firstNs })
}

const why = ({ watch, entry }: Rig): string | null => watch.observed(entry.id).ended?.why ?? null

void describe('what ends a fault', () => {
  void test('a thaw between two looks is heard from Docker, with its time', async () => {
    const rig = await watched(paused)
    await rig.watch.look()
    const before = BigInt((await rig.world.wayIn.wan(clock)).monotonicNs)
    rig.world.emit('controller.c', 'unpause', -2)
    await rig.watch.look()
    assert.equal(why(rig), 'container controller.c was unpaused by somebody else')
    const atNs = rig.watch.observed(rig.entry.id).ended?.atNs ?? 0n
    assert.ok(atNs >= before - 2_000_000n && atNs <= before + 10_000_000n, `${atNs} beside ${before}`)
    assert.deepEqual(rig.told, ['drill.x: container controller.c was unpaused by somebody else'])
  })

  void test('a look that was under way when the fault began tells nothing of it but what was heard', async () => {
    const world = createFakeWorld()
    const watch = new FaultWatch(world, { nowMs: () => 0, onEnded: () => {}, onSight: () => {} })
    await watch.start()
    for (const hears of [false, true]) {
      // Facts from before the fault, which come to the look after it has begun.
      const asked = Promise.withResolvers<undefined>()
      const answered = Promise.withResolvers<undefined>()
      const containers = world.containers.bind(world)
      const before = await containers()
      world.containers = async () => {
        asked.resolve(undefined)
        await answered.promise
        return before
      }
      const looking = watch.look()
      await asked.promise
      const { entry, effect } = await injectFault(world, hears ? 'other' : 'drill', dead)
      watch.begin(entry, effect)
      if (hears) world.emit('redis.a', 'start')
      world.containers = containers
      answered.resolve(undefined)
      await looking
      const found = watch.observed(entry.id).ended?.why ?? null
      assert.equal(found, hears ? 'container redis.a was started by somebody else' : null)
      await watch.look()
      assert.equal(watch.observed(entry.id).ended?.why ?? null, found)
      await watch.end(entry.id)
      await healFault(world, entry)
    }
    watch.stop()
  })

  void test('a heal by somebody else is told as that, not as what it did', async () => {
    const rig = await watched(paused)
    await healFault(rig.world, rig.entry)
    rig.world.emit('controller.c', 'unpause')
    await rig.watch.look()
    assert.equal(why(rig), 'somebody else healed it')
  })

  void test('a heal that has only begun ends it too, and an entry that is gone without a trace', async () => {
    const rig = await watched(dead)
    await markHealing(rig.world, rig.entry.id)
    await rig.watch.look()
    assert.equal(why(rig), 'somebody else healed it')
    const other = await watched(dead)
    other.world.ledger.splice(0)
    await other.watch.look()
    assert.equal(why(other), 'somebody else healed it')
  })

  void test('without an event the state of the container tells', async () => {
    const rig = await watched(paused)
    rig.world.setState('controller.c', 'running')
    await rig.watch.look()
    assert.equal(why(rig), 'container controller.c is running, not paused')
  })

  void test('a dead container that somebody starts ends a kill, though it dies again at once', async () => {
    const rig = await watched(dead)
    rig.world.emit('redis.a', 'start')
    rig.world.emit('redis.a', 'die')
    await rig.watch.look()
    assert.equal(why(rig), 'container redis.a was started by somebody else')
  })

  void test('what happens to other containers, or happened before, ends nothing', async () => {
    const world = createFakeWorld()
    const rig = await watched(dead, world)
    world.emit('redis.b', 'start')
    world.emit('redis.a', 'start', -60_000)
    await rig.watch.look()
    assert.equal(why(rig), null)
  })

  void test('an expiry at the WAN is told with its exact time', async () => {
    const rig = await watched(cut)
    rig.world.links.length = 0
    rig.world.ended.push({ id: 'drill.x', why: 'expired', atNs: '1234567890' })
    await rig.watch.look()
    assert.deepEqual(rig.watch.observed('drill.x').ended, { atNs: 1_234_567_890n, why: 'its time was over (for: 15s)' })
  })

  void test('a change of links that somebody removed, or of which a part is missing', async () => {
    const removed = await watched(cut)
    removed.world.links.length = 0
    removed.world.ended.push({ id: 'drill.x', why: 'removed', atNs: '9' })
    await removed.watch.look()
    assert.equal(why(removed), 'somebody else took it back at the WAN')
    const part = await watched(cut)
    part.world.links.pop()
    await part.watch.look()
    assert.equal(why(part), 'the WAN has no change of links of it any more')
  })

  void test('a WAN that was restarted has no changes of links', async () => {
    const rig = await watched(cut)
    rig.world.wan.sinceNs = BigInt(rig.entry.injectedNs) + 7n
    await rig.watch.look()
    assert.deepEqual(rig.watch.observed('drill.x').ended, { atNs: rig.world.wan.sinceNs, why: 'the WAN was restarted' })
  })

  void test('a guard that heals at the planned end is told as that end', async () => {
    const rig = await watched({ ...spec({ kind: 'pause', target: 'controller.c' }), for: 1 })
    rig.world.emit('controller.c', 'unpause')
    await rig.watch.look()
    assert.equal(why(rig), 'its time was over (for: 1ms): container controller.c was unpaused by somebody else')
  })

  void test('a break of the fence device that is not there any more', async () => {
    const rig = await watched(spec({ kind: 'fence-break', target: 'fence device' }))
    assert.equal(why(rig), null)
    await rig.world.wayIn.wan({ ...clock, method: 'POST', path: '/fence/mend', reply: anything })
    await rig.watch.look()
    assert.equal(why(rig), 'the WAN has no break of the fence device of it any more')
  })

  void test('a limit that somebody lifted is looked for as soon as Docker tells of a change', async () => {
    const rig = await watched(spec({ kind: 'cpu-starvation', target: 'app.a' }))
    rig.world.limits.clear()
    await rig.watch.look()
    assert.equal(why(rig), null, 'an inspection every 5 s')
    rig.world.emit('app.a', 'update')
    await rig.watch.end('drill.x')
    assert.equal(why(rig), 'app.a has another limit (processors without one)')
  })

  void test('a DNS server that was restarted fails no more', async () => {
    const world = createFakeWorld()
    world.answers.set('dns.a', [{ writeRegion: 'a', readable: [], failing: 'servfail' }])
    const rig = await watched(spec({ kind: 'dns-fail', target: 'dns.a' }), world)
    world.emit('dns.a', 'die')
    await rig.watch.look()
    assert.equal(why(rig), 'container dns.a died')
  })

  void test('what a heal does afterwards ends nothing, and the end is told once', async () => {
    const rig = await watched(paused)
    await rig.watch.end('drill.x')
    rig.world.emit('controller.c', 'unpause')
    await rig.watch.look()
    assert.equal(why(rig), null)
    const other = await watched(paused)
    other.world.setState('controller.c', 'running')
    await other.watch.look()
    await other.watch.look()
    assert.equal(other.told.length, 1)
  })
})

for (const byMs of [3_600_000, -3_600_000])
  void test(`a wall clock that somebody sets by ${byMs / 1000} s hides no event, and dates none before the last look or after now`, async () => {
    const world = createFakeWorld()
    let wallMs = 1_000_000
    const wan = world.wayIn.wan.bind(world.wayIn)
    const onWallTime: FakeWorld = Object.assign(world, {
      wayIn: {
        ...world.wayIn,
        wan: ((call) =>
          wan(call).then((reply) =>
            call.path === '/clock' ? Object.assign(reply as object, { wallMs }) : reply,
          )) as typeof wan,
      },
    })
    const rig = await watched(paused, onWallTime)
    const lastNs = BigInt((await wan(clock)).monotonicNs)
    // Before the step by Docker's word, told after it.
    world.emit('controller.c', 'unpause', wallMs)
    wallMs += byMs
    await rig.watch.look()
    const atNs = rig.watch.observed('drill.x').ended?.atNs ?? 0n
    assert.ok(atNs > rig.firstNs && atNs <= lastNs + 50_000_000n, `${atNs} after ${lastNs}`)
  })

void describe('nobody could look', () => {
  void test('for as long as the WAN does not answer a cut is unseen, and a pause is not', async () => {
    for (const [fault, blindMs] of [
      [cut, 9000],
      [paused, 4000],
    ] as const) {
      const rig = await watched(fault)
      rig.world.wan.isDead = true
      for (const nowMs of [1000, 5000]) {
        rig.nowMs = nowMs
        await rig.watch.look()
      }
      rig.world.wan.isDead = false
      rig.nowMs = 9000
      await rig.watch.end('drill.x')
      assert.equal(rig.watch.observed('drill.x').blindMs, blindMs, fault.kind)
    }
  })

  void test('while Docker’s events are not heard, states alone don’t do: a short undoing could be missed', async () => {
    const rig = await watched(paused)
    const events = rig.world.events.bind(rig.world)
    rig.world.breakEvents()
    await rig.world.containers()
    rig.world.events = () => Promise.reject(new Error('Docker is not well'))
    rig.nowMs = 6000
    await rig.watch.look()
    rig.world.events = events
    rig.nowMs = 8000
    await rig.watch.end('drill.x')
    assert.equal(rig.watch.observed('drill.x').blindMs, 8000)
  })
})

void test('each kind is either watched or over at once, and one that holds something is watched', () => {
  const momentary = new Set<string>()
  for (const { kind, words } of everyExample()) {
    const handler = handlerOf(kind)
    if (!isMomentary(handler)) continue
    momentary.add(kind)
    assert.deepEqual(handler.holds(String(words['target'])), [], kind)
  }
  assert.deepEqual([...momentary].toSorted(), ['postgres-crash', 'process-crash', 'redis-empty'])
})

const anything = z.unknown()
const clock = { method: 'GET', path: '/clock', reply: clockReply, timeoutMs: 1 } as const
