// Abort conditions on small histories: each one met, not quite met, and not yet to be judged.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { abortConditions } from '#protocol/runbook.ts'
import type { ClientOperation } from './measure/history.ts'
import { ns, toOperation, write } from './measure/histories.ts'
import { reachedLimit } from './abort.ts'
import { StopLoss } from './stop-loss.ts'

/** One write each 100 ms from 0 to 30 s; `outcome` says what became of it. */
function history(outcome: (atMs: number) => Partial<ClientOperation>): readonly ClientOperation[] {
  return Array.from({ length: 300 }, (_, index) => {
    const atMs = index * 100
    return write(atMs, atMs + 50, 1, outcome(atMs))
  })
}

const fine = history(() => ({}))
const failing = (fromMs: number): readonly ClientOperation[] =>
  history((atMs) => (atMs < fromMs ? {} : { outcome: 'failed' }))

function reached(words: Record<string, string>, operations: readonly ClientOperation[], nowMs = 30_000): string {
  const ended = operations.filter((each) => each.doneMs <= nowMs).map(toOperation)
  const seen = reachedLimit(abortConditions.parse(words), {
    endedSince: (ns) => ended.filter(({ doneNs }) => BigInt(doneNs) >= ns),
    events: [2, 3, 3].map((epoch) => ({
      atNs: ns(1000),
      source: 'controller',
      site: 'b',
      kind: 'epoch-taken',
      epoch,
      reason: '',
    })),
    areas: ['na', 'eu'],
    fromNs: 0n,
    nowNs: BigInt(ns(nowMs)),
    epochBefore: 1,
  })
  return seen === null ? '' : `${seen.condition}: ${seen.reason}`
}

void test('a success rate is judged over its whole span, and not before there was one', () => {
  const words = { 'success-rate': '< 50% for 20s' }
  assert.equal(reached(words, fine), '')
  assert.equal(reached(words, failing(20_000)), '')
  assert.equal(
    reached(words, failing(17_000)),
    'success-rate: na: 80 of 200 operations succeeded in 20.00 s (limit < 50% for 20s)',
  )
  assert.equal(reached(words, failing(0), 20_900), '')
  assert.notEqual(reached(words, failing(0), 21_000), '')
})

void test('latency is judged by what succeeded; where nothing did, it is too slow', () => {
  const words = { p99: '> 500ms for 10s' }
  assert.equal(reached(words, fine), '')
  const slow = history((atMs) => (atMs % 1000 === 0 ? { doneMs: atMs + 600 } : {}))
  assert.equal(reached(words, slow), 'p99: na: p99 600 ms in 10.00 s (limit > 500ms for 10s)')
  assert.match(reached(words, failing(15_000)), /p99 of nothing: no operation succeeded/)
})

void test('silence counts from the last ack, or from the beginning of the load', () => {
  assert.equal(reached({ 'no-acks-for': '10s' }, failing(20_100)), '')
  assert.equal(
    reached({ 'no-acks-for': '10s' }, failing(19_000)),
    'no-acks-for: no write was acked for 11.05 s (limit 10.00 s)',
  )
  assert.match(reached({ 'no-acks-for': '30s' }, []), /no write was acked for 30\.00 s/)
})

void test('epochs are counted once each, from the drill on', () => {
  assert.equal(reached({ epochs: '> 2' }, fine), '')
  assert.equal(reached({ epochs: '> 1' }, fine), 'epochs: 2 epochs were taken (limit > 1)')
})

const view = {
  endedSince: () => [],
  events: [],
  areas: ['na'] as const,
  fromNs: 0n,
  nowNs: BigInt(ns(5000)),
  epochBefore: 0,
}

void test('a stop loss ends with its reason and fails its check; one that is not met passes', async () => {
  const told: string[] = []
  const stopLoss = new StopLoss({
    conditions: abortConditions.parse({ 'no-acks-for': '5s' }),
    view: () => Promise.resolve(view),
    reached: ({ reason }) => Promise.resolve(told.push(reason)),
  })
  stopLoss.start()
  await new Promise((resolve) => stopLoss.signal.addEventListener('abort', resolve))
  await stopLoss.stop()
  assert.match(String(stopLoss.signal.reason), /stop loss: no-acks-for: no write was acked for 5\.00 s/)
  assert.deepEqual(told, ['no write was acked for 5.00 s (limit 5.00 s)'])
  assert.deepEqual(stopLoss.checks(), [
    { name: 'stop loss', status: 'fail', reason: 'no-acks-for: no write was acked for 5.00 s (limit 5.00 s)' },
  ])
  const calm = new StopLoss({
    conditions: abortConditions.parse({ 'no-acks-for': '6s', epochs: '> 3' }),
    view: () => Promise.resolve(view),
    reached: () => Promise.resolve(),
  })
  calm.start()
  await calm.stop()
  assert.ok(!calm.signal.aborted)
  assert.deepEqual(calm.checks(), [
    { name: 'stop loss', status: 'pass', reason: 'none of these was met: no-acks-for 6.00 s; epochs > 3' },
  ])
})
