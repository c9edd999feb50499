// What makes a world whole, and what makes a failover complete.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentStatus } from '#protocol/agent.ts'
import type { ControllerStatus } from '#protocol/controller.ts'
import type { Region } from '#protocol/sites.ts'
import { failoverComplete, highestEpoch, missingForFresh, missingForWhole, type WorldView } from './conditions.ts'

function controller(region: Region, epoch: number | null, primary: Region = 'a'): ControllerStatus {
  const record = { owner: primary, incarnation: 'one', state: 'active', primary, previous: null } as const
  return {
    region,
    incarnation: region,
    epoch: epoch === null ? null : { ...record, epoch, history: [] },
    holdsEpoch: region === primary,
    etcd: { reachable: true, leader: 'b' },
    suspects: [],
    agents: [],
    busy: null,
  }
}

function agent(region: Region, primary: Region, flushed: Readonly<Partial<Record<Region, string>>>): AgentStatus {
  const leads = region === primary
  return {
    region,
    incarnation: region,
    state: leads ? 'primary' : 'standby',
    promised: 1,
    whole: true,
    position: { epoch: 1, lsn: '0/3000000' },
    history: [],
    following: leads ? null : primary,
    streaming: !leads,
    epochCommitted: leads,
    followers: Object.entries(flushed).map(([follower, flushLsn]) => ({ region: follower as Region, flushLsn })),
    responsive: true,
    systemIdentifier: '1',
  }
}

const everywhere = { a: true, b: true, c: true }

function wholeView(primary: Region): WorldView {
  const flushed = { a: '0/3000000', b: '0/3000000', c: '0/2FF0000' }
  const of = <Value>(make: (region: Region) => Value): Record<Region, Value> => ({
    a: make('a'),
    b: make('b'),
    c: make('c'),
  })
  return {
    controllers: of((region) => controller(region, 4, primary)),
    agents: of((region) => agent(region, primary, region === primary ? flushed : {})),
    readyForReads: everywhere,
    readyForWrites: of((region) => region === primary),
    busUp: everywhere,
    relayBehindMs: of((region) => (region === primary ? 800 : null)),
  }
}

void test('a whole world lacks nothing; a fresh one has its home as primary', () => {
  assert.deepEqual(missingForWhole(wholeView('b')), [])
  assert.deepEqual(missingForFresh(wholeView('a'), 'a'), [])
  assert.deepEqual(missingForFresh(wholeView('b'), 'a'), ['b is primary, home is a'])
})

const troubles: readonly (readonly [string, (view: WorldView) => WorldView, RegExp])[] = [
  [
    'a dead controller',
    (view) => ({ ...view, controllers: { ...view.controllers, c: null } }),
    /controller\.c does not/,
  ],
  ['a silent agent', (view) => ({ ...view, agents: { ...view.agents, b: null } }), /the agent of b does not answer/],
  ['a second write region', (view) => ({ ...view, readyForWrites: everywhere }), /app\.b takes writes and should not/],
  ['a silent relay', (view) => ({ ...view, relayBehindMs: { a: null, b: null, c: null } }), /app.a relays no events/],
  [
    'events on their way for long',
    (view) => ({ ...view, relayBehindMs: { a: 9000, b: null, c: null } }),
    /lacks events of the last 9 s/,
  ],
  ['a dead Redis', (view) => ({ ...view, busUp: { ...everywhere, b: false } }), /Kafka or Redis of b/],
  [
    'a standby that follows nobody',
    (view) => ({
      ...view,
      agents: { ...view.agents, c: { ...agent('c', 'a', {}), following: null, streaming: false } },
    }),
    /Postgres of c is standby and follows nobody/,
  ],
  [
    'a standby that lags',
    (view) => ({ ...view, agents: { ...view.agents, a: agent('a', 'a', { b: '0/3000000', c: '0/1000000' }) } }),
    /Postgres of c lags/,
  ],
]
for (const [what, spoil, expected] of troubles)
  void test(`${what} is missed`, () => {
    assert.match(missingForWhole(spoil(wholeView('a'))).join('; '), expected)
  })

void test('a failover is complete with an epoch above the last one known, also if nobody answered when the fault struck', () => {
  const silent: WorldView = { ...wholeView('a'), controllers: { a: null, b: null, c: null } }
  const before = highestEpoch(wholeView('a'), 0)
  assert.equal(before, 4)
  assert.equal(highestEpoch(silent, before), 4)
  assert.equal(failoverComplete(wholeView('a'), highestEpoch(silent, before)), false)
  const next = { ...silent, controllers: { ...silent.controllers, b: controller('b', 5, 'b') } }
  assert.equal(failoverComplete(next, highestEpoch(silent, before)), true)
})
