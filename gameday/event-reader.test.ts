// Events of a host that is restarted, cut off, or has too many: what was heard, and whether it was all.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { EventReader } from './event-reader.ts'

/** A controller that keeps `keep` events; the drill began at 100 ns. */
function createRig(keep = 1000) {
  const state = { log: [] as TimelineEvent[], failure: null as string | null }
  const heard: string[] = []
  const reader = new EventReader({
    host: 'controller.b',
    sinceNs: 100n,
    keep: ({ atNs }) => heard.push(atNs),
    fetch: (from) => {
      if (state.failure !== null) return Promise.reject(new Error(state.failure))
      const first = Math.max(0, state.log.length - keep)
      return Promise.resolve({ next: state.log.length, events: state.log.slice(Math.max(from, first)) })
    },
  })
  const happen = (...atNs: readonly number[]): void => {
    for (const each of atNs)
      state.log.push({ atNs: `${each}`, source: 'controller', site: 'b', kind: 'suspect', reason: '' })
  }
  return { state, heard, reader, happen, finish: () => reader.finish(performance.now() + 50) }
}

void test('a host that was restarted is heard from its new beginning', async () => {
  const { state, heard, reader, happen, finish } = createRig()
  happen(110, 120)
  await reader.read()
  state.log.length = 0
  happen(130)
  await reader.read()
  assert.equal(await finish(), null)
  assert.deepEqual(heard, ['110', '120', '130'])
})

void test('a host that does not answer at the end is told; what it said before is kept', async () => {
  const { state, heard, reader, happen, finish } = createRig()
  happen(110)
  await reader.read()
  state.failure = 'connection refused'
  assert.equal(await finish(), 'controller.b does not answer (connection refused)')
  assert.deepEqual(heard, ['110'])
})

void test('events that were dropped before they were fetched are told, those of before the drill or heard before are not', async () => {
  const old = createRig(2)
  old.happen(10, 20, 30, 110)
  assert.equal(await old.finish(), null)
  const again = createRig(2)
  again.happen(110, 120)
  await again.reader.read()
  again.state.failure = 'cut'
  await assert.rejects(again.reader.read(), /cut/)
  again.state.failure = null
  again.happen(130)
  assert.equal(await again.finish(), null)
  const gone = createRig(2)
  gone.happen(110)
  await gone.reader.read()
  gone.happen(120, 130, 140)
  assert.equal(await gone.finish(), 'controller.b had dropped events before they could be fetched')
})
