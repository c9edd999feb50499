// What an order is decided on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settingsOf } from '#orchestrator/core/fixtures.ts'
import type { EpochRecord } from '#protocol/epoch.ts'
import type { Region } from '#protocol/sites.ts'
import { createLog } from '#runtime/log.ts'
import { monotonicMs } from '#runtime/clock.ts'
import { Controller, type Ports } from './controller.ts'
import { Events } from './events.ts'

const neverCalled = (): Promise<never> => Promise.reject(new Error('a refused order calls nobody'))

function portsWith(store: Pick<Ports['store'], 'read'>): Ports {
  const log = createLog('test', 'silent')
  return {
    beats: { send: () => {} },
    calls: {
      warm: neverCalled,
      promise: neverCalled,
      promote: neverCalled,
      attachAhead: neverCalled,
      follow: neverCalled,
      reach: neverCalled,
      drain: neverCalled,
      undrain: neverCalled,
      fence: neverCalled,
    },
    store: {
      claim: neverCalled,
      activate: neverCalled,
      attachHolder: neverCalled,
      releaseHolder: neverCalled,
      renewLease: neverCalled,
      leader: neverCalled,
      moveLeader: neverCalled,
      ...store,
    },
    publisher: { permit: () => {}, writeRegion: () => {} },
    probes: { ask: neverCalled, close: () => {} },
    events: new Events('a', 'orders', log),
    log,
  }
}

function recordOf(epoch: number, primary: Region): EpochRecord {
  return { epoch, owner: primary, incarnation: `${primary}1`, state: 'active', primary, previous: null, history: [] }
}

void test('an order is decided on what etcd says then: a controller that stood still knows an old primary', async () => {
  const records = [recordOf(1, 'a'), recordOf(2, 'c')]
  const read: Ports['store']['read'] = () => {
    const [record = null] = records.splice(0, 1)
    return Promise.resolve({ askedMs: monotonicMs(), record, revision: '1', holders: [] })
  }
  const controller = new Controller(settingsOf(), portsWith({ read }))
  const before = await controller.order({ kind: 'switchover', to: 'a' }, 1000)
  assert.equal(before.reason, 'a is the primary already')
  const after = await controller.order({ kind: 'switchover', to: 'a' }, 1000)
  assert.deepEqual(after, { done: false, epoch: 2, primary: 'c', reason: 'the agent of a is not heard' })
})

void test('an order is refused where etcd can no longer be read', async () => {
  let isReadable = true
  const read: Ports['store']['read'] = () =>
    isReadable
      ? Promise.resolve({ askedMs: monotonicMs(), record: recordOf(1, 'a'), revision: '1', holders: [] })
      : Promise.reject(new Error('no member answers'))
  const controller = new Controller(settingsOf(), portsWith({ read }))
  assert.equal((await controller.order({ kind: 'switchover', to: 'a' }, 1000)).reason, 'a is the primary already')
  isReadable = false
  const { reason } = await controller.order({ kind: 'switchover', to: 'a' }, 1000)
  assert.equal(reason, 'etcd cannot be read, so no epoch can be taken')
})
