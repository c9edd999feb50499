// What somebody else did to the world beside a drill: an incident of its own, none that an objective is judged by, and never a pass.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FaultRecord, Journal } from '#protocol/journal.ts'
import { storyOf } from '../report/story.ts'
import { renderScreen } from '../report/screen.ts'
import { recordOf, regularOperations, ns, goodRecord } from './histories.ts'
import { deadWords, equalsFresh } from './checks.ts'
import { measure } from './measure.ts'
import type { DrillRecord } from './record.ts'

const cut = { fault: { id: 'cut', kind: 'partition', target: 'region a' } }
const endMs = 60_000

function outsideFault(fromMs: number, toMs: number | null): FaultRecord {
  const [template] = goodRecord().faults
  assert.ok(template)
  const endNs = toMs === null ? null : ns(toMs)
  return {
    ...template,
    id: 'docker-pause.1',
    kind: 'docker-pause',
    target: 'app.a',
    outside: true,
    firstNs: ns(fromMs),
    lastNs: ns(fromMs),
    healBeganNs: endNs,
    healedNs: endNs,
    healProof: endNs === null ? null : 'container app.a was unpaused',
  }
}

/** The cut at 30 s costs a second, or what else `out` says. */
function record(out: readonly (readonly [number, number])[], outside: readonly FaultRecord[]): DrillRecord {
  const plan = [
    [0, { hold: '30s' }],
    [30_000, cut],
    [31_000, { hold: '20s', expect: { failed: 400 } }],
    [51_000, { heal: 'cut' }],
    [52_000, { hold: '8s' }],
  ] as const
  const made = recordOf(plan, regularOperations({ everyMs: 100, endMs, out, epochs: [31_000] }), {
    objectives: { rto: '3s', 'longest-gap': '3s', 'rto-first-write': '3s' },
    endMs,
  })
  return { ...made, faults: [...made.faults, ...outside] }
}

const statusOf = ({ objectives }: Journal, name: string): string | undefined =>
  objectives.find((each) => each.name === name)?.status
const checkOf = ({ checks }: Journal, name: string): string =>
  `${checks.find((each) => each.name === name)?.status}: ${checks.find((each) => each.name === name)?.reason}`
const short = [30_000, 31_000] as const

void test('its outage is an incident of its own, and the drill’s figures stay those of its faults', () => {
  const alone = measure(record([short], []))
  assert.deepEqual([alone.rto.incident, statusOf(alone, 'rto'), statusOf(alone, 'longest-gap')], ['cut', 'met', 'met'])
  const journal = measure(record([[10_000, 15_000], short], [outsideFault(10_000, 15_000)]))
  assert.deepEqual(
    journal.incidents.map(({ id, cause, title }) => [id, cause, title]),
    [
      ['docker-pause.1', 'outside', 'docker-pause of app.a, not by this drill'],
      ['cut', 'fault', 'partition of region a'],
    ],
  )
  assert.deepEqual([journal.rto.incident, journal.rto.restoredMs], ['cut', alone.rto.restoredMs])
  assert.ok((journal.incidents[0]?.restoredMs ?? 0) >= 4900)
  assert.deepEqual([statusOf(journal, 'rto'), statusOf(journal, 'longest-gap')], ['met', 'unknown'])
  assert.match(checkOf(journal, 'no unexplained outage'), /^pass/)
  assert.equal(
    checkOf(journal, 'nothing from outside'),
    'unknown: not by this drill: docker-pause of app.a from 10.00 s to 15.00 s into the load (docker-pause.1)',
  )
  assert.equal(journal.verdict, 'unknown')
})

void test('a drill that it does not disturb is no pass either', () => {
  const journal = measure(record([short], [outsideFault(10_000, 10_500)]))
  assert.deepEqual([statusOf(journal, 'rto'), journal.verdict], ['met', 'unknown'])
})

void test('an objective that is missed while it lasted, or what it left, may be its doing', () => {
  const long = [30_000, 36_000] as const
  const without = measure(record([long], []))
  const names = ['rto', 'rto-first-write', 'longest-gap', 'step 3: failed']
  assert.deepEqual(
    names.map((name) => statusOf(without, name)),
    ['missed', 'missed', 'missed', 'met'],
  )
  for (const [fromMs, toMs] of [
    [10_000, 15_000],
    [32_000, null],
    [35_000, 50_000],
  ] as const) {
    const journal = measure(record([long], [outsideFault(fromMs, toMs)]))
    assert.deepEqual(
      names.slice(0, 3).map((name) => statusOf(journal, name)),
      ['unknown', 'unknown', 'unknown'],
    )
    assert.match(
      journal.objectives[0]?.measured ?? '',
      /^6\.\d+ s.*, but not by this drill: docker-pause of app\.a from/,
    )
    assert.equal(journal.verdict, 'unknown')
  }
  const later = measure(record([long], [outsideFault(45_000, 46_000)]))
  assert.deepEqual([statusOf(later, 'rto'), later.verdict], ['missed', 'fail'])
  const failed = measure(record([[30_000, 45_000]], [outsideFault(40_000, 44_000)]))
  assert.equal(statusOf(failed, 'step 3: failed'), 'unknown')
  assert.equal(statusOf(measure(record([[30_000, 45_000]], [])), 'step 3: failed'), 'missed')
})

void test('what breaks down soon after it is not the drill’s outage', () => {
  // It cost nothing itself, so what follows is a breakdown.
  const fault = { ...outsideFault(8000, 11_000), target: 'redis.c' }
  const journal = measure(record([[13_000, 17_000], short], [fault]))
  assert.deepEqual(
    journal.incidents.map(({ id, cause }) => [id, cause]),
    [
      ['docker-pause.1', 'outside'],
      ['heal-of-docker-pause.1', 'outside'],
      ['cut', 'fault'],
    ],
  )
  assert.deepEqual([journal.rto.incident, statusOf(journal, 'rto')], ['cut', 'met'])
})

void test('the screen counts from the load’s beginning also where it is the only incident', () => {
  const plan = [[0, { hold: '60s' }]] as const
  const base = recordOf(plan, regularOperations({ everyMs: 100, endMs }), { endMs })
  const journal = measure({ ...base, faults: [outsideFault(10_000, 15_000)] })
  assert.equal(journal.incidents.length, 1)
  assert.match(renderScreen(journal, 'x'), /! outside .* from 10\.00 s to 15\.00 s into the load/)
  const moment = { ...outsideFault(10_000, 10_000), momentary: true }
  assert.match(renderScreen(measure({ ...base, faults: [moment] }), 'x'), /! outside .*\), 10\.00 s into the load, not/)
})

void test('it explains the epochs that it brings', () => {
  const base = record([[10_000, 12_000], short], [])
  const taken = {
    atNs: ns(11_000),
    source: 'controller' as const,
    site: 'b',
    kind: 'epoch-taken',
    epoch: 2,
    reason: '',
  }
  const withEpoch = { ...base, events: [taken, { ...taken, kind: 'promoted', detail: { region: 'b' } }] }
  assert.equal(measure(withEpoch).falseFailovers, 1)
  assert.equal(measure({ ...withEpoch, faults: [...base.faults, outsideFault(10_000, 12_000)] }).falseFailovers, 0)
  const ofWan = { ...outsideFault(10_000, 12_000), target: 'wan' }
  assert.equal(measure({ ...withEpoch, faults: [...base.faults, ofWan] }).falseFailovers, 0)
  const ofOther = { ...outsideFault(10_000, 12_000), target: 'redis.c' }
  assert.equal(measure({ ...withEpoch, faults: [...base.faults, ofOther] }).falseFailovers, 1)
})

void test('it is no fault whose heal the runbook owes, and is told where the drill is told', () => {
  const journal = measure(record([short], [outsideFault(10_000, null)]))
  assert.equal(checkOf(journal, 'fault in force until its heal'), 'pass: cut')
  const screen = renderScreen(journal, 'folder')
  assert.match(screen, /! outside +docker-pause of app\.a \(docker-pause\.1\), from 10\.00 s on, not by this drill/)
  assert.match(storyOf(journal), /^Injected: partition of region a\./)
})

void test('a record without word of it passes nothing', () => {
  const base = record([short], [])
  const journal = measure({ ...base, checks: base.checks.filter(({ name }) => name !== 'nothing from outside') })
  assert.equal(checkOf(journal, 'nothing from outside'), 'unknown: the record does not have it')
})

void test('a world that somebody else left broken, or a client that died, is not the service’s failure', () => {
  const killed = { ...outsideFault(10_000, null), target: 'dns.b, dns.c' }
  const statusWith = (names: readonly string[], faults: readonly FaultRecord[], ...more: readonly string[]): string =>
    equalsFresh([...names.map(deadWords), ...more], faults).status
  assert.equal(statusWith([], [killed]), 'pass')
  assert.equal(statusWith(['dns.b', 'client.na'], [killed]), 'unknown')
  assert.equal(statusWith(['dns.b', 'app.a'], [killed]), 'fail')
  assert.equal(statusWith(['dns.b'], [{ ...killed, healedNs: killed.firstNs }]), 'fail')
  assert.equal(statusWith(['dns.b'], [{ ...killed, outside: false }]), 'fail')
  assert.equal(statusWith(['dns.b'], [killed], 'link change x is in force'), 'fail')
})
