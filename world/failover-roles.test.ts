// What is right, missing, unknown, contradicting and moved, part by part; and the page that says what the values mean.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AgentStatus } from '#protocol/agent.ts'
import type { EpochRecord } from '#protocol/epoch.ts'
import { checkout } from './checkout.ts'
import {
  type DataSetView,
  failoverRoles,
  judgeHeldRole,
  judgeRole,
  latestAgents,
  type Resource,
} from './failover-roles.ts'

const part = (name: string, role: string | null, more: Partial<Resource> = {}): Resource => ({
  kind: 'service',
  name,
  service: null,
  site: null,
  role,
  ...more,
})
const postgres = (site: string, role: string): Resource => part(`postgres-${site}`, role, { service: 'postgres', site })

const record = (
  epoch: number,
  primary: EpochRecord['primary'],
  state: EpochRecord['state'] = 'active',
): EpochRecord => ({
  epoch,
  owner: 'b',
  incarnation: 'x',
  state,
  primary,
  previous: null,
  history: [],
})
const view = (of: EpochRecord | null, agents: DataSetView['agents']): DataSetView => ({
  world: 'w',
  home: 'a',
  record: of,
  agents,
})

test('the page lists the values of the code, and no others', () => {
  const page = readFileSync(join(checkout, 'docs', 'failover-roles.md'), 'utf8')
  const table = page.slice(page.indexOf('| value |'), page.indexOf('## What'))
  const listed = [...table.matchAll(/^\| `([\w-]+)` \|/gm)].map((match) => match[1])
  assert.deepEqual(listed, [...failoverRoles])
})

test('each part has its designed role, and any other known one contradicts it', () => {
  const designed: readonly (readonly [Resource, string])[] = [
    [part('postgres-a', null), 'primary'],
    [part('bridge-c', null), 'standby'],
    [part('controller-a', null), 'arbiter'],
    [part('etcd-b', null), 'quorum-member'],
    [part('dns-b', null), 'steering'],
    [part('glb-na', null), 'steering'],
    [part('resolver-ap', null), 'steering'],
    [part('client-eu', null), 'client'],
    [part('wan', null), 'wan'],
    [part('site-a', null, { kind: 'network' }), 'primary'],
    [part('site-c', null, { kind: 'network' }), 'standby'],
    [part('site-eu', null, { kind: 'network' }), 'client'],
    [part('oob', null, { kind: 'network' }), 'wan'],
    [part('kafka-a', null, { kind: 'volume' }), 'primary'],
    [part('etcd-a', null, { kind: 'volume' }), 'quorum-member'],
    [part('secrets', null, { kind: 'volume' }), 'wan'],
  ]
  for (const [resource, right] of designed)
    for (const role of failoverRoles) {
      const verdict = judgeRole({ ...resource, role }, 'a')?.verdict ?? 'right'
      assert.equal(verdict, role === right ? 'right' : 'contradicting', `${resource.name} as ${role}`)
    }
})

test('labels say what a part is, not its name', () => {
  const found = judgeRole(part('x7', 'arbiter', { service: 'redis', site: 'b' }), 'a')
  assert.equal(found?.verdict, 'contradicting')
  assert.equal(found.expected, 'standby (redis of region b, home is a)')
  assert.equal(found.seen, '"arbiter"')
  assert.equal(found.remedy, 'set label failover_role: standby')
})

test('a label that is absent, empty or of no known value is found', () => {
  assert.equal(judgeRole(part('app-a', null), 'a')?.verdict, 'missing')
  assert.equal(judgeRole(part('app-a', ''), 'a')?.verdict, 'missing')
  assert.equal(judgeRole(part('app-a', 'leader'), 'a')?.verdict, 'unknown')
})

test('a part of no standard world may have any known role, but must have one', () => {
  for (const role of failoverRoles) assert.equal(judgeRole(part('grafana', role), 'a'), null)
  assert.match(judgeRole(part('grafana', null), 'a')?.expected ?? '', /one of primary, standby/)
})

test('an agent that says primary where no epoch has put it contradicts its label', () => {
  const found = judgeHeldRole(postgres('b', 'standby'), view(record(1, 'a'), { b: { state: 'primary' } }))
  assert.equal(found?.verdict, 'contradicting')
  assert.equal(found.expected, 'standby (epoch 1 names region a)')
  assert.equal(found.seen, 'its agent says primary')
})

test('a role that an epoch has moved is told with the epoch, on both sides and on no third', () => {
  const moved = view(record(2, 'b'), { a: { state: 'standby' }, b: { state: 'primary' }, c: { state: 'standby' } })
  assert.deepEqual(judgeHeldRole(postgres('b', 'standby'), moved), {
    verdict: 'moved',
    expected: 'standby by design (home is a)',
    seen: 'primary since epoch 2',
    remedy: 'move it home: ./firedrill failback --world w',
  })
  assert.equal(judgeHeldRole(postgres('a', 'primary'), moved)?.seen, 'standby since epoch 2')
  assert.equal(judgeHeldRole(postgres('c', 'standby'), moved), null)
})

test('a lost region whose role has moved is told as moved too: its agent says nothing', () => {
  assert.equal(judgeHeldRole(postgres('a', 'primary'), view(record(2, 'b'), {}))?.verdict, 'moved')
})

test('nothing is said of Postgres at home, while an epoch is claimed, or without a record', () => {
  const states = { a: { state: 'primary' }, b: { state: 'standby' } } as const
  assert.equal(judgeHeldRole(postgres('a', 'primary'), view(record(1, 'a'), states)), null)
  assert.equal(
    judgeHeldRole(postgres('b', 'standby'), view(record(2, null, 'claimed'), { b: { state: 'primary' } })),
    null,
  )
  assert.equal(judgeHeldRole(postgres('b', 'standby'), view(null, { b: { state: 'primary' } })), null)
  assert.equal(judgeHeldRole(part('redis-b', 'standby'), view(record(2, 'b'), {})), null)
})

test('of what several controllers say of an agent the latest counts, and nothing old', () => {
  const status = (state: AgentStatus['state']): AgentStatus => ({ state }) as AgentStatus
  const statuses = [
    { agents: [{ region: 'a', heardMsAgo: 900, status: status('standby') }] },
    { agents: [{ region: 'a', heardMsAgo: 40, status: status('primary') }] },
    { agents: [{ region: 'b', heardMsAgo: 9000, status: status('primary') }] },
    { agents: [{ region: 'c', heardMsAgo: null, status: null }] },
  ] as const
  const latest = latestAgents(statuses, 2000)
  assert.equal(latest.a?.state, 'primary')
  assert.deepEqual([latest.b, latest.c], [undefined, undefined])
})
