// What a controller counts: suspicions, attempts and their outcomes, the phases of its last failover, beats heard and late.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Beat } from '#protocol/beat.ts'
import type { Region } from '#protocol/sites.ts'
import { ControllerMetrics } from './metrics.ts'

const metrics = (): ControllerMetrics =>
  new ControllerMetrics(() => {
    const etcd = { reachable: false, leader: null }
    const none = { epoch: null, holdsEpoch: false, etcd, agents: [], busy: null }
    return {
      status: { region: 'b', incarnation: 'b1', ...none, suspects: [{ region: 'a', why: 'silent' }] },
      epochHeld: null,
      lateMs: 30,
    }
  })

/** Values by labels, as `region=a`. */
async function valuesOf(of: ControllerMetrics, name: string): Promise<Record<string, number>> {
  const found = (await of.registry.getMetricsAsJSON()).find((each) => each.name === `firedrill_controller_${name}`)
  assert.ok(found, name)
  return Object.fromEntries(
    found.values.map(({ labels, value }) => [
      Object.entries(labels)
        .map(([label, text]) => `${label}=${text}`)
        .join(','),
      value,
    ]),
  )
}

function announce(of: ControllerMetrics, ...events: readonly (readonly [string, number])[]): void {
  for (const [kind, atMs] of events) of.announced({ kind, reason: kind, detail: { region: 'a' } }, atMs)
}

test('a failover is told in phases, from the suspicion to the steering', async () => {
  const of = metrics()
  announce(of, ['suspect', 1000])
  of.attempted('failover')
  announce(of, ['epoch-taken', 1100], ['promised', 1150], ['fenced', 1300], ['promoted', 1700], ['steered', 1750])
  const phases = await valuesOf(of, 'failover_phase_seconds')
  assert.deepEqual(phases, { 'phase=decide': 0.1, 'phase=fence': 0.2, 'phase=promote': 0.4, 'phase=steer': 0.05 })
  const outcomes = await valuesOf(of, 'attempt_outcomes_total')
  assert.deepEqual([outcomes['kind=failover,outcome=promoted'], outcomes['kind=failover,outcome=ended']], [1, 0])
  assert.equal((await valuesOf(of, 'suspicions_total'))['region=a'], 1)
})

test('an attempt that ended is counted, and the phases are of the one that succeeded', async () => {
  const of = metrics()
  announce(of, ['suspect', 0])
  of.attempted('failover')
  announce(of, ['epoch-taken', 100], ['fenced', 200], ['attempt-ended', 5000])
  of.attempted('failover')
  announce(of, ['epoch-taken', 5100], ['fenced', 5200], ['promoted', 5300], ['steered', 5400])
  assert.equal((await valuesOf(of, 'attempts_total'))['kind=failover'], 2)
  assert.equal((await valuesOf(of, 'attempt_outcomes_total'))['kind=failover,outcome=ended'], 1)
  const phases = await valuesOf(of, 'failover_phase_seconds')
  assert.deepEqual(phases, { 'phase=decide': 0.1, 'phase=fence': 0.1, 'phase=promote': 0.1, 'phase=steer': 0.1 })
})

test('a suspicion that passed, and a switchover, leave no phases', async () => {
  const of = metrics()
  announce(of, ['suspect', 0], ['suspicion-ended', 400])
  of.attempted('switchover')
  announce(of, ['epoch-taken', 9000], ['fenced', 9100], ['promoted', 9200], ['steered', 9300])
  assert.deepEqual(await valuesOf(of, 'failover_phase_seconds'), {})
  assert.equal((await valuesOf(of, 'attempt_outcomes_total'))['kind=switchover,outcome=promoted'], 1)
})

test('beats are counted by sender, and those that come late', async () => {
  const of = metrics()
  const beat = (from: Beat['from'], region: Region): Beat => ({ from, region }) as Beat
  for (const atMs of [0, 100, 200, 450, 550]) of.heard(beat('agent', 'c'), atMs)
  of.heard(beat('controller', 'a'), 5000)
  const [heard, late] = [await valuesOf(of, 'beats_heard_total'), await valuesOf(of, 'beats_late_total')]
  assert.deepEqual([heard['from=agent,region=c'], late['from=agent,region=c']], [5, 1])
  assert.deepEqual([heard['from=controller,region=a'], late['from=controller,region=a']], [1, 0])
  assert.deepEqual([heard['from=agent,region=a'], late['from=agent,region=a']], [0, 0])
})

test('permits and refusals are counted, and counting goes on over scrapes', async () => {
  const of = metrics()
  of.permitSent()
  announce(of, ['refused', 0])
  assert.deepEqual(await valuesOf(of, 'permits_sent_total'), { '': 1 })
  of.permitSent()
  assert.deepEqual(await valuesOf(of, 'permits_sent_total'), { '': 2 })
  assert.deepEqual(await valuesOf(of, 'refusals_total'), { '': 1 })
  assert.deepEqual(await valuesOf(of, 'loop_lateness_seconds'), { '': 0.03 })
})
