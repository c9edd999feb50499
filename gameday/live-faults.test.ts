// The faults of a drill as its journal tells them: renewed while it lives, watched, ended early or never whole.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { faultSpec, type FaultSpec } from '#protocol/faults.ts'
import { createFakeWorld, type FakeWorld } from '#chaos/fake-world.ts'
import { FaultUnproven } from '#chaos/fault.ts'
import { LiveFaults } from './live-faults.ts'

const spec = (words: object): FaultSpec => faultSpec.parse({ id: 'x', ...words })
const cut = { kind: 'partition', target: 'region a' }

interface Rig {
  readonly world: FakeWorld
  readonly faults: LiveFaults
  readonly notes: string[]
  readonly events: string[]
}

function createRig(): Rig {
  const world = createFakeWorld()
  const [notes, events]: [string[], string[]] = [[], []]
  const collector = {
    note: (kind: string, reason: string, _detail?: unknown, atNs?: bigint) => {
      events.push(`${kind}: ${reason}`)
      return Promise.resolve(atNs ?? 0n)
    },
  }
  return { world, faults: new LiveFaults({ world, drill: 'd', collector }), notes, events }
}

const noteIn =
  ({ notes }: Rig) =>
  (text: string): unknown =>
    notes.push(text)

async function injected(words: object): Promise<Rig> {
  const rig = createRig()
  await rig.faults.inject(spec(words), noteIn(rig))
  return rig
}

/** Lets what is under way come to its end, with timers that stand still. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) await Promise.resolve()
}

/** With other faults that begin every five seconds. */
async function renewalsWithin(context: TestContext, words: object, seconds: number): Promise<number> {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const rig = await injected(words)
  for (let second = 1; second <= seconds; second += 1) {
    if (second % 5 === 0)
      await rig.faults.inject(spec({ kind: 'pause', target: 'app.b', id: `y${second}` }), noteIn(rig))
    context.mock.timers.tick(1000)
    await settle()
  }
  return rig.world.done.filter((each) => each === 'POST /ledger d.x renew').length
}

void test('a fault without a planned end is renewed every 10 s while its drill lives', async (context) => {
  assert.equal(await renewalsWithin(context, { kind: 'freeze', target: 'region a' }, 35), 3)
})

void test('a fault with a planned end is not renewed', async (context) => {
  assert.equal(await renewalsWithin(context, { kind: 'freeze', target: 'region a', for: '10m' }, 35), 0)
})

void test('a lease is a minute, a planned end is what the runbook says', async () => {
  for (const [words, lastsMs, leased] of [
    [cut, 60_000, true],
    [{ ...cut, for: '15s' }, 15_000, undefined],
  ] as const) {
    const { world } = await injected(words)
    const [entry] = world.ledger
    assert.equal(Number(BigInt(entry?.expiresNs ?? 0) - BigInt(entry?.injectedNs ?? 0)) / 1e6, lastsMs)
    assert.equal(entry?.leased, leased)
    assert.ok(world.links.every((change) => change.expiresInMs === lastsMs))
  }
})

void test('a cut that ended by its time is told with that time, at its heal too', async () => {
  const rig = await injected({ ...cut, for: '15s' })
  const firstNs = BigInt(rig.faults.records[0]?.firstNs ?? 0)
  const endedNs = `${firstNs + 15_000_000_000n}`
  rig.world.links.length = 0
  rig.world.ended.push({ id: 'd.x', why: 'expired', atNs: endedNs })
  await rig.faults.heal('x', noteIn(rig))
  const [record] = rig.faults.records
  assert.deepEqual([record?.endedNs, record?.endedBy], [endedNs, 'its time was over (for: 15s)'])
  assert.match(rig.notes[1] ?? '', /^it had ended 15\.00? s after it began: its time was over \(for: 15s\)$/)
  assert.ok(rig.events.some((each) => each.startsWith('fault-ended: partition of region a ended before its heal')))
  assert.ok(record?.healBeganNs != null && record.healedNs != null)
  assert.ok(BigInt(record.healBeganNs) <= BigInt(record.healedNs))
  assert.deepEqual(rig.world.ledger, [])
})

void test('a cut that lasted until its heal has no end of its own, and was healed when the WAN took it back', async () => {
  const rig = await injected(cut)
  await rig.faults.heal('x', noteIn(rig))
  const [record] = rig.faults.records
  assert.deepEqual([record?.endedNs, record?.endedBy, record?.momentary], [null, null, false])
  assert.equal(record?.healedNs, rig.world.ended[0]?.atNs)
  await rig.faults.heal('x', noteIn(rig))
  assert.equal(rig.notes.length, 2)
})

void test('a fault that was never whole does not pass as one that was in force', async () => {
  const rig = createRig()
  rig.world.stuck.add('redis.b')
  await assert.rejects(rig.faults.inject(spec({ kind: 'freeze', target: 'region b' }), noteIn(rig)), FaultUnproven)
  const [record] = rig.faults.records
  assert.equal(record?.endedNs, record?.firstNs)
  assert.match(record?.endedBy ?? '', /^it was not shown to be whole: .*redis\.b not paused$/)
  rig.world.stuck.clear()
  assert.deepEqual(await rig.faults.healRest(() => {}), [])
})

void test('what only happens is momentary', async () => {
  const rig = createRig()
  rig.world.onExec = (_container, argv) => (argv.includes('GET') ? 'd.x 7' : '7')
  await rig.faults.inject(spec({ kind: 'redis-empty', target: 'redis.b' }), noteIn(rig))
  assert.equal(rig.faults.records[0]?.momentary, true)
})

void test('a heal that fails leaves the fault to be healed at the end', async () => {
  const rig = await injected({ kind: 'pause', target: 'app.b' })
  const unpause = rig.world.unpause.bind(rig.world)
  rig.world.unpause = () => Promise.reject(new Error('Docker is not well'))
  await assert.rejects(rig.faults.heal('x', noteIn(rig)), /Docker is not well/)
  const beganNs = rig.faults.records[0]?.healBeganNs
  assert.equal(rig.faults.records[0]?.healedNs, null)
  rig.world.unpause = unpause
  assert.deepEqual(await rig.faults.healRest(() => {}), [])
  assert.equal(rig.faults.records[0]?.healBeganNs, beganNs)
  assert.equal(rig.world.stateOf('app.b'), 'running')
})
