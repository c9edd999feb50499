// What makes a world whole, and what makes a failover complete.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failoverComplete, highestEpoch, missingForFresh, missingForWhole, type WorldView } from './conditions.ts'
import { agent, controller, everywhere, wholeView } from './fake-view.ts'

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
