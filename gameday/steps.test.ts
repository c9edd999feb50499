// Steps of a method on a world in memory: what ends a drill, what does not, and what is looked at before a disturbance.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Operation } from '#protocol/operation.ts'
import { runbook, type Runbook } from '#protocol/runbook.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { createFakeWorld, type FakeWorld } from '#chaos/fake-world.ts'
import { Collector } from './collector.ts'
import { agent, controller } from './fake-view.ts'
import { toOperation, write } from './measure/histories.ts'
import { Steps, StepFailed } from './steps.ts'

/** Hears of a steady load, and of nothing else. */
class SteadyCollector extends Collector {
  constructor(world: RunningWorld) {
    super(world, ['na'], { timeline: () => {}, operations: () => {}, sample: () => {} })
  }

  override catchUp(): Promise<void> {
    return Promise.resolve()
  }

  override endedSince(): readonly Operation[] {
    return Array.from({ length: 60 }, (_, index) =>
      toOperation(write(index * 100 - 3000, index * 100 - 2990, 1), index),
    )
  }
}

function bookInput(method: readonly unknown[]): Record<string, unknown> {
  return {
    title: 'A drill',
    topology: {},
    load: { rate: '10/s', reads: 0, from: ['na'] },
    'steady-state-hypothesis': { 'success-rate': '>= 95%', p99: '<= 3s' },
    method,
  }
}

function bookOf(method: readonly unknown[]): Runbook {
  return runbook.parse(bookInput(method))
}

const noPostmaster: Awaited<ReturnType<RunningWorld['exec']>> = { exitCode: 3, stdout: '', stderr: 'no postmaster ran' }

/** A world whose parts are counted as they are asked. */
interface Rig {
  readonly steps: Steps
  readonly asked: string[]
  readonly fake: FakeWorld
  /** Titles of steps as they begin, and how each ended. */
  readonly seen: string[]
}

function createRig(book: Runbook, killed = noPostmaster, signal = new AbortController().signal): Rig {
  const seen: string[] = []
  const fake = createFakeWorld()
  const asked: string[] = []
  const world: RunningWorld = {
    ...fake,
    // Handshakes are timed as in any fake world; what else is executed is the crash.
    exec: async (target, argv) => {
      const timed = await fake.exec(target, argv)
      return timed.stdout === '' ? killed : timed
    },
    wayIn: {
      ...fake.wayIn,
      control: (host, call) => {
        asked.push(host)
        return fake.wayIn.control(host, call)
      },
      wan: (call) => {
        asked.push(`${call.method} ${call.path}`)
        return fake.wayIn.wan(call)
      },
    },
  }
  const steps = new Steps({
    world,
    runbook: book,
    drill: 'drill',
    collector: new SteadyCollector(world),
    progress: { step: (_title, work) => work(() => {}) },
    approve: () => Promise.resolve({ approved: false, from: 'from nobody' }),
    signal,
    watcher: {
      began: (at) => seen.push(`began ${at}`),
      noted: () => {},
      ended: (at, failed) => seen.push(`ended ${at}${failed === null ? '' : `: ${failed}`}`),
    },
  })
  return { steps, asked, fake, seen }
}

const crash = { id: 'crash', kind: 'postgres-crash', target: 'region a' }

void test('an optional crash of a Postgres that does not run is left out, and so is its heal; a demanded one ends the drill', async () => {
  const optional = bookOf([{ fault: { ...crash, optional: true } }, { heal: 'crash' }])
  const { steps } = createRig(optional)
  await steps.method()
  assert.deepEqual(steps.faults, [])
  assert.deepEqual(
    steps.taken.map((each) => each.failed),
    [null, null],
  )
  const demanded = bookOf([{ fault: crash }])
  await assert.rejects(createRig(demanded).steps.method(), StepFailed)
})

void test('the heal of an optional crash is not waited for: other faults may have to be healed first', async () => {
  const book = bookOf([{ fault: { ...crash, optional: true } }, { heal: 'crash' }])
  const stdout = JSON.stringify({ pid: 7, firstNs: '1', lastNs: '2' })
  const { steps, fake } = createRig(book, { exitCode: 0, stdout, stderr: '' })
  fake.answers.set('postgres.a', [{ ...agent('a', 'a', {}), state: 'crashed', responsive: false }])
  await steps.method()
  assert.equal(steps.faults[0]?.healedNs, null)
  assert.equal(fake.ledger.length, 1)
  fake.answers.set('postgres.a', [agent('a', 'b', {})])
  assert.deepEqual(await steps.healRest(() => {}), [])
  assert.notEqual(steps.faults[0]?.healedNs, null)
  assert.deepEqual(fake.ledger, [])
})

void test('the epoch before a fault is looked up only where a failover is waited for', async () => {
  const fault = { fault: { id: 'cut', kind: 'link-degrade', target: 'a -> b', loss: 0.1 } }
  const wait = { 'wait-for': { event: 'failover-complete', within: '1s' } }
  for (const [method, looks] of [
    [[fault], false],
    [[fault, wait], true],
  ] as const) {
    const book = bookOf(method)
    const { steps, asked } = createRig(book)
    await steps.method().catch(() => {})
    const injectedAt = asked.indexOf('POST /links')
    assert.ok(injectedAt > 0)
    assert.equal(asked.slice(0, injectedAt).includes('controller.a'), looks)
    assert.equal(steps.faults.length, 1)
  }
})

const slow = { id: 'slow', kind: 'link-degrade', target: 'a -> b', delay: '100ms' }

const cut = (id: string, target: string): unknown => ({ fault: { id, kind: 'link-degrade', target, loss: 0.1 } })
const failedOver = { 'wait-for': { event: 'failover-complete', within: '1s' } }

/** A world whose epoch rises with the first fault, as soon as that is there. */
function quickRig(method: readonly unknown[]): Rig {
  const rig = createRig(bookOf(method))
  rig.fake.onExec = null
  rig.fake.answers.set('controller.b', [controller('b', 1), controller('b', 2, 'b')])
  rig.fake.answers.set('postgres.b', [agent('b', 'b', {})])
  return rig
}

void test('a failover that is complete before the second fault of a row has happened for the wait that follows', async () => {
  const row = quickRig([cut('one', 'a -> b'), cut('two', 'a -> c'), failedOver])
  await row.steps.method()
  const sideBySide = quickRig([{ parallel: [cut('one', 'a -> b'), cut('two', 'a -> c')] }, failedOver])
  await sideBySide.steps.method()
})

void test('a failover from before a later disturbance has not happened for the wait after it', async () => {
  const { steps } = quickRig([cut('one', 'a -> b'), { hold: '1ms' }, cut('two', 'a -> c'), failedOver])
  await assert.rejects(steps.method(), /no epoch above 2 is active/)
})

void test('branches run side by side, each in its own order, and the method goes on when all have ended', async () => {
  const book = bookOf([{ parallel: [[{ hold: '40ms' }, { fault: slow }], { hold: '20ms' }] }, { heal: 'slow' }])
  const { steps, seen, fake } = createRig(book)
  await steps.method()
  assert.deepEqual(seen.slice(0, 3), [
    'began method[0].parallel[0][0]',
    'began method[0].parallel[1]',
    'ended method[0].parallel[1]',
  ])
  assert.deepEqual(seen.slice(-2), ['began method[1]', 'ended method[1]'])
  assert.deepEqual(
    steps.taken.map(({ at, failed }) => [at, failed]),
    [
      ['method[0].parallel[0][0]', null],
      ['method[0].parallel[1]', null],
      ['method[0].parallel[0][1]', null],
      ['method[1]', null],
    ],
  )
  assert.deepEqual(fake.ledger, [])
})

void test('a branch that fails lets the others go on to their end; then the method ends', async () => {
  const book = bookOf([{ parallel: [{ fault: crash }, [{ hold: '20ms' }, { fault: slow }]] }, { hold: '1ms' }])
  const { steps, seen } = createRig(book)
  await assert.rejects(
    steps.method(),
    (error: Error) => error instanceof StepFailed && /postgres-crash/.test(error.message),
  )
  assert.ok(seen.includes('ended method[0].parallel[1][1]'), seen.join('\n'))
  assert.ok(!seen.includes('began method[1]'))
  assert.deepEqual(
    steps.faults.map(({ id }) => id),
    ['slow'],
  )
})

void test('an interruption ends all branches at once, with its reason', async () => {
  const controller = new AbortController()
  const book = bookOf([{ parallel: [{ hold: '60s' }, [{ hold: '60s' }, { hold: '60s' }]] }])
  const { steps, seen } = createRig(book, noPostmaster, controller.signal)
  const ended = assert.rejects(steps.method(), { name: 'Interrupted', message: 'stop loss: p99: too slow' })
  setTimeout(() => controller.abort(new Error('stop loss: p99: too slow')), 10)
  await ended
  assert.deepEqual(
    seen.filter((each) => each.startsWith('ended')),
    [
      'ended method[0].parallel[0]: stop loss: p99: too slow',
      'ended method[0].parallel[1][0]: stop loss: p99: too slow',
    ],
  )
})

void test('a no in one branch ends the others at once', async () => {
  const { steps, seen } = createRig(bookOf([{ parallel: [{ approve: 'Really?' }, { hold: '60s' }] }]))
  await assert.rejects(steps.method(), { name: 'Interrupted', message: 'not approved (from nobody)' })
  assert.ok(seen.includes('ended method[0].parallel[1]: not approved (from nobody)'), seen.join('\n'))
})

void test('a rollback runs after an interruption, tries each step, and leaves out what needs no taking back', async () => {
  const controller = new AbortController()
  const book = runbook.parse({
    ...bookInput([{ fault: slow }, { fault: { ...slow, id: 'later' } }]),
    rollback: [
      { 'wait-for': { event: 'home-primary', within: '1ms' } },
      { heal: 'slow' },
      { heal: 'later' },
      { hold: '1ms' },
    ],
  })
  const { steps, fake } = createRig(book, noPostmaster, controller.signal)
  const began = steps.method()
  controller.abort(new Error('interrupted by SIGINT'))
  await assert.rejects(began, { name: 'Interrupted' })
  fake.ledger.length = 0
  assert.deepEqual(await steps.rollback(), [
    'Rollback: Wait for home-primary: not within 1 ms: nobody is primary, home is a',
  ])
  assert.deepEqual(
    steps.taken.filter(({ at }) => at.startsWith('rollback')).map(({ at, failed }) => [at, failed === null]),
    [
      ['rollback[0]', false],
      ['rollback[1]', true],
      ['rollback[2]', true],
      ['rollback[3]', true],
    ],
  )
})
