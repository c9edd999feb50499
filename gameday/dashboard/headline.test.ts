import assert from 'node:assert/strict'
import { test } from 'node:test'
import { composeState } from './compose-state.ts'
import type { DashboardState } from './model/state.ts'
import { nothingSeen, type Observed } from './observed.ts'
import { rememberFaults } from './watch.ts'

function observed(): Observed {
  return { ...nothingSeen('w'), clockOffsetMs: 1_000_000 }
}

function holder(busy: string | null): Observed['controllers']['a'] {
  return {
    value: {
      region: 'b',
      incarnation: 'x',
      epoch: { epoch: 4, owner: 'b', incarnation: 'x', state: 'active', primary: 'b', previous: 'a', history: [] },
      holdsEpoch: true,
      etcd: { reachable: true, leader: 'a' },
      suspects: [],
      agents: [],
      busy,
    },
  }
}

const headline = (seen: Observed): DashboardState['headline'] => composeState(seen, 2_000_000).headline

void test('the headline says who is primary, where that is not home, and that a move is under way', () => {
  const seen = observed()
  assert.equal(headline(seen).tone, 'unknown')
  seen.controllers.b = holder(null)
  assert.equal(headline(seen).text, 'Region B is primary, away from home')
  seen.controllers.b = holder('failover')
  assert.deepEqual([headline(seen).tone, headline(seen).text], ['moving', 'A failover is under way'])
  seen.unreachable = 'the WAN is exited'
  assert.deepEqual(headline(seen), { tone: 'trouble', text: 'The WAN does not answer', detail: 'the WAN is exited' })
})

void test('a fault is trouble as long as it is in the ledger, and is shown a while longer as healed', () => {
  const seen = observed()
  seen.controllers.b = holder(null)
  const entry = {
    id: 'manual.x',
    drill: 'manual',
    kind: 'pause',
    target: 'redis.a',
    detail: {},
    injectedNs: '1000000000',
    expiresNs: '31000000000',
  }
  rememberFaults(seen, [entry], 0)
  assert.deepEqual([headline(seen).tone, headline(seen).detail], ['trouble', 'pause of redis.a'])
  assert.equal(composeState(seen, 0).faults['manual.x']?.untilMs, 1_031_000)
  rememberFaults(seen, [], 5000)
  assert.equal(headline(seen).tone, 'calm')
  assert.equal(composeState(seen, 0).faults['manual.x']?.healedMs, 5000)
  rememberFaults(seen, [], 60_000)
  assert.deepEqual(composeState(seen, 0).faults, {})
})

void test('the delay of the base is no degradation; a cut of one class is, and of all is a cut', () => {
  const seen = observed()
  const classes = ['control', 'postgres', 'kafka', 'app', 'dns'] as const
  const effective = (up: (name: string) => boolean) =>
    classes.map((name) => ({
      from: 'a' as const,
      to: 'b' as const,
      class: name,
      up: up(name),
      delayMs: 40,
      jitter: 0,
      loss: 0,
      reorder: 0,
      bandwidthBps: 0,
    }))
  const look = (up: (name: string) => boolean) => {
    seen.links = {
      value: {
        atNs: '0',
        layers: [
          { id: 'base', from: ['a'], to: ['b'], set: { delayMs: 40 } },
          { id: 'base', from: ['a'], to: ['b'], set: { up: true } },
        ],
        fenced: [],
        sinceNs: '0',
        ended: [],
        effective: effective(up),
      },
    }
    const link = composeState(seen, 0).links['a>b']
    return [link?.condition, link?.note]
  }
  assert.deepEqual(
    look(() => true),
    ['up', null],
  )
  assert.deepEqual(
    look((name) => name !== 'control'),
    ['degraded', 'cut for control'],
  )
  assert.deepEqual(
    look(() => false),
    ['down', 'cut'],
  )
})
