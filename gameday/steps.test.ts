// Steps of a method on a world in memory: what ends a drill, what does not, and what is looked at before a disturbance.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Operation } from '#protocol/operation.ts'
import { runbook, type Runbook } from '#protocol/runbook.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { createFakeWorld, type FakeWorld } from '#chaos/fake-world.ts'
import { Collector } from './collector.ts'
import { agent } from './fake-view.ts'
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

  override get operations(): readonly Operation[] {
    return Array.from({ length: 60 }, (_, index) =>
      toOperation(write(index * 100 - 3000, index * 100 - 2990, 1), index),
    )
  }
}

function bookOf(method: readonly unknown[]): Runbook {
  return runbook.parse({
    title: 'A drill',
    topology: {},
    load: { rate: '10/s', reads: 0, from: ['na'] },
    'steady-state-hypothesis': { 'success-rate': '>= 95%', p99: '<= 3s' },
    method,
  })
}

const noPostmaster: Awaited<ReturnType<RunningWorld['exec']>> = { exitCode: 3, stdout: '', stderr: 'no postmaster ran' }

/** A world whose parts are counted as they are asked. */
function createRig(book: Runbook, killed = noPostmaster): { steps: Steps; asked: string[]; fake: FakeWorld } {
  const fake = createFakeWorld()
  const asked: string[] = []
  const world: RunningWorld = {
    ...fake,
    exec: () => Promise.resolve(killed),
    wayIn: {
      ...fake.wayIn,
      control: (host, call) => {
        asked.push(host)
        return fake.wayIn.control(host, call)
      },
    },
  }
  const steps = new Steps({
    world,
    runbook: book,
    drill: 'drill',
    collector: new SteadyCollector(world),
    progress: { step: (_title, work) => work(() => {}) },
    approve: () => Promise.resolve(false),
    signal: new AbortController().signal,
  })
  return { steps, asked, fake }
}

const crash = { id: 'crash', kind: 'postgres-crash', target: 'region a' }

void test('an optional crash of a Postgres that does not run is left out, and so is its heal; a demanded one ends the drill', async () => {
  const optional = bookOf([{ fault: { ...crash, optional: true } }, { heal: 'crash' }])
  const { steps } = createRig(optional)
  for (const step of optional.method) await steps.perform(step)
  assert.deepEqual(steps.faults, [])
  assert.deepEqual(
    steps.taken.map((each) => each.failed),
    [null, null],
  )
  const demanded = bookOf([{ fault: crash }])
  const first = demanded.method[0]
  assert.ok(first)
  await assert.rejects(createRig(demanded).steps.perform(first), StepFailed)
})

void test('the heal of an optional crash is not waited for: other faults may have to be healed first', async () => {
  const book = bookOf([{ fault: { ...crash, optional: true } }, { heal: 'crash' }])
  const stdout = JSON.stringify({ pid: 7, firstNs: '1', lastNs: '2' })
  const { steps, fake } = createRig(book, { exitCode: 0, stdout, stderr: '' })
  fake.answers.set('postgres.a', [{ ...agent('a', 'a', {}), state: 'crashed', responsive: false }])
  for (const step of book.method) await steps.perform(step)
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
    const first = book.method[0]
    assert.ok(first)
    await steps.perform(first)
    assert.equal(asked.includes('controller.a'), looks)
    assert.equal(steps.faults.length, 1)
  }
})
