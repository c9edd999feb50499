// A synthetic drill's files sent to a real receiver: one trace of the drill, one of each move, phases contiguous, times mapped once.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { noPhases, type Journal } from '#protocol/journal.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { goodRecord, ns, t0Ms } from '../measure/histories.ts'
import { measure } from '../measure/measure.ts'
import { incidentOf, stillOut, threeIncidents, withMissing } from '../report/planted-journals.ts'
import { type ReceivedSpan, startReceiver } from './otlp-receiver.ts'
import { sendTraces, tracesOf } from './send-traces.ts'

/** A clock that has run for ten days when the drill begins. */
const originNs = 864_000_000_000_123n
const startedNs = BigInt(Date.parse('2026-01-01T00:00:00.000Z')) * 1_000_000n

function drill(): { journal: Journal; events: readonly TimelineEvent[] } {
  const record = goodRecord()
  const harness: TimelineEvent = { atNs: ns(10), source: 'harness', site: '', kind: 'load', reason: '30 per second' }
  const agent: TimelineEvent = {
    atNs: ns(t0Ms + 550),
    source: 'agent',
    site: 'c',
    kind: 'agent-promised',
    epoch: 2,
    reason: 'asked',
  }
  const order: TimelineEvent = {
    ...agent,
    atNs: ns(21_900),
    source: 'controller',
    site: 'a',
    kind: 'switchover',
    reason: 'ordered',
  }
  const shift = (text: string): string => (BigInt(text) + originNs).toString()
  const events = [harness, agent, order, ...record.events].map((each) => ({ ...each, atNs: shift(each.atNs) }))
  const moved = measure({
    ...record,
    originNs,
    endNs: record.endNs + originNs,
    load: record.load && { ...record.load, fromNs: record.load.fromNs + originNs, toNs: record.load.toNs + originNs },
    events: events.toSorted((left, right) => Number(BigInt(left.atNs) - BigInt(right.atNs))),
    operations: record.operations.map((each) => ({
      ...each,
      intendedNs: shift(each.intendedNs),
      startedNs: each.startedNs && shift(each.startedNs),
      sentNs: each.sentNs && shift(each.sentNs),
      doneNs: shift(each.doneNs),
    })),
    faults: record.faults.map((each) => ({
      ...each,
      firstNs: shift(each.firstNs),
      lastNs: shift(each.lastNs),
      healBeganNs: each.healBeganNs && shift(each.healBeganNs),
      healedNs: each.healedNs && shift(each.healedNs),
    })),
    steps: record.steps.map((each) => ({ ...each, fromNs: shift(each.fromNs), toNs: shift(each.toNs) })),
  })
  return { journal: moved, events }
}

async function folderOf(context: TestContext, journal: Journal, events: readonly TimelineEvent[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'firedrill-telemetry-'))
  context.after(async () => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'journal.json'), JSON.stringify(journal))
  await writeFile(join(folder, 'timeline.ndjson'), events.map((each) => `${JSON.stringify(each)}\n`).join(''))
  return folder
}

const wallNs = (ms: number): bigint => startedNs + BigInt(Math.round(ms * 1e6))

function traceOf(spans: readonly ReceivedSpan[], name: string): { root: ReceivedSpan; children: ReceivedSpan[] } {
  const roots = spans.filter((span) => span.name === name && span.parentSpanId === undefined)
  assert.equal(roots.length, 1, `roots ${name}`)
  const [root] = roots
  assert.ok(root)
  const children = spans.filter((span) => span.traceId === root.traceId && span !== root)
  for (const child of children) assert.equal(child.parentSpanId, root.spanId, child.name)
  return { root, children }
}

test('a failover is one trace from t0 to restored, its phases contiguous, with attributes, events and reasons', async (context) => {
  const { journal, events } = drill()
  await using receiver = await startReceiver()
  const line = await sendTraces(await folderOf(context, journal, events), receiver.endpoint)
  assert.equal(line, `traces: ${receiver.spans.length} spans in 3 traces sent to ${receiver.endpoint}`)
  assert.deepEqual(receiver.paths, ['POST /v1/traces'])
  const { root, children } = traceOf(receiver.spans, 'failover')
  assert.deepEqual(
    children.map(({ name }) => name),
    ['detect', 'decide', 'fence', 'promote', 'steer', 'recover'],
  )
  let atNs = root.startTimeUnixNano
  for (const child of children) {
    assert.equal(child.startTimeUnixNano, atNs, child.name)
    atNs = child.endTimeUnixNano
  }
  assert.equal(atNs, root.endTimeUnixNano)
  assert.equal(root.startTimeUnixNano, wallNs(t0Ms))
  assert.equal(root.endTimeUnixNano, wallNs(t0Ms + (journal.rto.restoredMs ?? Number.NaN)))
  assert.equal(children[0]?.endTimeUnixNano, wallNs(t0Ms + 300))
  const { 'firedrill.epoch': epoch, 'firedrill.region.from': from, 'firedrill.region.to': to } = root.attributes
  assert.deepEqual([epoch, from, to], [2, 'a', 'b'])
  assert.deepEqual(root.attributes['firedrill.faults'], ['power-loss of region a'])
  assert.equal(root.attributes['firedrill.drill'], 'drill-1')
  assert.equal(root.attributes['firedrill.cause'], 'fault')
  const told = children.flatMap((child) => child.events.map((event) => `${child.name}: ${event.name}`))
  assert.deepEqual(told, [
    'decide: suspect',
    'fence: epoch-taken',
    'fence: agent-promised',
    'promote: fenced',
    'steer: promoted',
  ])
  assert.equal(children[2]?.events[1]?.attributes['firedrill.reason'], 'asked')
  assert.equal(children[2]?.events[1]?.timeUnixNano, wallNs(t0Ms + 550))
})

test('a failback is a trace of its own, from the order on', async (context) => {
  const { journal, events } = drill()
  await using receiver = await startReceiver()
  await sendTraces(await folderOf(context, journal, events), receiver.endpoint)
  const { root, children } = traceOf(receiver.spans, 'switchover')
  assert.deepEqual(
    children.map(({ name }) => name),
    ['decide', 'fence', 'promote', 'steer', 'recover'],
  )
  assert.equal(root.startTimeUnixNano, wallNs(21_900))
  assert.equal(root.endTimeUnixNano, wallNs(21_900 + (journal.incidents.at(-1)?.restoredMs ?? 0)))
  assert.deepEqual([root.attributes['firedrill.region.from'], root.attributes['firedrill.region.to']], ['b', 'a'])
  assert.equal(root.attributes['firedrill.cause'], 'ordered')
  assert.deepEqual(root.attributes['firedrill.faults'], [])
})

test('a drill is a trace with its steps and faults', async (context) => {
  const { journal, events } = drill()
  await using receiver = await startReceiver()
  await sendTraces(await folderOf(context, journal, events), receiver.endpoint)
  const { root, children } = traceOf(receiver.spans, 'drill a-drill')
  assert.equal(root.startTimeUnixNano, startedNs)
  assert.equal(root.attributes['firedrill.verdict'], journal.verdict)
  assert.deepEqual(
    root.events.map(({ name }) => name),
    ['load'],
  )
  assert.equal(children.length, journal.steps.length + journal.faults.length + journal.incidents.length)
  const fault = children.find(({ name }) => name === 'fault power-loss')
  assert.deepEqual([fault?.startTimeUnixNano, fault?.endTimeUnixNano], [wallNs(t0Ms), wallNs(21_000)])
  assert.equal(new Set(receiver.spans.map((span) => span.traceId)).size, 3)
  for (const span of receiver.spans) assert.deepEqual([span.droppedEventsCount, span.droppedAttributesCount], [0, 0])
})

test('each incident is a span of the drill, from t0 until restored, still out or not known', () => {
  const spansOf = (journal: Journal) => {
    const { plans } = tracesOf(journal, [])
    return (plans[0]?.children ?? []).filter(({ name }) => name.startsWith('incident '))
  }
  const told = (journal: Journal) =>
    spansOf(journal).map(({ attributes, fromNs, toNs, error }) => [
      attributes['firedrill.incident.id'],
      Number(toNs - fromNs) / 1e6,
      error,
    ])
  assert.deepEqual(told(threeIncidents()), [
    ['one', 1000, null],
    ['two', 1900, null],
    ['failback', 0, null],
  ])
  assert.deepEqual(told(withMissing())[1], ['two', 18_000, 'operations of na are missing from 7.00 s on'])
  assert.deepEqual(told(stillOut())[1], ['unexplained-1', 5000, 'still out when the load ended'])
  const [, unknown] = spansOf(withMissing())
  assert.ok(!('firedrill.incident.restored_seconds' in (unknown?.attributes ?? {})))
})

test('a fault that ended early is told as a span of that length, with why', () => {
  const fault = tracesOf(withMissing(), []).plans[0]?.children.find(({ name }) => name === 'fault power-loss')
  assert.equal(Number((fault?.toNs ?? 0n) - (fault?.fromNs ?? 0n)) / 1e9, 10)
  assert.match(fault?.error ?? '', /its link changes expired/)
})

test('each failover has the phases of its own incident', () => {
  const { journal, events } = drill()
  const t0 = journal.t0
  assert.ok(t0)
  const { restoredMs, phases } = journal.rto
  const orderNs = originNs + BigInt(ns(21_900))
  const own = { ...noPhases, decideMs: 50, promoteMs: 30, steerMs: 70 }
  const incidents = [
    incidentOf('outage', t0Ms, { t0, restoredMs, phases }),
    incidentOf('failback', 21_900, { cause: 'failback', t0: { ns: `${orderNs}`, widthMs: 0 }, phases: own }),
  ]
  const [, failover, failback] = tracesOf({ ...journal, incidents }, events).plans
  assert.equal(failover?.fromNs, BigInt(t0.ns))
  assert.deepEqual([failback?.name, failback?.fromNs], ['switchover', orderNs])
  assert.deepEqual(
    failback?.children.map(({ name }) => name),
    ['decide', 'promote', 'steer'],
  )
})

test('where nobody was promoted there is the trace of the drill alone', () => {
  const { journal, events } = drill()
  const { plans } = tracesOf(
    journal,
    events.filter((event) => event.kind !== 'promoted'),
  )
  assert.deepEqual(
    plans.map(({ name }) => name),
    ['drill a-drill'],
  )
})

test('a phase that nobody reported gives its time to the next, and the sum stays', () => {
  const { journal, events } = drill()
  const phases = { ...journal.rto.phases, fenceMs: null, promoteMs: (journal.rto.phases.promoteMs ?? 0) + 200 }
  const incidents = journal.incidents.map((each, index) => (index === 0 ? { ...each, phases } : each))
  const [, failover] = tracesOf({ ...journal, incidents }, events).plans
  assert.deepEqual(
    failover?.children.map(({ name }) => name),
    ['detect', 'decide', 'promote', 'steer', 'recover'],
  )
  const restoredMs = journal.rto.restoredMs ?? Number.NaN
  assert.equal((failover?.toNs ?? 0n) - (failover?.fromNs ?? 0n), BigInt(Math.round(restoredMs * 1e6)))
})

test('a receiver that is not there, refuses, or a drill of an older version is one line and no failure', async (context) => {
  const { journal, events } = drill()
  const folder = await folderOf(context, journal, events)
  const gone = await startReceiver()
  await gone[Symbol.asyncDispose]()
  await using refusing = await startReceiver(400)
  const { originNs: _, ...older } = journal
  for (const [from, endpoint, expected] of [
    [folder, gone.endpoint, /^traces: not sent to .*(ECONNREFUSED|connect)/],
    [folder, refusing.endpoint, /^traces: not sent to .*Bad Request/],
    [await folderOf(context, older, events), refusing.endpoint, /of an older version/],
    ['/nonexistent', refusing.endpoint, /ENOENT/],
  ] as const) {
    const line = await sendTraces(from, endpoint)
    assert.match(line, expected)
    assert.equal(line.split('\n').length, 1)
  }
})
