// A drill's part under load on a world in memory: however the method ends, the rollback runs, faults are healed, the load ends.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { after, test } from 'node:test'
import { runbook } from '#protocol/runbook.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { createFakeWorld, type FakeWorld } from '#chaos/fake-world.ts'
import { clockNs } from '#chaos/wan-calls.ts'
import { liveFolder } from '#world/world-files.ts'
import { Collector } from './collector.ts'
import { conduct, type Conduct } from './conduct.ts'
import { LiveDrillFile } from './live-drill.ts'
import { Steps } from './steps.ts'
import { StopLoss } from './stop-loss.ts'

const name = `test-conduct-${randomBytes(3).toString('hex')}`
after(() => rm(liveFolder(name), { recursive: true, force: true }))

/** Hears of nothing but what the harness says itself. */
class DeafCollector extends Collector {
  readonly heard: TimelineEvent[] = []

  ended: Parameters<Collector['finish']>[0] = null

  override catchUp(): Promise<void> {
    return Promise.resolve()
  }

  override async finish(end: DeafCollector['ended']): ReturnType<Collector['finish']> {
    this.ended = end
    return {
      na: { planned: 7, sent: null, reason: 'client.na does not answer: operations 1 to 6 were never collected' },
    }
  }

  override async note(kind: string, reason: string): Promise<bigint> {
    this.heard.push({ atNs: '0', source: 'harness', site: 'harness', kind, reason })
    return 0n
  }
}

interface Ended extends Conduct {
  readonly world: FakeWorld
  readonly steps: Steps
  readonly told: DeafCollector['ended']
  readonly heard: readonly string[]
}

async function run(
  words: Record<string, unknown>,
  signal = new AbortController().signal,
  spoil: (world: FakeWorld) => void = () => {},
  lost?: AbortSignal,
): Promise<Ended> {
  const book = runbook.parse({
    title: 'A drill',
    load: { rate: '10/s', from: ['na'] },
    'steady-state-hypothesis': { 'success-rate': '>= 95%', p99: '<= 3s' },
    ...words,
  })
  const fake = createFakeWorld()
  spoil(fake)
  fake.answers.set('client.na', [{ running: true, planned: 0, inFlight: 0, done: 0 }])
  const world = fake
  const collector = new DeafCollector(world, ['na'], { timeline: () => {}, operations: () => {}, sample: () => {} })
  const live = new LiveDrillFile({
    world: name,
    drill: 'drill',
    folder: '/drills/drill',
    runbookName: 'a-drill',
    runbook: book,
    startedAt: '2026-01-01T00:00:00.000Z',
  })
  await live.open()
  const load = { beganNs: 0n }
  const stopLoss = new StopLoss({
    conditions: book['abort-when'],
    view: async () => ({
      endedSince: () => [],
      events: [],
      areas: book.load.from,
      fromNs: 0n,
      nowNs: await clockNs(world),
      epochBefore: 0,
    }),
    reached: ({ reason }) => collector.note('aborted', reason),
  })
  const progress = {
    step: <Result>(_title: string, work: (note: (text: string) => void) => Promise<Result>) => work(() => {}),
  }
  const steps = new Steps({
    world,
    runbook: book,
    drill: 'drill',
    collector,
    progress,
    approve: () => Promise.resolve({ approved: false, from: 'from a test' }),
    signal: AbortSignal.any([signal, stopLoss.signal]),
    watcher: live,
  })
  const options = { world, loaded: { runbook: book }, progress, seed: 1, lost }
  const ended = await conduct({ options, drill: 'drill', collector, steps, stopLoss, live, load })
  await live.close(null, ended.interruption)
  return {
    ...ended,
    world: fake,
    steps,
    told: collector.ended,
    heard: collector.heard.map(({ kind, reason }) => `${kind}: ${reason}`),
  }
}

const rollback = [{ hold: '1ms' }]
const rolledBack = { name: 'rollback', status: 'pass', reason: 'all 1 steps were done' }
const watched = { name: 'nothing from outside', status: 'pass', reason: 'nobody else did anything to the world' }

void test('after success the rollback runs, and nothing is told that was not', async () => {
  const { interruption, checks, steps, load, told } = await run({ method: [{ hold: '1ms' }], rollback })
  assert.equal(interruption, null)
  assert.deepEqual(checks, [rolledBack, watched])
  assert.deepEqual(
    steps.taken.map(({ at }) => at),
    ['method[0]', 'rollback[0]'],
  )
  assert.equal(load?.fromNs, BigInt(told?.plan.startNs ?? 0))
  assert.equal(load.toNs, told?.untilNs)
  assert.equal(load.areas.na?.planned, 7)
})

void test('stop loss ends a hold, names its condition in the timeline, and is a failed check; the rollback runs', async () => {
  const { interruption, checks, heard, steps } = await run({
    method: [{ hold: '60s' }, { hold: '1ms' }],
    'abort-when': { 'no-acks-for': '1s' },
    rollback,
  })
  assert.match(interruption ?? '', /^stop loss: no-acks-for: no write was acked for/)
  assert.deepEqual(
    checks.map(({ name: each, status }) => [each, status]),
    [
      ['stop loss', 'fail'],
      ['rollback', 'pass'],
      ['nothing from outside', 'pass'],
    ],
  )
  assert.match(heard.join('\n'), /^load: .*\naborted: no write was acked for .*\nrollback: 1 steps$/)
  assert.deepEqual(
    steps.taken.map(({ at, failed }) => [at, failed === null]),
    [
      ['method[0]', false],
      ['rollback[0]', true],
    ],
  )
})

void test('after Ctrl-C and after a no the rollback runs too; its own failure is a failed check', async () => {
  const interrupting = new AbortController()
  setTimeout(() => interrupting.abort(new Error('interrupted by SIGINT')), 20)
  const interrupted = await run({ method: [{ hold: '60s' }], rollback }, interrupting.signal)
  assert.deepEqual([interrupted.interruption, interrupted.checks], ['interrupted by SIGINT', [rolledBack, watched]])
  const refused = await run({
    method: [{ approve: 'Really?' }],
    rollback: [{ 'wait-for': { event: 'home-primary', within: '1ms' } }, ...rollback],
  })
  assert.equal(refused.interruption, 'not approved (from a test)')
  assert.match(refused.heard.join('\n'), /approval: Really\? No, from a test\nrollback: 2 steps\nrollback-failed: /)
  assert.equal(refused.checks[0]?.status, 'fail')
  assert.equal(refused.steps.taken.at(-1)?.at, 'rollback[1]')
})

void test('a load that outlives the WAN ends when it ended, by the clock of the harness, and the timeline says so', async () => {
  const { load, heard } = await run({ method: [{ hold: '60ms' }] }, undefined, (world) => {
    const { wayIn } = world
    const asked = { ...wayIn }
    let answers = Number.NEGATIVE_INFINITY
    wayIn.control = (...call) => {
      answers = 0
      return asked.control(...call)
    }
    // It says when the load and the first step begin, and nothing after.
    wayIn.wan = (call) => ((answers += 1) > 1 ? Promise.reject(new Error('connect ECONNREFUSED')) : asked.wan(call))
  })
  // The load begins 300 ms after the first answer, and ends 500 ms after the hold.
  assert.ok(load !== null && load.toNs - load.fromNs > 255_000_000n, `${load?.fromNs} to ${load?.toNs}`)
  assert.match(heard.join('\n'), /clock-lost: the gateway is gone/)
})

void test('of a world that somebody else has by now nothing is rolled back, and no load is ended', async () => {
  const lost = new AbortController()
  const { interruption, checks, steps, told, load } = await run(
    { method: [{ hold: '60s' }], rollback },
    lost.signal,
    (world) => {
      const asked = { ...world.wayIn }
      world.wayIn.control = (...call) => {
        // Once the load has been begun.
        setTimeout(() => lost.abort(new Error('world default was taken over by somebody')), 20)
        return asked.control(...call)
      }
    },
    lost.signal,
  )
  assert.equal(interruption, 'world default was taken over by somebody')
  assert.deepEqual(checks, [watched])
  assert.deepEqual(
    steps.taken.map(({ at }) => at),
    ['method[0]'],
  )
  assert.equal(told, null)
  assert.equal(load?.areas.na?.reason, 'somebody else has the world')
  assert.notEqual((await run({ method: [{ hold: '1ms' }] })).told, null)
})
