// Suspicion and its hold-downs, from single states.
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { AgentStatus } from '#protocol/agent.ts'
import type { EpochRecord } from '#protocol/epoch.ts'
import { agentStatus, controllerBeat, settingsOf } from './fixtures.ts'
import { suspect, suspectableMs } from './health.ts'
import type { HeardController } from './inputs.ts'
import { initialState, type State } from './state.ts'
import { step } from './step.ts'

const settings = settingsOf({ region: 'b' })
const record: EpochRecord = {
  epoch: 4,
  owner: 'a',
  incarnation: 'a1',
  state: 'active',
  primary: 'a',
  previous: null,
  history: [],
}

const agent = (changes: Partial<AgentStatus> = {}): AgentStatus =>
  agentStatus({ state: 'primary', epochCommitted: true, ...changes })
const controller = (changes: Partial<HeardController> = {}): HeardController =>
  controllerBeat({ holdsEpoch: true, ...changes })

/** A controller in b that knows the record, and heard agent and controller of a at `heardMs`. */
function heardAt(heardMs: number, status: AgentStatus = agent(), beat: HeardController = controller()): State {
  let state = initialState(settings, 0)
  state = step(state, { kind: 'record', askedMs: 0, record, revision: '7', holders: [] }, heardMs).state
  state = step(state, { kind: 'agent-beat', region: 'a', status }, heardMs).state
  return step(state, { kind: 'controller-beat', beat }, heardMs).state
}

suite('suspicion', () => {
  test('silence of both is suspected after 240 ms, and not before', () => {
    assert.equal(suspect(heardAt(1000), 1239), null)
    assert.equal(suspect(heardAt(1000), 1241)?.rule, 'region-silent')
  })

  test('silence is told to the others first and acted upon later, and only with a witness', () => {
    const claimsAt = (now: number, witness: boolean): number => {
      const suspects = witness ? [{ region: 'a' as const, why: 'silent' }] : []
      let state = step(heardAt(1000), { kind: 'agent-beat', region: 'a', status: agent() }, 5000).state
      state = step(state, { kind: 'controller-beat', beat: controller() }, 5000).state
      state = step(state, { kind: 'tick', lateMs: 0 }, 5245).state
      assert.equal(state.suspicion?.rule, 'region-silent')
      const beat = controller({ region: 'c', incarnation: 'c1', holdsEpoch: false, suspects })
      state = step(state, { kind: 'controller-beat', beat }, 5290).state
      const { effects } = step(state, { kind: 'tick', lateMs: 0 }, now)
      return effects.filter((each) => each.kind === 'claim').length
    }
    assert.equal(claimsAt(5304, true), 0)
    assert.equal(claimsAt(5305, true), 1)
    assert.equal(claimsAt(5400, false), 0)
  })

  test('a controller that was late itself adds its lateness', () => {
    const late = step(heardAt(1000), { kind: 'tick', lateMs: 400 }, 1000).state
    assert.equal(suspect(late, 1630), null)
    assert.equal(suspect(late, 1641)?.rule, 'region-silent')
  })

  test("the agent's own word that Postgres is down counts at once and needs no second witness", () => {
    const { effects } = step(
      heardAt(1000),
      { kind: 'agent-beat', region: 'a', status: agent({ state: 'crashed' }) },
      1010,
    )
    const claims = effects.filter((each) => each.kind === 'claim')
    assert.deepEqual(
      claims.map((each) => [each.record.epoch, each.record.previous, each.expectRevision]),
      [[5, 'a', '7']],
    )
  })

  test('a node that stopped because it promised a higher epoch is not suspected', () => {
    assert.equal(suspect(heardAt(1000, agent({ state: 'stopped', promised: 5 })), 1000), null)
  })

  test('an owner that runs anew does not hold its epoch', () => {
    assert.equal(
      suspect(heardAt(1000, agent(), controller({ incarnation: 'a2', holdsEpoch: false })), 1000)?.rule,
      'orphan',
    )
  })

  test('an owner that has learnt of a higher epoch before this controller did is not suspected', () => {
    assert.equal(suspect(heardAt(1000, agent(), controller({ epoch: 5, holdsEpoch: false })), 1000), null)
  })

  test('an app is missed only after it was alive, and only by a region whose own app is', () => {
    const dead = controller({ local: { app: false, postgres: true, redis: true, kafka: true } })
    const wait = (state: State): State => {
      let next = step(
        state,
        { kind: 'local', probes: { app: true, postgres: true, redis: true, kafka: true } },
        1000,
      ).state
      for (let now = 1100; now <= 3300; now += 100) {
        next = step(next, { kind: 'agent-beat', region: 'a', status: agent() }, now).state
        next = step(next, { kind: 'controller-beat', beat: dead }, now).state
      }
      return next
    }
    assert.equal(suspect(wait(heardAt(1000, agent(), dead)), 3300), null)
    assert.equal(suspect(wait(heardAt(1000)), 3300)?.rule, 'unwell')
  })

  test('a loss is measured up to when the old primary was last heard, not over its silence', () => {
    const state = heardAt(5000)
    assert.equal(suspectableMs(state, 'a', 5400), 5400)
    assert.equal(suspectableMs(state, 'a', 15_000), 5000)
    assert.equal(suspectableMs(state, null, 15_000), 15_000)
    // With commit: async no majority is needed, so that the order is taken.
    const async = { ...state, settings: { ...state.settings, commit: 'async' as const } }
    const asked = step(async, { kind: 'failover', request: 'x', to: null, acceptDataLoss: false }, 15_000).state.move
      ?.goal
    assert.equal(asked?.kind === 'failover' ? asked.suspectedMs : null, 5000)
  })
})
