// Runbooks: every shipped one is valid; every mistake is named with its place, in one line.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { loadRunbook, parseRunbook, RunbookInvalid, shippedRunbooks } from './validate.ts'

const good = `title: A drill
topology: { commit: quorum }
load: { rate: 10/s }
steady-state-hypothesis: { success-rate: ">= 99%", p99: "<= 500ms" }
method:
  - hold: 1s
  - fault: { id: outage, kind: power-loss, target: region a }
  - heal: outage
`

function problems(text: string, set: readonly string[] = [], canApprove = true): readonly string[] {
  try {
    parseRunbook('book.yaml', text, { set, canApprove })
    return []
  } catch (error) {
    assert.ok(error instanceof RunbookInvalid)
    return error.problems
  }
}

void test('every shipped runbook is valid without a terminal', async () => {
  const names = await shippedRunbooks()
  for (const expected of ['region-loss', 'region-loss-lagging', 'control-plane-loss', 'control-cut'])
    assert.ok(names.includes(expected), expected)
  for (const name of names) {
    const { file } = await loadRunbook(name, { set: [], canApprove: false })
    assert.ok(existsSync(file.replace(/\.yaml$/, '.md')), `${name} has no page of prose`)
  }
})

void test('what a hold expects is checked, and stands beside a hold only', () => {
  const holds = good.replace('- hold: 1s', '- hold: 1s\n    expect: { failed: 0 }')
  assert.deepEqual(problems(holds), [])
  assert.match(
    problems(holds.replace('failed', 'fail'))[0] ?? '',
    /7:15: method\[0\]\.expect\.fail: expected a key of failed, acked, found the key "fail"/,
  )
  assert.match(
    problems(holds.replace('{ failed: 0 }', '{}'))[0] ?? '',
    /7:13: method\[0\]\.expect: expected at least one of failed, acked/,
  )
  assert.match(
    problems(good.replace('heal: outage', 'heal: outage\n    expect: { failed: 0 }'))[0] ?? '',
    /8:5: method\[2\]: expected "expect" beside a hold only/,
  )
})

void test('an unknown name lists the shipped ones', async () => {
  await assert.rejects(
    loadRunbook('region-los', { set: [], canApprove: true }),
    /expected a runbook's name \(.*region-loss.*\)/,
  )
})

const mistakes: readonly (readonly [string, string, string, string])[] = [
  [
    'an unknown region',
    'target: region a',
    'target: region q',
    'book.yaml:7:52: method[1].fault.target: expected "region X" with X one of a, b, c, found "region q"',
  ],
  [
    'a kind that is none',
    'kind: power-loss',
    'kind: powerloss',
    'book.yaml:7:32: method[1].fault.kind: expected a kind of power-loss, partition, freeze, postgres-crash, link-degrade, process-kill, found "powerloss"',
  ],
  [
    'a heal of nothing',
    'heal: outage',
    'heal: other',
    'book.yaml:8:11: method[2].heal: expected the id of a fault injected before (outage), found "other"',
  ],
  [
    'a duration without unit',
    'hold: 1s',
    'hold: 1',
    'book.yaml:6:11: method[0].hold: expected a duration such as 250ms, 30s, 5m, found 1',
  ],
  [
    'an unknown key',
    'load: {',
    'lod: {',
    'book.yaml:3:1: lod: expected a key of title, topology, objectives, load, steady-state-hypothesis, method, found the key "lod"',
  ],
  [
    'a pattern that is not built',
    'commit: quorum',
    'pattern: active-active',
    'book.yaml:2:22: topology.pattern: expected active-passive, the one pattern that can be built yet, found "active-active"',
  ],
]
for (const [what, from, to, expected] of mistakes)
  void test(`${what} is named with its place`, () => {
    assert.ok(problems(good.replace(from, to)).includes(expected), problems(good.replace(from, to)).join('\n'))
  })

void test('two things in one step are refused', () => {
  assert.match(
    problems(good.replace('heal: outage', 'heal: outage\n    hold: 2s')).join('\n'),
    /8:5: method\[2\]: expected exactly one of hold/,
  )
})

void test('broken YAML is named with line and column', () => {
  assert.match(problems('title: x\nload: {rate: [}\n')[0] ?? '', /^book\.yaml:2:\d+: expected YAML, found/)
})

void test('--set changes a value, and is named when the value is wrong', () => {
  const changed = parseRunbook('book.yaml', good, {
    set: ['topology.commit=async', 'method[0].hold=5s'],
    canApprove: true,
  })
  assert.equal(changed.topology.commit, 'async')
  assert.equal(changed.method[0]?.hold, 5000)
  assert.deepEqual(problems(good, ['topology.commit=sync']), [
    '--set topology.commit=sync: topology.commit: expected one of quorum, async, found "sync"',
  ])
  assert.match(problems(good, ['nonsense'])[0] ?? '', /expected path=value/)
})

void test('approve needs a terminal or --yes', () => {
  const text = good.replace('heal: outage', 'approve: Really?')
  assert.deepEqual(problems(text, [], true), [])
  assert.match(
    problems(text, [], false)[0] ?? '',
    /8:14: method\[2\]\.approve: expected a terminal to ask at, or --yes/,
  )
})
