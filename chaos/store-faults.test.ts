// Faults of Kafka, Redis and etcd against a world in memory: what is done in which order, and what is no fault at all.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultSpec } from '#protocol/faults.ts'
import type { Target } from '#world/running-world.ts'
import { createFakeWorld, type FakeWorld } from './fake-world.ts'
import { FaultUnproven, NothingToBreak } from './fault.ts'
import { injectFault, proveFault } from './inject.ts'
import { handlerOf } from './library.ts'
import { nameOf } from './targets.ts'

type Answer = { readonly exitCode: number; readonly stdout: string; readonly stderr: string }

/** What commands inside containers say. Each is told to `done`. */
function withExec(world: FakeWorld, answer: (command: string) => Partial<Answer>): FakeWorld {
  return {
    ...world,
    exec: (target: Target, argv: readonly string[]) => {
      const command = argv.join(' ')
      world.done.push(`exec ${nameOf(target)}`)
      return Promise.resolve({ exitCode: 0, stdout: '', stderr: '', ...answer(command) })
    },
  }
}
const acts = (world: FakeWorld): readonly string[] => world.done.filter((each) => /^(exec|kill|start)/.test(each))
const lost = faultSpec.parse({ id: 'x', kind: 'kafka-loss', target: 'kafka.a' })
const kept = faultSpec.parse({ id: 'x', kind: 'kafka-loss', target: 'kafka.a', data: 'kept' })
const empty = faultSpec.parse({ id: 'x', kind: 'redis-empty', target: 'redis.b' })
const member = faultSpec.parse({ id: 'x', kind: 'etcd-loss', target: 'etcd.b' })

void test('a disk is put aside before its broker dies, and only if it is to be lost', async () => {
  for (const [spec, wanted] of [
    [lost, ['exec kafka.a', 'kill kafka.a']],
    [kept, ['kill kafka.a']],
  ] as const) {
    const world = withExec(createFakeWorld(), () => ({}))
    const { entry } = await injectFault(world, 'drill', spec)
    assert.deepEqual(acts(world), wanted)
    assert.match(await proveFault(world, entry), /nothing listens at port 9092 of kafka\.a/)
  }
})

void test('a broker that lost its disk and was not killed any more is killed by heal, and starts with an empty one', async () => {
  const world = withExec(createFakeWorld(), (command) => ({ exitCode: command.includes('[ -d ') ? 1 : 0 }))
  const { entry } = await injectFault(world, 'drill', lost)
  world.setState('kafka.a', 'running')
  world.done.length = 0
  await handlerOf('kafka-loss').heal(world, entry)
  assert.deepEqual(acts(world).slice(0, 3), ['exec kafka.a', 'kill kafka.a', 'start kafka.a'])
})

void test('a broker that has its disk is not killed by heal', async () => {
  const world = withExec(createFakeWorld(), () => ({}))
  const { entry } = await injectFault(world, 'drill', lost)
  await handlerOf('kafka-loss').heal(world, entry)
  world.done.length = 0
  await handlerOf('kafka-loss').heal(world, entry)
  assert.ok(acts(world).every((each) => !each.startsWith('kill')))
})

void test('where nothing of the target runs there is nothing to break', async () => {
  for (const [spec, name] of [
    [lost, 'kafka.a'],
    [empty, 'redis.b'],
    [member, 'etcd.b'],
  ] as const) {
    const world = createFakeWorld()
    world.setState(name, 'exited')
    await assert.rejects(injectFault(world, 'drill', spec), NothingToBreak)
    assert.deepEqual(world.ledger, [])
  }
})

void test('a Redis that answered but kept its keys is not taken for an empty one', async () => {
  let mark = 'drill.x 12'
  const world = withExec(createFakeWorld(), () => ({ stdout: `${mark}\n` }))
  const { entry } = await injectFault(world, 'drill', empty)
  assert.match(await proveFault(world, entry), /redis\.b lost its 12 keys/)
  mark = 'earlier.x 12'
  await assert.rejects(proveFault(world, entry), FaultUnproven)
})

void test('a Redis that another fault keeps from being rebuilt is healed, and says what it waits for', async () => {
  const world = withExec(createFakeWorld(), () => ({}))
  const { entry } = await injectFault(world, 'drill', empty)
  assert.equal(await handlerOf('redis-empty').isHealed(world, entry), null)
  world.setState('kafka.b', 'exited')
  assert.match((await handlerOf('redis-empty').isHealed(world, entry)) ?? '', /when kafka\.b runs again/)
})

void test('a loss that leaves no quorum of etcd is announced as one', () => {
  const expected = (target: string): string =>
    handlerOf('etcd-loss').expected(faultSpec.parse({ id: 'x', kind: 'etcd-loss', target }))
  assert.match(expected('etcd.b'), /the 2 others are a quorum/)
  assert.match(expected('etcd.*'), /0 of 3 members are no quorum/)
  assert.match(expected('etcd.a, etcd.b'), /1 of 3 members are no quorum/)
})
