// The main stories as text transcripts: what each controller saw and decided, and when. Update with --test-update-snapshots.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import type { Region } from '#protocol/sites.ts'
import { FakeWorld } from './fake-world.ts'
import { timings } from './settings.ts'

function steadyWorld(...settings: ConstructorParameters<typeof FakeWorld>): FakeWorld {
  const world = new FakeWorld(...settings)
  world.until('a first epoch', () => world.record?.state === 'active')
  world.run(10_000)
  return world
}

function matches(context: TestContext, name: string, text: string): void {
  context.assert.fileSnapshot(`${text}\n`, join(import.meta.dirname, 'transcripts', `${name}.txt`), {
    serializers: [(value: string) => value],
  })
}

/** Milliseconds from `sinceMs` to the first ack in an epoch above `epoch`. */
function firstAckMs(world: FakeWorld, sinceMs: number, epoch: number): number {
  const first = world.acked.find((each) => each.atMs > sinceMs && each.epoch > epoch)
  assert.ok(first, `expected an ack above epoch ${epoch}, saw none; the story:\n${world.transcript(sinceMs)}`)
  return first.atMs - sinceMs
}

function activeIn(world: FakeWorld, region: Region): () => boolean {
  return () => world.record?.state === 'active' && world.record.primary === region
}

suite('stories of the control plane', () => {
  test('first start: home takes epoch 1, nothing else happens for a minute', (context) => {
    const world = new FakeWorld()
    world.run(60_000)
    assert.equal(world.record?.epoch, 1)
    assert.equal(world.record.primary, 'a')
    matches(context, 'first-start', world.transcript())
  })

  test('first start: home is waited for, also if the other two nodes are quicker', () => {
    for (const commit of ['quorum', 'async'] as const) {
      const world = new FakeWorld({ commit })
      const home = world.nodes.a
      const promise = home.promise.bind(home)
      home.promise = (epoch, reply) => world.at(1000, () => promise(epoch, reply))
      world.until('a first epoch', () => world.record?.state === 'active')
      assert.equal(world.record?.primary, 'a', world.transcript())
    }
  })

  test('the primary region is lost; it comes back as a standby; failback', (context) => {
    const world = steadyWorld()
    const start = world.now
    world.killRegion('a')
    world.until('b primary', activeIn(world, 'b'), 3000)
    assert.ok(firstAckMs(world, start, 1) < 1500)
    world.run(3000)
    world.revive('a')
    world.until('a streaming again', () => world.nodes.a.streaming)
    world.run(1000)
    world.order('a', { kind: 'switchover', request: 'failback', to: 'a' })
    world.until('the failback done', () => world.answers.length > 0)
    world.run(3000)
    assert.deepEqual(
      world.answers.map((each) => each.done),
      [true],
    )
    assert.equal(world.record?.primary, 'a')
    assert.equal(world.record.epoch, 3)
    matches(context, 'region-loss', world.transcript(start))
  })

  test("etcd's leader leaves the primary's region, and goes to a region that came back only after it has settled", () => {
    const world = steadyWorld()
    assert.equal(world.etcdLeader, 'b')
    world.killRegion('a')
    world.until('b primary', activeIn(world, 'b'), 3000)
    world.until('the leader out of b', () => world.etcdLeader === 'c')
    world.revive('a')
    world.until('a streaming again', () => world.nodes.a.streaming)
    world.run(5000)
    assert.equal(world.etcdLeader, 'c')
    world.until('the leader in the first candidate', () => world.etcdLeader === 'a')
  })

  test('Postgres of the primary crashes, its agent says so at once', (context) => {
    const world = steadyWorld()
    const start = world.now
    world.crash('a')
    world.at(200, () => Object.assign(world.nodes.a, { state: 'standby' }))
    world.until('a new primary', () => world.record?.epoch === 2 && world.record.state === 'active', 3000)
    assert.ok(firstAckMs(world, start, 1) < 1200)
    world.run(4000)
    matches(context, 'postgres-crash', world.transcript(start))
  })

  test('a planned switchover to b', (context) => {
    const world = steadyWorld()
    const start = world.now
    world.order('b', { kind: 'switchover', request: 'move', to: 'b' })
    world.until('b primary', activeIn(world, 'b'), 3000)
    world.run(4000)
    assert.deepEqual(
      world.answers.map((each) => each.done),
      [true],
    )
    // A drain taken back before the old primary's app has word of the new epoch would open its door to writes again.
    assert.ok(!world.effects.some(({ effect }) => effect.kind === 'undrain'))
    assert.deepEqual([...world.drained], [])
    matches(context, 'switchover', world.transcript(start))
  })

  test('the owner restarts while Postgres is well: a new epoch for the same region, no amnesia', (context) => {
    const world = steadyWorld()
    const start = world.now
    world.restartController('a')
    world.until('a fresh epoch', () => world.record?.epoch === 2 && world.record.state === 'active', 5000)
    world.run(3000)
    assert.equal(world.record?.primary, 'a')
    assert.equal(world.record.epoch, 2)
    matches(context, 'controller-restart', world.transcript(start))
  })

  test('the controller and control links of a are cut, Postgres and app live: failover without a second primary', () => {
    const world = steadyWorld()
    const start = world.now
    world.cuts.add('a:controller')
    world.cuts.add('a:etcd')
    // The class `control` cut: agents of a hear no controller of another region and tell none.
    world.until('a new primary', () => world.record?.epoch === 2 && world.record.state === 'active', 8000)
    world.run(1000)
    assert.notEqual(world.record?.primary, 'a')
    const lower = world.acked.filter((each) => each.epoch === 1)
    const first = world.acked.find((each) => each.epoch > 1)
    assert.ok(first)
    assert.ok(
      lower.every((each) => each.atMs < first.atMs),
      world.transcript(start),
    )
  })

  test('all controllers and etcd die, then Postgres of a; when they are back, service returns by itself', () => {
    const world = steadyWorld()
    for (const region of ['a', 'b', 'c'] as const) world.killController(region)
    world.etcdUp = false
    const before = world.acked.length
    world.run(3000)
    assert.ok(world.acked.length > before + 50, 'writes go on without controllers')
    world.crash('a')
    world.run(500)
    const stopped = world.acked.length
    world.run(3000)
    assert.equal(world.acked.length, stopped, 'nothing is acked without a primary')
    world.etcdUp = true
    for (const region of ['a', 'b', 'c'] as const) world.restartController(region)
    world.until('service', () => world.acked.length > stopped, 15_000)
    assert.ok((world.record?.epoch ?? 0) > 1)
  })

  test('a frozen primary region that thaws holds nothing any more', () => {
    const world = steadyWorld()
    world.freeze('a')
    world.cuts.add('a')
    world.until('b primary', activeIn(world, 'b'), 5000)
    world.run(2000)
    world.thaw('a')
    world.cuts.delete('a')
    world.run(8000)
    assert.equal(world.record?.epoch, 2)
    assert.ok(world.nodes.a.streaming)
    assert.equal(world.processes.a.state.hold, null)
  })

  test('an ordered failover that no majority of whole nodes could follow is refused, and the primary goes on', () => {
    const world = steadyWorld()
    world.killRegion('c')
    Object.assign(world.nodes.b, { state: 'rewinding', streaming: false })
    world.run(1000)
    world.order('a', { kind: 'failover', request: 'early', to: null, acceptDataLoss: false })
    assert.deepEqual(
      world.answers.map(({ done, reason }) => ({ done, reason })),
      [
        {
          done: false,
          reason: 'of 3 nodes only that of a is whole and heard, so no majority could promise; the present epoch stays',
        },
      ],
    )
    // The rewind has ended: the primary has its quorum back.
    Object.assign(world.nodes.b, { state: 'standby', streaming: true })
    const start = world.now
    world.run(1000)
    assert.equal(world.record?.epoch, 1)
    assert.ok(world.acked.some((each) => each.atMs > start && each.epoch === 1))
    world.order('b', { kind: 'failover', request: 'later', to: null, acceptDataLoss: false })
    world.until('the failover done', () => world.answers.length > 1)
    assert.deepEqual(world.answers.at(-1)?.done, true)
  })

  test('commit: async: a lagging candidate is refused by the gate until the operator accepts the loss', () => {
    const world = steadyWorld({ commit: 'async', maxLossMs: 500 })
    // Replication to both others stops; the primary goes on.
    world.nodes.b.streaming = false
    world.nodes.c.streaming = false
    world.nodes.b.following = 'a'
    world.nodes.c.following = 'a'
    for (let round = 0; round < 20; round += 1) {
      world.nodes.a.lsn += 1000n
      world.run(100)
    }
    world.killRegion('a')
    world.until('a refusal', () => world.story.some((each) => each.event.kind === 'refused'), 15_000)
    world.run(5000)
    assert.equal(world.record?.state, 'claimed')
    const owner = world.record.owner
    world.order(owner, { kind: 'failover', request: 'accept', to: null, acceptDataLoss: true })
    world.until('a new primary', () => world.record?.state === 'active', 5000)
  })

  test('after many epochs the record still tells the whole history, and nobody is rewound', () => {
    const world = steadyWorld()
    const rewound = new Set<Region>()
    for (let round = 0; round < 8; round += 1) {
      const to = round % 2 === 0 ? 'b' : 'a'
      world.order(to, { kind: 'switchover', request: `round-${round}`, to })
      world.until(`switchover ${round} done`, () => world.answers.length > round, 10_000)
      for (let step = 0; step < 60; step += 1) {
        world.run(100)
        for (const region of ['a', 'b', 'c'] as const)
          if (world.nodes[region].state === 'rewinding') rewound.add(region)
      }
    }
    assert.deepEqual(
      world.record?.history.map((each) => each.epoch),
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
    )
    assert.deepEqual([...rewound], [])
    // Each epoch's first commit was noticed by a beat, before the answer came.
    const prepared = world.effects.filter((each) => each.effect.kind === 'prepare')
    const last = prepared.at(-1)?.effect
    assert.ok(last?.kind === 'prepare')
    assert.equal(last.history[0]?.epoch, 1)
  })

  test('a compare-and-swap whose answer is lost counts as not ours: a fresh epoch', () => {
    const world = steadyWorld()
    world.loseNextSwapAnswer = true
    world.killRegion('a')
    world.until('a new primary', () => world.record?.state === 'active' && world.record.primary !== 'a', 10_000)
    assert.ok((world.record?.epoch ?? 0) >= 3, 'epoch 2 was left alone')
    const promoted = world.effects.filter((each) => each.effect.kind === 'promote')
    assert.ok(promoted.every((each) => each.effect.kind === 'promote' && each.effect.fence.claim.epoch !== 2))
  })

  test('commit: async: a region that was cut off gets no link back while a permit of its own controller may be valid', () => {
    const world = steadyWorld({ commit: 'async' })
    world.fenceWorks = true
    world.cuts.add('a')
    const cutMs = world.now
    world.until('the links of a to be given back', () =>
      world.effects.some(({ effect }) => effect.kind === 'unfence' && effect.region === 'a'),
    )
    const permits = world.effects.filter(({ region, effect }) => region === 'a' && effect.kind === 'permit')
    assert.ok((permits.at(-1)?.atMs ?? 0) + timings.permitValidMs <= world.now)
    assert.ok(world.now - cutMs > timings.leaseTtlMs)
  })

  test('commit: async: a region that an earlier epoch cut off gets its links back from whoever holds the next one', () => {
    const world = steadyWorld({ commit: 'async', acceptDataLoss: true })
    world.killRegion('a')
    world.until('b primary', activeIn(world, 'b'))
    world.restartController('b')
    world.until('another epoch', () => (world.record?.epoch ?? 0) > 2 && world.record?.state === 'active')
    const epoch = world.record?.epoch
    world.until('the links of a to be given back', () =>
      world.effects.some(
        ({ effect }) => effect.kind === 'unfence' && effect.region === 'a' && effect.claim.epoch === epoch,
      ),
    )
  })
})
