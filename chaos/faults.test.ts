// Faults against a world in memory: the ledger comes first and goes last, each heals from its entry alone, a silent failure is seen.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentStatus } from '#protocol/agent.ts'
import { faultSpec, type FaultSpec } from '#protocol/faults.ts'
import type { LedgerEntry } from '#protocol/wan.ts'
import { createFakeWorld } from './fake-world.ts'
import { FaultUnproven, NothingToBreak } from './fault.ts'
import { healAll } from './heal.ts'
import { healFault, injectFault, proveFault } from './inject.ts'
import { leaseMs } from './lease.ts'

const specs: readonly FaultSpec[] = [
  faultSpec.parse({ id: 'outage', kind: 'power-loss', target: 'region a' }),
  faultSpec.parse({ id: 'cut', kind: 'partition', target: 'region a' }),
  faultSpec.parse({ id: 'stay', kind: 'partition', target: 'region a', clients: 'stay', class: 'control' }),
  faultSpec.parse({ id: 'frozen', kind: 'freeze', target: 'region b' }),
  faultSpec.parse({ id: 'slow', kind: 'link-degrade', target: 'a <-> b,c', delay: '1s', class: 'postgres' }),
  faultSpec.parse({ id: 'dead', kind: 'process-kill', target: 'controller.*, etcd.a' }),
]

for (const spec of specs) {
  const what = `${spec.kind} (${spec.id})`

  void test(`${what}: in the ledger before anything else is done`, async () => {
    const world = createFakeWorld()
    await injectFault(world, 'drill', spec)
    const first = world.done.findIndex((each) => !each.startsWith('GET'))
    assert.equal(world.done[first], `PUT /ledger drill.${spec.id}`)
  })

  void test(`${what}: proven, then healed from its ledger entry alone, and gone from the ledger last`, async () => {
    const world = createFakeWorld()
    await injectFault(world, 'drill', spec)
    const entry = world.ledger[0]
    assert.ok(entry)
    assert.notEqual(await proveFault(world, entry), '')
    await healFault(world, entry)
    assert.deepEqual([world.ledger, world.links], [[], []])
    assert.ok((await world.containers()).every((each) => each.state === 'running'))
    assert.equal(world.done.at(-1), `DELETE /ledger drill.${spec.id}`)
  })

  void test(`${what}: a fresh process heals what a killed drill left, and twice is as good as once`, async () => {
    const world = createFakeWorld()
    await injectFault(world, 'drill', spec)
    const report = await healAll(world)
    assert.deepEqual(report.left, [])
    assert.ok(report.healed.length > 0)
    assert.deepEqual([world.ledger, world.links], [[], []])
    assert.ok((await world.containers()).every((each) => each.state === 'running'))
    assert.deepEqual(await healAll(world), { healed: [], left: [] })
  })
}

void test('every change of links that a fault makes carries an expiry for the WAN', async () => {
  for (const spec of specs) {
    const world = createFakeWorld()
    await injectFault(world, 'drill', spec)
    assert.ok(
      world.links.every((change) => change.expiresInMs === leaseMs),
      spec.id,
    )
  }
})

void test('a region loses its links before its first container dies', async () => {
  const world = createFakeWorld()
  await injectFault(world, 'drill', faultSpec.parse({ id: 'x', kind: 'power-loss', target: 'region c' }))
  const cut = world.done.indexOf('POST /links')
  const kill = world.done.findIndex((each) => each.startsWith('kill'))
  assert.ok(cut >= 0 && cut < kill)
})

void test('a pause that failed without a word is not taken for a freeze', async () => {
  const world = createFakeWorld()
  world.stuck.add('redis.b')
  const { entry } = await injectFault(world, 'drill', faultSpec.parse({ id: 'x', kind: 'freeze', target: 'region b' }))
  await assert.rejects(proveFault(world, entry), (error) => {
    return error instanceof FaultUnproven && error.message.includes('redis.b')
  })
})

const crashed: LedgerEntry = {
  id: 'drill.crash',
  drill: 'drill',
  kind: 'postgres-crash',
  target: 'region a',
  detail: { region: 'a' },
  injectedNs: '1',
  expiresNs: '2',
}
const agentSays = (state: AgentStatus['state']): AgentStatus => ({
  region: 'a',
  incarnation: 'one',
  state,
  promised: 1,
  whole: true,
  position: null,
  history: [],
  following: null,
  streaming: false,
  epochCommitted: false,
  followers: [],
  responsive: false,
  systemIdentifier: '1',
})

void test('an agent may take a moment to see that its Postgres has been killed', async () => {
  const world = createFakeWorld()
  world.answers.set('postgres.a', [agentSays('primary'), agentSays('primary'), agentSays('crashed')])
  assert.match(await proveFault(world, crashed), /the agent of region a lives and says crashed/)
})

void test('a crash of a Postgres that does not run is no fault: nothing waits for it to heal, and the ledger is empty', async () => {
  const world = createFakeWorld()
  const waits: string[] = []
  const without = {
    ...world,
    exec: (_target: unknown, [, , script = '']: readonly string[]) => {
      waits.push(/no postmaster ran for (\d+) s/.exec(script)?.[1] ?? '')
      return Promise.resolve({ exitCode: 3, stdout: '', stderr: 'no postmaster ran' })
    },
  }
  for (const optional of [true, false]) {
    const spec = faultSpec.parse({ id: 'x', kind: 'postgres-crash', target: 'region a', optional })
    await assert.rejects(injectFault(without, 'drill', spec), NothingToBreak)
    assert.deepEqual(world.ledger, [])
  }
  assert.deepEqual(waits, ['3', '15'])
})

void test('a crash is over once the agent answers, though a node whose copying was broken off has no Postgres yet', async () => {
  const world = createFakeWorld()
  world.answers.set('postgres.a', [agentSays('crashed'), { ...agentSays('stopped'), whole: false }])
  assert.match(await healFault(world, crashed), /its Postgres comes with a new copy/)
})

void test('a fault that could not be injected whole is taken back at once: nobody else knows of it', async () => {
  const world = createFakeWorld()
  const refusing = { ...world, kill: () => Promise.reject(new Error('Docker is not well')) }
  const spec = faultSpec.parse({ id: 'x', kind: 'power-loss', target: 'region a' })
  await assert.rejects(injectFault(refusing, 'drill', spec), /Docker is not well/)
  assert.deepEqual([world.ledger, world.links], [[], []])
})

void test('a fault that could neither be injected nor be taken back stays in the ledger, for heal', async () => {
  const world = createFakeWorld()
  const broken = (): Promise<never> => Promise.reject(new Error('Docker is not well'))
  const refusing = { ...world, kill: broken, start: broken }
  const spec = faultSpec.parse({ id: 'x', kind: 'power-loss', target: 'region a' })
  await assert.rejects(injectFault(refusing, 'drill', spec), /it could not be taken back either .*firedrill heal/)
  assert.equal(world.ledger.length, 1)
})

void test('what was half done by a drill killed between ledger and fault is healed too', async () => {
  const world = createFakeWorld()
  const { entry } = await injectFault(
    world,
    'drill',
    faultSpec.parse({ id: 'x', kind: 'power-loss', target: 'region a' }),
  )
  world.links.length = 0
  world.setState('app.a', 'running')
  await healAll(world)
  assert.equal(world.ledger.length, 0, entry.id)
  assert.ok((await world.containers()).every((each) => each.state === 'running'))
})

void test('paused and dead containers that no ledger knows are brought back, the WAN first', async () => {
  const world = createFakeWorld()
  world.setState('wan', 'exited')
  world.setState('kafka.c', 'paused')
  await healAll(world)
  assert.equal(world.done[0], 'start wan')
  assert.equal(world.stateOf('kafka.c'), 'running')
})

void test('a fault that resists is named, and does not keep others from being healed', async () => {
  const world = createFakeWorld()
  await injectFault(world, 'drill', faultSpec.parse({ id: 'cut', kind: 'partition', target: 'region a' }))
  world.ledger.push({ ...world.ledger[0]!, id: 'drill.odd', kind: 'no-such-kind' })
  const { healed, left } = await healAll(world)
  assert.equal(world.links.length, 0)
  assert.ok(healed.some((each) => each.includes('partition')))
  assert.ok(left.some((each) => each.includes('no-such-kind')))
})

for (const byMs of [3_600_000, -3_600_000])
  void test(`a wall clock that jumps by ${byMs / 1000} s while a fault heals changes nothing`, async (context) => {
    const world = createFakeWorld()
    const { entry } = await injectFault(world, 'drill', faultSpec.parse({ id: 'x', kind: 'pause', target: 'app.b' }))
    world.stuck.add('app.b')
    let offsetMs = 0
    const real = Date.now.bind(Date)
    context.mock.method(Date, 'now', () => real() + offsetMs)
    const healing = healFault(world, entry, 400)
    offsetMs = byMs
    const beganMs = performance.now()
    await assert.rejects(healing, /does not heal: waited 0\.4 s/)
    const tookMs = performance.now() - beganMs
    assert.ok(tookMs >= 300 && tookMs < 5000, `expected about 400 ms, saw ${tookMs}`)
  })
