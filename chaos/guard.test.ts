// What the guard heals and what it leaves alone, decided and done in a world in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultSpec } from '#protocol/faults.ts'
import type { Holder, HoldSight } from '#protocol/holds.ts'
import { manualDrill, type LedgerEntry } from '#protocol/wan.ts'
import { createFakeWorld, type FakeWorld } from './fake-world.ts'
import { decide, Guard, type Decision, type GuardPorts } from './guard.ts'
import { healAll, type HealReport } from './heal.ts'
import { healFault, injectFault } from './inject.ts'

const somebody: Omit<Holder, 'doing'> = {
  id: 'somebody',
  user: 'x',
  pid: 1,
  host: 'h',
  machine: 'm',
  started: null,
  checkout: '/checkout',
  since: 'then',
}
const free: HoldSight = { state: 'free', holder: null }
const by = (state: 'held' | 'away' | 'dead', doing = 'run region-loss'): HoldSight => ({
  state,
  holder: { ...somebody, doing },
})

function entry(id: string, drill: string, expiresNs: number): LedgerEntry {
  return {
    id,
    drill,
    kind: 'freeze',
    target: 'region a',
    detail: { region: 'a' },
    injectedNs: '50',
    expiresNs: String(expiresNs),
  }
}
const lasts = entry('lasts', 'a-drill', 200)
const over = entry('over', 'a-drill', 100)
const byHand = entry('by-hand', manualDrill, 200)
const byHandOver = entry('by-hand-over', manualDrill, 99)

function decided(
  entries: readonly LedgerEntry[],
  lock: HoldSight,
  more: { readonly suspect?: boolean; readonly unfinished?: boolean } = {},
): readonly [string, string, Decision['lookOver']] {
  const decision = decide({ entries, nowNs: 100n, lock, suspect: false, unfinished: false, ...more })
  const ids = (list: readonly LedgerEntry[]): string => list.map(({ id }) => id).join(' ')
  return [ids(decision.expired), ids(decision.orphaned), decision.lookOver]
}

void test('beside a living drill only what is over is healed, its own included, also while its hold is away', () => {
  for (const state of ['held', 'away'] as const) {
    assert.deepEqual(decided([lasts, over, byHand, byHandOver], by(state)), ['over by-hand-over', '', 'nothing'])
    assert.deepEqual(decided([], by(state), { suspect: true }), ['', '', 'nothing'])
  }
})

void test('of a drill that is gone everything is healed, and the world is looked over', () => {
  for (const lock of [free, by('dead')])
    assert.deepEqual(decided([lasts, over], lock), ['over', 'lasts', 'world'], lock.state)
  assert.deepEqual(decided([], by('dead')), ['', '', 'world'])
})

void test('a fault by hand outlasts a dead drill, and so does what looking over would take with it', () => {
  assert.deepEqual(decided([lasts, byHand], by('dead')), ['', 'lasts', 'load'])
  assert.deepEqual(decided([byHand], free, { unfinished: true }), ['', '', 'nothing'])
  assert.deepEqual(decided([byHandOver], free, { unfinished: true }), ['by-hand-over', '', 'world'])
})

void test('where nobody was and nothing is over, nothing is done', () => {
  assert.deepEqual(decided([byHand], free), ['', '', 'nothing'])
  assert.deepEqual(decided([], free, { suspect: true }), ['', '', 'load'])
})

void test('a world whose `up` or `down` died half way is not made whole', () => {
  for (const doing of ['up', 'down']) assert.deepEqual(decided([], by('dead', doing)), ['', '', 'nothing'], doing)
})

void test('an entry from before the machine was started anew is over', () => {
  assert.deepEqual(decided([{ ...lasts, injectedNs: '150' }], by('held')), ['lasts', '', 'nothing'])
})

interface Rig {
  readonly world: FakeWorld
  /** Refuses all calls, as a dead WAN does. */
  isMute: boolean
  readonly guard: Guard
  readonly said: string[]
  readonly told: string[]
  readonly acted: string[]
  lock: HoldSight
  opens: 'world' | 'gone' | 'asleep' | Error
  nowMs: number
  loadReport: HealReport
}

function createRig(): Rig {
  const fake = createFakeWorld()
  const world: FakeWorld = {
    ...fake,
    wayIn: {
      ...fake.wayIn,
      wan: (call) => (rig.isMute ? Promise.reject(new Error('connection refused')) : fake.wayIn.wan(call)),
    },
  }
  const [said, told, acted]: [string[], string[], string[]] = [[], [], []]
  const ports: Omit<GuardPorts, 'nowMs'> = {
    open: async () => {
      if (rig.opens instanceof Error) throw rig.opens
      return rig.opens === 'world' ? world : rig.opens
    },
    wakeWan: async () => {
      acted.push('wake the WAN')
      rig.opens = 'world'
      return 'wan (exited) brought back'
    },
    lookAtDriver: async () => rig.lock,
    takeLock: async () => {
      if (rig.lock.state === 'held') return null
      const tookOverFrom = rig.lock.holder
      acted.push('lock')
      const release = async (): Promise<void> => {
        acted.push('release')
      }
      rig.lock = free
      return { tookOverFrom, [Symbol.asyncDispose]: release }
    },
    healWorld: async (which) => {
      acted.push('heal the world')
      return healAll(which)
    },
    endLoad: async () => {
      acted.push('end the load')
      return rig.loadReport
    },
    say: (line) => said.push(line),
    noteHealed: async (_world, sentence) => void told.push(sentence),
  }
  const state = {
    world,
    isMute: false,
    said,
    told,
    acted,
    lock: free,
    opens: 'world' as const,
    nowMs: 0,
    loadReport: { healed: [], left: [] },
  }
  const rig: Rig = Object.assign(state, { guard: new Guard({ ...ports, nowMs: () => state.nowMs }) })
  return rig
}
/** Of a time that no runbook may have, so that it is over at once. */
const cut = (ms: number) => ({ ...faultSpec.parse({ id: 'cut', kind: 'partition', target: 'region a' }), for: ms })
const outage = faultSpec.parse({ id: 'outage', kind: 'power-loss', target: 'region b' })

void test('a fault whose time is over is healed beside its drill, which then may heal it as well', async () => {
  const rig = createRig()
  rig.lock = by('held')
  const { entry } = await injectFault(rig.world, 'a-drill', cut(1))
  await rig.guard.round()
  assert.deepEqual([rig.world.links, rig.world.ledger, rig.acted], [[], [], []])
  assert.match(rig.told.join(), /partition of region a \(a-drill\): .* \(its time was over\)/)
  assert.notEqual(await healFault(rig.world, entry), '')
})

void test('what a dead drill left is healed with the world locked, once', async () => {
  const rig = createRig()
  await injectFault(rig.world, 'a-drill', outage)
  rig.world.setState('controller.c', 'exited')
  rig.lock = by('dead')
  await rig.guard.round()
  await rig.guard.round()
  assert.deepEqual(rig.acted, ['lock', 'heal the world', 'release'])
  assert.deepEqual(rig.world.ledger, [])
  assert.ok((await rig.world.containers()).every((each) => each.state === 'running'))
})

void test('a living drill keeps what it has injected', async () => {
  const rig = createRig()
  await injectFault(rig.world, 'a-drill', outage)
  rig.lock = by('held')
  await rig.guard.round()
  assert.equal(rig.world.ledger.length, 1)
})

void test('a fault by hand lasts its time; then the world that a dead drill had left is looked over', async () => {
  const rig = createRig()
  await injectFault(rig.world, manualDrill, cut(10 * 60_000))
  await injectFault(rig.world, 'a-drill', outage)
  rig.world.setState('controller.c', 'exited')
  rig.lock = by('dead')
  await rig.guard.round()
  assert.deepEqual(
    rig.world.ledger.map((each) => each.drill),
    [manualDrill],
  )
  assert.equal(rig.world.stateOf('controller.c'), 'exited')
  assert.ok(rig.acted.includes('end the load'))
  rig.world.ledger.length = 0
  await rig.guard.round()
  assert.equal(rig.world.stateOf('controller.c'), 'running')
})

void test('load is looked for after whoever held the world, until it can be seen that there is none', async () => {
  const rig = createRig()
  rig.loadReport = { healed: [], left: ['client.na does not answer'] }
  await rig.guard.round()
  await rig.guard.round()
  rig.nowMs = 6000
  await rig.guard.round()
  assert.deepEqual(rig.said, ['left: client.na does not answer'])
  rig.loadReport = { healed: ['load from na ended'], left: [] }
  rig.nowMs = 12_000
  await rig.guard.round()
  await rig.guard.round()
  assert.equal(rig.acted.filter((each) => each === 'end the load').length, 3)
  rig.lock = by('held', 'up')
  await rig.guard.round()
  rig.lock = free
  await rig.guard.round()
  assert.equal(rig.acted.filter((each) => each === 'end the load').length, 4)
})

void test('a dead WAN is woken for what is over, by the time that has passed since it was heard', async () => {
  const rig = createRig()
  rig.lock = by('held')
  await injectFault(rig.world, 'a-drill', cut(10_000))
  await rig.guard.round()
  rig.isMute = true
  rig.opens = 'asleep'
  rig.nowMs = 9000
  await rig.guard.round()
  assert.deepEqual(rig.acted, [])
  rig.nowMs = 11_000
  await rig.guard.round()
  assert.deepEqual(rig.acted, ['wake the WAN'])
})

void test('a WAN that somebody has stopped stays so while there is nothing to heal', async () => {
  const rig = createRig()
  rig.opens = 'asleep'
  assert.equal(await rig.guard.round(), null)
  assert.deepEqual(rig.acted, [])
})

void test('after a drill that died together with the WAN the world is looked over once it is reached', async () => {
  const rig = createRig()
  rig.opens = 'asleep'
  rig.lock = by('dead')
  await rig.guard.round()
  assert.deepEqual(rig.acted, ['wake the WAN'])
  rig.lock = by('away')
  await rig.guard.round()
  assert.deepEqual(rig.acted, ['wake the WAN'])
  rig.lock = by('dead')
  await rig.guard.round()
  assert.deepEqual(rig.acted.slice(1), ['lock', 'heal the world', 'release'])
})

void test('it ends with its world', async () => {
  const rig = createRig()
  rig.opens = 'gone'
  assert.equal(await rig.guard.round(), 'the world has gone')
})

void test('Docker that does not answer is waited for, for an hour', async () => {
  const rig = createRig()
  rig.opens = new Error('connect ENOENT docker.sock')
  assert.equal(await rig.guard.round(), null)
  rig.nowMs = 3_500_000
  assert.equal(await rig.guard.round(), null)
  assert.deepEqual(rig.said, ['connect ENOENT docker.sock'])
  rig.nowMs = 3_700_000
  assert.match((await rig.guard.round()) ?? '', /for an hour/)
})

void test('a fault that does not heal alone has the whole world healed, if nobody holds that', async () => {
  const rig = createRig()
  await injectFault(rig.world, manualDrill, cut(1))
  rig.world.ledger.push({ ...rig.world.ledger[0]!, id: 'manual.odd', kind: 'no-such-kind' })
  rig.world.setState('kafka.a', 'exited')
  await rig.guard.round()
  assert.equal(rig.world.stateOf('kafka.a'), 'running')
  assert.match(rig.said.join('\n'), /left: .*no-such-kind/)
})
