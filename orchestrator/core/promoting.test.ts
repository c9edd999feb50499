// While the first commit of an epoch is awaited, from single states.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentStatus } from '#protocol/agent.ts'
import { regions } from '#protocol/sites.ts'
import { claimFromSwap, fenceByPromises, type WeightedPromise } from './evidence.ts'
import { agentStatus, failoverFrom, settingsOf } from './fixtures.ts'
import { timings } from './settings.ts'
import { initialState, type Move, type State } from './state.ts'
import { step } from './step.ts'

const settings = settingsOf({ maxLossMs: 0 })

/** Controller a has b promoted in epoch 3; it has told c to follow. */
function promoting(): State {
  const promises = (['b', 'c'] as const).map((region): WeightedPromise => ({
    region,
    position: { epoch: 2, lsn: '0/2000' },
    history: [],
  }))
  const fence = fenceByPromises(claimFromSwap(3, '7', 'active'), regions, promises)
  assert.ok(fence)
  const move: Move = {
    phase: 'promoting',
    goal: failoverFrom('a'),
    fence,
    region: 'b',
    history: [{ epoch: 3, startLsn: '0/2000' }],
    sinceMs: 0,
    asks: { a: null, b: null, c: null },
    accepted: [],
    device: 'none',
  }
  return { ...initialState(settings, -10_000), heardEpoch: 3, move }
}

/** Times at which c is told to follow, after it has said that it does, while its beats say this. */
function orders(changes: Partial<AgentStatus>): readonly number[] {
  const accepted = { kind: 'follow-reply', epoch: 3, region: 'c', outcome: { epoch: 3, way: 'attach' } } as const
  let { state } = step(promoting(), accepted, 0)
  const seen: number[] = []
  for (let now = 100; now <= 2500; now += 100) {
    for (const [region, said] of [
      ['b', { state: 'primary' }],
      ['c', changes],
    ] as const)
      state = step(
        state,
        { kind: 'agent-beat', region, status: agentStatus({ region, promised: 3, ...said }) },
        now,
      ).state
    const next = step(state, { kind: 'tick', lateMs: 0 }, now)
    state = next.state
    for (const effect of next.effects) if (effect.kind === 'follow' && effect.region === 'c') seen.push(now)
  }
  return seen
}

void test('a follower that crashed after it had accepted is told again: without it the first commit may never come', () => {
  const [first] = orders({ state: 'crashed' })
  assert.ok(first !== undefined && first >= timings.followPaceMs && first <= 2 * timings.followPaceMs)
})

void test('one that streams, or is being made, is left in peace', () => {
  assert.deepEqual(orders({ streaming: true, following: 'b' }), [])
  assert.deepEqual(orders({ state: 'rewinding', whole: false }), [])
})
