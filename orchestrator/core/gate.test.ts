// The data-loss gate, from single states.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentStatus } from '#protocol/agent.ts'
import type { EpochRecord } from '#protocol/epoch.ts'
import { claimFromSwap, type Fence, fenceByAuthority, type Replaced, type WeightedPromise } from './evidence.ts'
import { agentStatus, settingsOf } from './fixtures.ts'
import { gate } from './gate.ts'
import { initialState, type State } from './state.ts'
import { step } from './step.ts'

const record: EpochRecord = {
  epoch: 4,
  owner: 'b',
  incarnation: 'b1',
  state: 'claimed',
  primary: null,
  previous: 'a',
  history: [{ epoch: 3, startLsn: '0/1000' }],
}
const chosen: WeightedPromise = { region: 'b', position: { epoch: 3, lsn: '0/2000' }, history: [] }

function over(replaced: Replaced, ...promises: WeightedPromise[]): Fence {
  const facts = { old: null, oldPromised: false, othersPromised: false, deviceConfirmed: false, leaseExpired: true }
  const fence = fenceByAuthority(claimFromSwap(4, '7', replaced), promises, facts)
  assert.ok(fence)
  return fence
}

function state(changes: Partial<State> = {}): State {
  const settings = settingsOf({ region: 'b', commit: 'async', maxLossMs: 500 })
  const view = { record, revision: '7', askedMs: 0, holders: [] }
  return { ...initialState(settings, 0), record: view, ...changes }
}

void test('the loss window is measured from the last position that the candidate covers', () => {
  const primaryWal = [
    { heardMs: 1000, epoch: 3, lsn: '0/2000' },
    { heardMs: 1100, epoch: 3, lsn: '0/3000' },
  ]
  assert.equal(gate(state({ primaryWal }), over('active', chosen), chosen, 1400, false).open, true)
  assert.equal(gate(state({ primaryWal }), over('active', chosen), chosen, 1600, false).open, false)
  assert.equal(gate(state({ primaryWal }), over('active', chosen), chosen, 1600, true).open, true)
})

void test("nothing is lost where the old primary's own position is covered", () => {
  const primaryWal = [{ heardMs: 1000, epoch: 3, lsn: '0/1000' }]
  const old: WeightedPromise = { ...chosen, region: 'a' }
  assert.equal(gate(state({ primaryWal }), over('active', chosen, old), chosen, 9000, false).open, true)
  assert.equal(gate(state(), over('active', chosen, old), chosen, 9000, false).open, true)
})

void test('a controller that never heard of a position of the old primary does not take the loss for none', () => {
  assert.equal(gate(state(), over('active', chosen), chosen, 1000, false).open, false)
  assert.equal(gate(state(), over('active', chosen), chosen, 1000, true).open, true)
  const first = { record: { ...record, previous: null }, revision: '7', askedMs: 0, holders: [] }
  assert.equal(gate(state({ record: first }), over('nothing', chosen), chosen, 1000, false).open, true)
})

void test('over an epoch that was only claimed, the loss is unknown while a node other than the old primary may have written in it', () => {
  const primaryWal = [{ heardMs: 1000, epoch: 3, lsn: '0/2000' }]
  const old: WeightedPromise = { ...chosen, region: 'a' }
  const third: WeightedPromise = { ...chosen, region: 'c' }
  assert.equal(gate(state({ primaryWal }), over('claimed', chosen), chosen, 1100, false).open, false)
  assert.equal(gate(state({ primaryWal }), over('claimed', chosen, old), chosen, 1100, false).open, false)
  assert.equal(gate(state({ primaryWal }), over('claimed', chosen, third), chosen, 1100, false).open, true)
  assert.equal(gate(state({ primaryWal }), over('claimed', chosen), chosen, 1100, true).open, true)
})

void test('what the last primary wrote in an epoch that never became active counts as well', () => {
  const primaryWal = [
    { heardMs: 1000, epoch: 3, lsn: '0/2000' },
    { heardMs: 2000, epoch: 4, lsn: '0/2100' },
  ]
  assert.equal(gate(state({ primaryWal }), over('active', chosen), chosen, 2100, false).open, false)
})

void test('what an earlier primary had written says nothing of the last one', () => {
  const primaryWal = [{ heardMs: 1000, epoch: 2, lsn: '0/1000' }]
  assert.equal(gate(state({ primaryWal }), over('active', chosen), chosen, 1100, false).open, false)
})

void test('a candidate without a record of the last epoch covers nothing of it, whatever its LSN', () => {
  const primaryWal = [{ heardMs: 1000, epoch: 3, lsn: '0/2000' }]
  const tail: WeightedPromise = { ...chosen, position: { epoch: 2, lsn: '0/3000' } }
  assert.equal(gate(state({ primaryWal }), over('active', tail), tail, 1100, false).open, false)
})

function heard(before: State, changes: Partial<AgentStatus>, now: number): State {
  const primary = {
    state: 'primary',
    promised: 3,
    position: { epoch: 3, lsn: '0/4000' },
    epochCommitted: true,
  } as const
  const status = agentStatus({ ...primary, ...changes })
  return step(before, { kind: 'agent-beat', region: 'a', status }, now).state
}

void test('what the old primary writes while its successor is chosen is remembered', () => {
  assert.deepEqual(heard(state(), {}, 1000).primaryWal, [{ heardMs: 1000, epoch: 3, lsn: '0/4000' }])
})

void test('where the old primary stopped is remembered, and not lowered by what becomes of it', () => {
  const stopped = heard(heard(state(), {}, 1000), { state: 'standby', position: { epoch: 3, lsn: '0/5000' } }, 1200)
  const rewound = heard(stopped, { state: 'standby', position: { epoch: 3, lsn: '0/4000' } }, 1400)
  assert.deepEqual(rewound.primaryWal.at(-1), { heardMs: 1200, epoch: 3, lsn: '0/5000' })
})
