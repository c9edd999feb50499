// What a new epoch replaces: it decides what its fence must hold against with commit: async.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EpochRecord } from '#protocol/epoch.ts'
import { begin, endAttempt } from './attempt.ts'
import { claimFromSwap, fenceByAuthority, type Replaced } from './evidence.ts'
import { failoverFrom, fencingMove, settingsOf } from './fixtures.ts'
import { initialState, type Move, type State, type Turn } from './state.ts'

const active: EpochRecord = {
  epoch: 3,
  owner: 'a',
  incarnation: 'a1',
  state: 'active',
  primary: 'a',
  previous: null,
  history: [{ epoch: 3, startLsn: '0/1000' }],
}
const claimed: EpochRecord = { ...active, epoch: 4, owner: 'b', incarnation: 'b1', state: 'claimed', primary: null }
const goal = failoverFrom('a')
const claim = claimFromSwap(4, '7', 'active')
const promise = { region: 'b', position: { epoch: 3, lsn: '0/2000' } } as const

const fencing = fencingMove(goal, claim)

function promoting(): Move {
  const facts = {
    old: 'a',
    oldPromised: true,
    othersPromised: true,
    deviceConfirmed: false,
    leaseExpired: false,
  } as const
  const fence = fenceByAuthority(claim, [{ ...promise, history: [] }], facts)
  assert.ok(fence)
  const { asks } = fencing
  return { phase: 'promoting', goal, fence, region: 'b', history: [], sinceMs: 0, asks, accepted: [], device: 'none' }
}

/** What the next epoch of controller b (run b1) replaces, by a record that it has read, after its own attempt has ended. */
function replaces(record: EpochRecord | null, ended: Move | null = null): Replaced | null {
  const state: State = {
    ...initialState(settingsOf({ region: 'b', commit: 'async' }), 0),
    record: { record, revision: '7', askedMs: 0, holders: [] },
    move: ended,
  }
  const turn: Turn = { state, effects: [], now: 0 }
  endAttempt(turn, 'x')
  begin(turn, goal)
  return turn.state.move?.phase === 'claiming' ? turn.state.move.replaced : null
}

void test('an epoch replaces nothing, an active one, or one under which anybody may have been promoted', () => {
  assert.equal(replaces(null), 'nothing')
  assert.equal(replaces(active), 'active')
  assert.equal(replaces(claimed), 'claimed')
})

void test('an epoch of this run that ended before a promotion was ordered counts as what it had replaced', () => {
  assert.equal(replaces(claimed, fencing), 'active')
  const asked = { phase: 'claiming', goal, epoch: 4, sinceMs: 0, record: claimed, replaced: 'active' } as const
  assert.equal(replaces(claimed, asked), 'active')
  assert.equal(replaces(claimed, { ...fencing, claim: claimFromSwap(4, '7', 'claimed') }), 'claimed')
})

void test('not so one in which a promotion was ordered, another epoch, or one of another run', () => {
  assert.equal(replaces(claimed, promoting()), 'claimed')
  assert.equal(replaces({ ...claimed, epoch: 5 }, fencing), 'claimed')
  assert.equal(replaces({ ...claimed, incarnation: 'b0' }, fencing), 'claimed')
  assert.equal(replaces({ ...claimed, owner: 'c', incarnation: 'c1' }, fencing), 'claimed')
})
