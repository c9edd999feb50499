// Fencing from single states: whom a planned move may promote when its target does not answer.
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { PromiseReply } from '#protocol/agent.ts'
import type { Region } from '#protocol/sites.ts'
import type { Effect } from './effects.ts'
import { claimFromSwap } from './evidence.ts'
import { agentStatus, controllerBeat, failoverFrom, fencingMove, settingsOf } from './fixtures.ts'
import type { Input } from './inputs.ts'
import { timings } from './settings.ts'
import { initialState, type Move, type State } from './state.ts'
import { step } from './step.ts'

const history = [{ epoch: 3, startLsn: '0/1000' }]
const drainedLsn = '0/3000'

/** Controller c repairs the epoch of a by a planned move from a to a, after the drain; a's WAL reached the drained LSN. */
function drained(): State {
  const settings = settingsOf({ region: 'c', incarnation: 'c2', commit: 'async', maxLossMs: 500 })
  const record = {
    epoch: 4,
    owner: 'c',
    incarnation: 'c2',
    state: 'claimed',
    primary: null,
    previous: 'a',
    history,
  } as const
  const goal = { kind: 'switchover', from: 'a', to: 'a', why: 'orphan', request: null } as const
  const move = fencingMove(goal, claimFromSwap(4, '7', 'active'), { floor: drainedLsn })
  return {
    ...initialState(settings, 0),
    record: { record, revision: '7', askedMs: 10, holders: [] },
    etcdReachable: true,
    heardEpoch: 4,
    primaryWal: [
      { heardMs: -4000, epoch: 3, lsn: '0/2000' },
      { heardMs: -10, epoch: 3, lsn: drainedLsn },
    ],
    move,
  }
}

function promise(region: Region, lsn: string): Input {
  const outcome: PromiseReply = {
    region,
    epoch: 4,
    whole: true,
    position: { epoch: 3, lsn },
    history,
    begun: 0,
    atNs: '0',
  }
  return { kind: 'promise-reply', epoch: 4, region, outcome }
}

function after(inputs: readonly (readonly [atMs: number, input: Input])[]): readonly Effect[] {
  let state = drained()
  return inputs.flatMap(([atMs, input]) => {
    const next = step(state, input, atMs)
    state = next.state
    return next.effects
  })
}

const promoted = (effects: readonly Effect[]): readonly Region[] =>
  effects.flatMap((each) => (each.kind === 'promote' ? [each.region] : []))

const late = timings.plannedPreferMs + 100

suite('commit: async, a planned move whose target does not answer', () => {
  test('a node that lacks drained writes passes the data-loss gate or is not promoted', () => {
    const behind = [
      [50, promise('c', '0/2000')],
      [late, { kind: 'tick', lateMs: 0 }],
      [late + 100, { kind: 'tick', lateMs: 0 }],
    ] as const
    assert.deepEqual(promoted(after(behind)), [])
    assert.deepEqual(promoted(after([...behind, [late + 200, promise('a', drainedLsn)]])), ['a'])
  })

  test('a node that has every drained write is promoted', () => {
    assert.deepEqual(
      promoted(
        after([
          [50, promise('c', drainedLsn)],
          [late, { kind: 'tick', lateMs: 0 }],
          [late + timings.asyncGatherMs, { kind: 'tick', lateMs: 0 }],
        ]),
      ),
      ['c'],
    )
  })
})

suite('commit: async, the fence device', () => {
  const asked = (heardMs: number, isWhole = true): readonly Region[] => {
    const { record, move: _, ...rest } = drained()
    assert.ok(record?.record)
    const move: Move = {
      phase: 'claiming',
      goal: failoverFrom('b'),
      epoch: 5,
      sinceMs: 0,
      record: { ...record.record, epoch: 5 },
      replaced: 'active',
    }
    const beat = controllerBeat()
    const status = agentStatus({ whole: isWhole })
    const agents = { a: { status, heardMs: 9900, unresponsiveSinceMs: null, notPrimarySinceMs: 0 } }
    const controllers = { a: { beat, heardMs, appDownSinceMs: null, appSeenAlive: true } }
    const won = { result: 'won', revision: '8', leaseId: 'x' } as const
    const { effects } = step(
      { ...rest, record, move, agents, controllers },
      { kind: 'claim-reply', epoch: 5, outcome: won },
      10_000,
    )
    return effects.flatMap((each) => (each.kind === 'fence' ? [each.region] : []))
  }

  test('cuts the old primary off', () => assert.deepEqual(asked(9900), ['b']))

  test('is not asked to cut off a region without which no majority is left: nobody could take an epoch and lift it', () =>
    assert.deepEqual(asked(5000), []))

  test('is not asked to cut off the only node that could be promoted', () => assert.deepEqual(asked(9900, false), []))
})

suite('commit: async, a fence behind which nobody can be promoted', () => {
  /** Controller c had a cut off; nobody has promised with weight, and the call to a has just timed out. */
  const stuck = (): State => {
    const { move, record, ...rest } = drained()
    assert.ok(move?.phase === 'fencing' && record !== null)
    // The lease of a's epoch has not run out.
    const held = { ...record, holders: [{ epoch: 3, leaseId: 'lease' }] }
    return {
      ...rest,
      record: held,
      move: { ...move, goal: failoverFrom('a'), device: 'confirmed', floor: null, asks: { ...move.asks, a: 100 } },
    }
  }
  const tick = { kind: 'tick', lateMs: 0 } as const
  const orders = (effects: readonly Effect[]): readonly string[] =>
    effects.flatMap((each) =>
      each.kind === 'unfence' || each.kind === 'promise' ? [`${each.kind} ${each.region}`] : [],
    )

  test('is lifted, and the old primary asked for its own promise', () => {
    const lifted = step(stuck(), tick, timings.lastPrimaryMs)
    assert.deepEqual(orders(lifted.effects), ['unfence a', 'promise a'])
    const { effects } = step(lifted.state, promise('a', drainedLsn), timings.lastPrimaryMs + 100)
    assert.deepEqual(promoted(effects), ['a'])
  })

  test('no longer counts as one', () => {
    const { state } = step(stuck(), tick, timings.lastPrimaryMs)
    const { effects } = step(state, promise('c', drainedLsn), timings.lastPrimaryMs + 100)
    assert.deepEqual(promoted(effects), [])
  })

  test('stays while somebody else may still promise, or has', () => {
    assert.deepEqual(orders(step(stuck(), tick, timings.lastPrimaryMs - 1).effects), ['promise a'])
    const { state } = step({ ...stuck(), primaryWal: [] }, promise('c', '0/2000'), 200)
    assert.deepEqual(orders(step(state, tick, timings.lastPrimaryMs).effects), ['promise a'])
  })
})
