// What the holder of an epoch does for regions that the fence device has cut off.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { claimFromSwap, fenceByAuthority, promotionFromCommit, type WeightedPromise } from './evidence.ts'
import { failoverFrom, settingsOf } from './fixtures.ts'
import { timings } from './settings.ts'
import { type Hold, initialState, type State } from './state.ts'
import { step } from './step.ts'

const settings = settingsOf({ region: 'b', commit: 'async' })

/** b holds epoch 2 from time 0 on; a, the primary of epoch 1, was cut off and is silent. */
function holding(): State {
  const promise: WeightedPromise = { region: 'b', position: { epoch: 1, lsn: '0/2000' }, history: [] }
  const facts = {
    old: 'a',
    oldPromised: false,
    othersPromised: true,
    deviceConfirmed: true,
    leaseExpired: false,
  } as const
  const fence = fenceByAuthority(claimFromSwap(2, '7', 'active'), [promise], facts)
  assert.ok(fence)
  const never = Number.NEGATIVE_INFINITY
  const hold: Hold = {
    promotion: promotionFromCommit(fence, 'b', []),
    goal: failoverFrom('a'),
    revision: '7',
    active: true,
    activating: false,
    sinceMs: 0,
    steered: true,
    permitMs: 0,
    writeRegionMs: 0,
    leaderMoveMs: 0,
    ableSinceMs: {},
    reattachMs: 0,
    followMs: { a: never, b: never, c: never },
    whole: [],
    unfenceMs: 0,
  }
  return { ...initialState(settings, -10_000), hold }
}

/** When a was first given its links back. */
function unfencedMs(): number | null {
  let state = holding()
  for (let now = 0; now < 20_000; now += 50) {
    const next = step(state, { kind: 'tick', lateMs: 0 }, now)
    if (next.effects.some((each) => each.kind === 'unfence' && each.region === 'a')) return now
    state = next.state
  }
  return null
}

void test('a region that was cut off stays so until a permit that its controller still sent has run out', () => {
  // The old holder may send permits as long as its last read of the record is fresh, and each is valid for so long after.
  const lastPermitEndsMs = timings.recordFreshMs + timings.permitValidMs
  const atMs = unfencedMs()
  assert.ok(atMs !== null && atMs >= lastPermitEndsMs, `expected ${lastPermitEndsMs} ms or later, saw ${atMs}`)
  assert.ok(atMs < lastPermitEndsMs + 1000)
})
