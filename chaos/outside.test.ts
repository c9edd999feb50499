// What somebody else does to a world while a drill runs: told with its span; what the drill, its guard and its heals do is not.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { faultRecord } from '#protocol/journal.ts'
import type { LedgerEntry, LedgerHistory } from '#protocol/wan.ts'
import { Outside } from './outside.ts'
import type { ContainerEvent, Sight } from './sight.ts'

const second = 1_000_000_000n

interface Look {
  readonly events?: readonly (readonly [name: string, action: string, atS: number, signal?: string])[]
  readonly ledger?: LedgerHistory | null
  readonly networks?: Readonly<Record<string, readonly string[]>> | null
}

const at = (atS: number): bigint => BigInt(Math.round(atS * 1e9))

function sightOf(atS: number, { events = [], ledger = { entries: [], past: [] }, networks = {} }: Look): Sight {
  const told = events.map(([name, action, eventS, signal]): ContainerEvent => ({
    name,
    action,
    signal: signal ?? null,
    atNs: at(eventS),
    betweenNs: [at(eventS), at(eventS)],
  }))
  const containers =
    networks === null
      ? null
      : new Map(Object.entries(networks).map(([name, each]) => [name, { state: 'running' as const, networks: each }]))
  return { atNs: at(atS), containers, wan: null, events: told, ledger }
}

function entryOf(kind: string, target: string, injectedS: number, words: Partial<LedgerEntry> = {}): LedgerEntry {
  const times = { injectedNs: `${at(injectedS)}`, expiresNs: `${at(injectedS + 60)}` }
  return { id: `d.${kind}`, drill: 'd', kind, target, detail: {}, ...times, ...words }
}

interface Rig {
  readonly outside: Outside
  readonly found: string[]
  readonly died: string[]
  see(atS: number, look?: Look): void
  /** `kind of target from to`, in seconds. */
  told(): readonly string[]
}

function rig(): Rig {
  const [found, died]: [string[], string[]] = [[], []]
  const outside = new Outside('d', {
    onDied: (name) => died.push(name),
    onFound: ({ id }) => found.push(id),
  })
  const seconds = (ns: string | null): string =>
    ns === null ? 'on' : `${Number((BigInt(ns) * 1000n) / second) / 1000}`
  return {
    outside,
    found,
    died,
    see: (atS, look = {}) => outside.see(sightOf(atS, look)),
    told: () =>
      outside.faults.map(
        ({ kind, target, firstNs, healBeganNs }) => `${kind} of ${target} ${seconds(firstNs)} ${seconds(healBeganNs)}`,
      ),
  }
}

/** One look with these events and this ledger. */
function after(events: Look['events'], entries: readonly LedgerEntry[] = [], past: LedgerHistory['past'] = []): Rig {
  const world = rig()
  world.see(1)
  world.see(20, { events: events ?? [], ledger: { entries: [...entries], past } })
  return world
}

void describe('what Docker does by somebody else’s order', () => {
  void test('a kill lasts from its signal until the container is started', () => {
    const kill = [
      ['app.a', 'kill', 10],
      ['app.a', 'die', 10.2],
    ] as const
    assert.deepEqual(after(kill).told(), ['docker-kill of app.a 10 on'])
    assert.deepEqual(after([...kill, ['app.a', 'start', 12]]).told(), ['docker-kill of app.a 10 12'])
  })

  void test('a stop begins with what asks for it, not with what kills in the end', () => {
    const events = [
      ['app.a', 'kill', 5],
      ['app.a', 'kill', 15],
      ['app.a', 'die', 15.1],
    ] as const
    assert.deepEqual(after(events).told(), ['docker-kill of app.a 5 on'])
  })

  void test('a signal by which nothing ends is told as that, and no end is put on it', () => {
    const stopped = [
      ['app.a', 'kill', 10, '19'],
      ['app.a', 'kill', 12, '18'],
    ] as const
    assert.deepEqual(after(stopped).told(), ['docker-signal of app.a 10 10', 'docker-signal of app.a 12 12'])
    const died = after([...stopped, ['app.a', 'die', 13]])
    assert.deepEqual([died.told().length, died.died], [2, ['app.a']])
    const hangUp = [
      ['app.a', 'kill', 10, '1'],
      ['app.a', 'die', 10.5],
    ] as const
    assert.deepEqual(after(hangUp).told(), ['docker-kill of app.a 10 on'])
    assert.deepEqual(after([['app.a', 'kill', 9, '28'], ...hangUp]).told(), [
      'docker-signal of app.a 9 9',
      'docker-kill of app.a 10 on',
    ])
  })

  void test('a pause lasts until its end, or the container’s', () => {
    assert.deepEqual(
      after([
        ['wan', 'pause', 3],
        ['wan', 'unpause', 4],
      ]).told(),
      ['docker-pause of wan 3 4'],
    )
    const killed = [
      ['app.a', 'pause', 3],
      ['app.a', 'kill', 5],
      ['app.a', 'die', 5],
    ] as const
    assert.deepEqual(after(killed).told(), ['docker-pause of app.a 3 5', 'docker-kill of app.a 5 on'])
  })

  void test('containers that one command names are one fault; a later command is another', () => {
    const events = [
      ['app.a', 'pause', 3],
      ['app.b', 'pause', 3.4],
      ['app.a', 'unpause', 5],
      ['app.b', 'unpause', 6],
    ] as const
    assert.deepEqual(after(events).told(), ['docker-pause of app.a, app.b 3 6'])
    assert.deepEqual(after([...events, ['app.a', 'pause', 9]]).told(), [
      'docker-pause of app.a, app.b 3 6',
      'docker-pause of app.a 9 on',
    ])
    const twice = after([
      ['app.a', 'pause', 3],
      ['app.a', 'unpause', 3.5],
      ['app.a', 'pause', 4],
    ])
    assert.deepEqual(twice.told(), ['docker-pause of app.a 3 3.5', 'docker-pause of app.a 4 on'])
  })

  void test('what Docker tells twice was done once', () => {
    assert.deepEqual(
      after([
        ['app.a', 'pause', 3],
        ['app.a', 'pause', 3.1],
        ['app.a', 'unpause', 4],
      ]).told(),
      ['docker-pause of app.a 3 4'],
    )
  })

  void test('a change of limits lasts until the next one, since Docker does not say what it was', () => {
    assert.deepEqual(
      after([
        ['app.a', 'update', 3],
        ['app.a', 'update', 8],
      ]).told(),
      ['docker-update of app.a 3 8', 'docker-update of app.a 8 on'],
    )
  })

  void test('a container that is taken from a network was so from somewhere between two looks', () => {
    const world = rig()
    world.see(1, { networks: { 'app.a': ['site-a', 'control'] } })
    world.see(2, { networks: { 'app.a': ['site-a'] } })
    world.see(3, { networks: { 'app.a': ['site-a'] } })
    world.see(4, { networks: { 'app.a': ['control', 'site-a'] } })
    assert.deepEqual(world.told(), ['docker-disconnect of app.a 1 4'])
    assert.equal(world.outside.faults[0]?.lastNs, `${at(2)}`)
  })

  void test('each is told once, when it is found', () => {
    const world = after([['app.a', 'pause', 3]])
    world.see(21)
    world.see(22, { events: [['app.a', 'unpause', 21.5]] })
    assert.deepEqual(world.found, ['docker-pause.1'])
  })
})

void describe('what is no fault from outside', () => {
  const kill = [
    ['app.a', 'kill', 10],
    ['app.a', 'die', 10.2],
  ] as const

  void test('what a fault of the drill does, whether it is in force or over', () => {
    const entry = entryOf('process-kill', 'app.a', 9.9)
    assert.deepEqual(after(kill, [entry]).told(), [])
    assert.deepEqual(after(kill, [], [{ entry, goneNs: `${at(10.3)}` }]).told(), [])
    const limit = entryOf('memory-limit', 'app.a', 9)
    assert.deepEqual(after([['app.a', 'update', 9.1], ...kill], [limit]).told(), [])
    assert.deepEqual(after([['app.a', 'pause', 10]], [entryOf('freeze', 'region a', 9)]).told(), [])
  })

  void test('but what it does at another time, to another container, or in another way, is', () => {
    const entry = entryOf('process-kill', 'app.a', 9.9)
    assert.equal(
      after(
        [
          ['app.b', 'kill', 10],
          ['app.b', 'die', 10.2],
        ],
        [entry],
      ).told().length,
      1,
    )
    assert.equal(after(kill, [entryOf('process-kill', 'app.a', 11)]).told().length, 1)
    assert.equal(after(kill, [], [{ entry: entryOf('process-kill', 'app.a', 2), goneNs: `${at(9)}` }]).told().length, 1)
    assert.equal(after([['app.a', 'pause', 10]], [entryOf('clock-skew', 'app.a', 9)]).told().length, 1)
  })

  void test('a container that somebody took out of the hands of the drill’s fault is that fault’s no more, but for its heal', () => {
    const paused = entryOf('pause', 'app.a', 9)
    const taken = [
      ['app.a', 'pause', 9.1],
      ['app.a', 'unpause', 11],
      ['app.a', 'pause', 13],
      ['app.a', 'unpause', 15],
    ] as const
    assert.deepEqual(after(taken, [paused]).told(), ['docker-pause of app.a 13 15'])
    const lost = entryOf('kafka-loss', 'kafka.a', 9, { healing: true, healingNs: `${at(14)}` })
    const heal = [
      ['kafka.a', 'kill', 9.1],
      ['kafka.a', 'die', 9.2],
      ['kafka.a', 'start', 14.5],
      ['kafka.a', 'kill', 15],
      ['kafka.a', 'die', 15],
      ['kafka.a', 'start', 15.5],
    ] as const
    assert.deepEqual(after(heal, [lost]).told(), [])
  })

  void test('a fault that was healed before the WAN was restarted is remembered', () => {
    const world = rig()
    const entry = entryOf('process-kill', 'app.a', 9.9)
    world.see(11, { events: [], ledger: { entries: [entry], past: [] } })
    world.see(20, { events: kill, ledger: { entries: [], past: [] } })
    assert.deepEqual(world.told(), [])
  })

  void test('an event waits for the ledger to say whose it is, but for the WAN’s own', () => {
    const world = rig()
    world.see(1)
    world.see(11, { events: [...kill, ['wan', 'pause', 10.5]], ledger: null })
    assert.deepEqual(world.told(), ['docker-pause of wan 10.5 on'])
    world.see(12, { ledger: { entries: [entryOf('process-kill', 'app.a', 9.9)], past: [] } })
    assert.deepEqual(world.told(), ['docker-pause of wan 10.5 on'])
  })

  void test('where somebody has set the clock that Docker tells, whoever held it at any time that it may have been', () => {
    const entry = entryOf('process-kill', 'app.a', 9.9)
    const look = (ends: readonly [number, number]): readonly string[] => {
      const world = rig()
      world.see(1)
      const events = sightOf(20, { events: kill, ledger: { entries: [], past: [{ entry, goneNs: `${at(11)}` }] } })
      const betweenNs = [at(ends[0]), at(ends[1])] as const
      world.outside.see({ ...events, events: events.events.map((each) => ({ ...each, atNs: at(19), betweenNs })) })
      return world.told()
    }
    assert.deepEqual(look([10.5, 20]), [])
    assert.equal(look([12, 20]).length, 1)
  })

  void test('what is open when the ledger is gone for good is judged by what is known of it', () => {
    for (const own of [false, true]) {
      const world = rig()
      world.see(1)
      if (own) world.outside.own(entryOf('process-kill', 'app.a', 9.9))
      world.see(11, { events: kill, ledger: null })
      assert.deepEqual(world.told(), [])
      world.outside.finish()
      assert.deepEqual(world.told(), own ? [] : ['docker-kill of app.a 10 on'])
      assert.deepEqual(world.found, own ? [] : ['docker-kill.1'])
    }
  })

  void test('a container that ends by itself is told as that, unless a fault strikes it', () => {
    const alone = after([['app.a', 'die', 10]])
    assert.deepEqual([alone.told(), alone.died], [[], ['app.a']])
    for (const entry of [entryOf('process-crash', 'app.a', 9), entryOf('disk-full', 'postgres.a, app.a', 9)])
      assert.deepEqual(after([['app.a', 'die', 10]], [entry]).died, [])
    const signalled = after([
      ['app.a', 'kill', 10],
      ['app.a', 'die', 200],
    ])
    assert.deepEqual([signalled.told(), signalled.died], [['docker-signal of app.a 10 10'], ['app.a']])
  })
})

void describe('what somebody else has injected', () => {
  const manual = (words: Partial<LedgerEntry> = {}): LedgerEntry =>
    entryOf('pause', 'app.*', 5, { id: 'manual.pause-1', drill: 'manual', expiresNs: `${at(8)}`, ...words })

  void test('is in force until its heal begins', () => {
    assert.deepEqual(after([], [manual()]).told(), ['pause of app.* 5 on'])
    assert.deepEqual(after([], [manual({ healing: true, healingNs: `${at(9)}` })]).told(), ['pause of app.* 5 9'])
    const gone = [{ entry: manual({ healing: true, healingNs: `${at(9)}` }), goneNs: `${at(9.5)}` }]
    const world = after([], [], gone)
    assert.deepEqual(world.told(), ['pause of app.* 5 9'])
    const { healedNs, outside, id } = world.outside.faults[0] ?? {}
    assert.deepEqual([healedNs, outside, id], [`${at(9.5)}`, true, 'manual.pause-1'])
  })

  void test('is not told if it was over before the drill began, though its name comes again', () => {
    const world = rig()
    const past = [{ entry: manual(), goneNs: `${at(6)}` }]
    world.see(10, { ledger: { entries: [], past } })
    world.see(11, { ledger: { entries: [], past } })
    assert.deepEqual(world.told(), [])
    world.see(13, { ledger: { entries: [manual({ injectedNs: `${at(12)}` })], past } })
    assert.deepEqual(world.told(), ['pause of app.* 12 on'])
  })

  void test('ends at its time where the WAN itself ends it', () => {
    const entry = manual({ kind: 'partition', target: 'region a', healing: true, healingNs: `${at(9)}` })
    assert.deepEqual(after([], [], [{ entry, goneNs: `${at(9.5)}` }]).told(), ['partition of region a 5 8'])
  })

  void test('ends when somebody brings its container back', () => {
    const killed = manual({ kind: 'process-kill', target: 'app.a' })
    const events = [
      ['app.a', 'kill', 5.1],
      ['app.a', 'die', 5.2],
      ['app.a', 'start', 7],
    ] as const
    const world = after(events, [killed])
    assert.deepEqual(world.told(), ['process-kill of app.a 5 7'])
    const [fault] = world.outside.faults
    assert.deepEqual([fault?.healProof, fault?.healedNs], ['container app.a was brought back by somebody', `${at(7)}`])
    const two = manual({ kind: 'process-kill', target: 'app.a, app.b' })
    const both = [...events, ['app.b', 'kill', 5.1], ['app.b', 'die', 5.2]] as const
    assert.deepEqual(after(both, [two]).told(), ['process-kill of app.a, app.b 5 on'])
    assert.deepEqual(after([...both, ['app.b', 'start', 8]], [two]).told(), ['process-kill of app.a, app.b 5 8'])
  })

  void test('is brought back by its own heal, and by nobody else', () => {
    const killed = manual({ kind: 'process-kill', target: 'app.a', healing: true, healingNs: `${at(9)}` })
    const events = [
      ['app.a', 'kill', 5.1],
      ['app.a', 'die', 5.2],
      ['app.a', 'start', 9.2],
    ] as const
    const [fault] = after(events, [], [{ entry: killed, goneNs: `${at(9.5)}` }]).outside.faults
    assert.deepEqual([fault?.healedNs, fault?.healProof], [`${at(9.5)}`, 'it was taken out of the ledger'])
  })

  void test('explains what Docker does for it', () => {
    assert.deepEqual(after([['app.a', 'pause', 5.1]], [manual()]).told(), ['pause of app.* 5 on'])
  })

  void test('is not what the drill itself has injected', () => {
    assert.deepEqual(after([], [entryOf('pause', 'app.*', 5)]).told(), [])
  })
})

void test('each is written as it is read again', () => {
  const events = [
    ['app.a', 'pause', 3],
    ['app.b', 'kill', 4, '19'],
  ] as const
  const manual = entryOf('pause', 'app.c', 5, { id: 'manual.x', drill: 'manual' })
  const { faults } = after(events, [manual]).outside
  assert.equal(faults.length, 3)
  assert.equal(JSON.stringify(z.array(faultRecord).parse(faults)), JSON.stringify(faults))
})

void test('how long nobody could tell is known', () => {
  const world = rig()
  world.see(1)
  world.see(2, { networks: null })
  world.see(3, { ledger: null })
  world.see(5.5)
  world.see(6)
  assert.equal(world.outside.blindMs, 4500)
  world.see(17, { ledger: null })
  assert.equal(world.outside.blindMs, 11_000)
})
