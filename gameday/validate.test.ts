// Runbooks: every shipped one is valid; every mistake is named with its place, in one line.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { faultKinds } from '#protocol/faults.ts'
import { faultsNotOffered } from '#protocol/not-offered.ts'
import { loadRunbook, loadRunbooks, parseRunbook, RunbookInvalid, shippedRunbooks } from './validate.ts'

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

void test('every shipped runbook is valid, without a terminal too unless it asks something', async () => {
  const names = await shippedRunbooks()
  for (const expected of ['region-loss', 'region-loss-lagging', 'control-plane-loss', 'control-cut'])
    assert.ok(names.includes(expected), expected)
  for (const name of names) {
    const asks = name === 'quarterly-game-day'
    const { file } = await loadRunbook(name, { set: [], canApprove: asks })
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
    `book.yaml:7:32: method[1].fault.kind: expected a kind of ${faultKinds.join(', ')}, found "powerloss"`,
  ],
  [
    'a kind that is not offered',
    'kind: power-loss',
    'kind: disk-read-only',
    `book.yaml:7:32: method[1].fault.kind: expected a kind of ${faultKinds.join(', ')}; disk-read-only is not offered: ${faultsNotOffered['disk-read-only']}, found "disk-read-only"`,
  ],
  [
    'a full disk where none is of limited size',
    'kind: power-loss, target: region a',
    'kind: disk-full, target: postgres.a',
    'book.yaml:7:32: method[1].fault.kind: expected a topology that gives each Postgres a disk of its own for disk-full, such as disk: 512MiB, found none',
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
    'book.yaml:3:1: lod: expected a key of title, parameters, topology, objectives, load, steady-state-hypothesis, abort-when, method, rollback, found the key "lod"',
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

/** Each is made of the good one by a replacement, and told in one line that matches. */
const subtle: readonly (readonly [string, string, string, RegExp])[] = [
  ['an alias of nothing', 'title: A drill', 'title: *none', /^book\.yaml:1:8: expected an anchor .* found \*none$/],
  ['a tag that nobody knows', 'title: A drill', 'title: !odd x', /^book\.yaml:1:8: expected YAML, found: .*!odd/],
  ['a tab', '  - hold: 1s', '\t- hold: 1s', /^book\.yaml:6:1: expected YAML, found: Tabs are not allowed/],
  [
    'a rate of nothing',
    '10/s',
    '0/s',
    /3:15: load\.rate: expected a rate above 0\/s and at most 10000\/s, found "0\/s"/,
  ],
  ['a rate beyond all', '10/s', '99999999/s', /3:15: load\.rate: expected a rate above 0/],
  ['an area twice', '10/s', '10/s, from: [na, na]', /3:27: load\.from: expected each area once, found \["na","na"\]/],
  [
    'a time-out of nothing',
    '10/s',
    '10/s, timeout: 0s',
    /3:30: load\.timeout: expected a duration above 0, found "0s"/,
  ],
  ['more than all', '>= 99%', '>= 200%', /success-rate: expected at most ">= 100%", found ">= 200%"/],
  ['a hold without end', 'hold: 1s', 'hold: 9999h', /6:11: method\[0\]\.hold: expected a duration of at most 24h/],
  [
    'a fault of no time',
    'region a }',
    'region a, for: 0s }',
    /7:67: .*\.for: expected at least 1s, in which it can be shown to be in force, found "0s"/,
  ],
  [
    'a fault without end',
    'region a }',
    'region a, for: 9999h }',
    /7:67: .*\.for: expected at most 1h: no fault may last/,
  ],
  ['no text', 'title: A drill', "title: ''", /^book\.yaml:1:8: title: expected some text, found ""$/],
  ['an empty value', 'heal: outage', 'heal:', /8:10: method\[2\]\.heal: expected some text, found nothing$/],
  [
    'a link to itself',
    'power-loss, target: region a',
    'link-degrade, target: b -> b, loss: 0.5',
    /target: expected a link between two sites, found "b -> b"/,
  ],
  [
    'a one-way cut of a site from itself',
    'power-loss, target: region a',
    'partition, target: "b -> c,b"',
    /^book\.yaml:7:51: method\[1\]\.fault\.target: expected a link between two sites, found b twice in "b -> c,b"$/,
  ],
  [
    'a site in two groups',
    'power-loss, target: region a',
    'partition, target: "a,na|b,na"',
    /^book\.yaml:7:51: .*\.target: expected each site in one group, found na twice in "a,na\|b,na"$/,
  ],
  [
    'clients where the target names all sites',
    'power-loss, target: region a',
    'partition, target: "a|b", clients: stay',
    /^book\.yaml:7:67: .*\.clients: expected clients with target "region X" only.*, found clients: stay with "a\|b"$/,
  ],
  [
    'a cut of no known form',
    'power-loss, target: region a',
    'partition, target: bridge na',
    /^book\.yaml:7:51: .*\.target: expected "region a" .*"bridge b" .*, found "bridge na"$/,
  ],
  [
    'a link that flaps faster than packets cross it',
    'power-loss, target: region a',
    'partition, target: "a -> b", flap: { down: 10ms, up: 1s }',
    /^book\.yaml:7:75: .*\.flap\.down: expected a duration of at least 50ms, found "10ms"$/,
  ],
  [
    'a lag that would be a cut',
    'power-loss, target: region a',
    'replication-lag, target: region b, bandwidth: 8kbit',
    /^book\.yaml:7:\d+: .*\.bandwidth: expected at least 384kbit: .*, found "8kbit"$/,
  ],
  [
    'a link without bandwidth',
    'power-loss, target: region a',
    'link-degrade, target: a -> b, bandwidth: 0bit',
    /bandwidth: expected a bandwidth of at least 1kbit: .*, found "0bit"/,
  ],
  [
    'a failback to elsewhere',
    'heal: outage',
    'action: { kind: failback, to: b }',
    /8:35: method\[2\]\.action\.to: expected no "to": a failback goes home, found "b"/,
  ],
  [
    'a loss accepted where none can be',
    'heal: outage',
    'action: { kind: failover, accept-data-loss: true }',
    /8:49: .*accept-data-loss: expected it with a failover in commit: async only.*, found failover in commit: quorum/,
  ],
]
for (const [what, from, to, expected] of subtle)
  void test(`${what} is told in one line`, () => {
    const found = problems(good.replace(from, to))
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0] ?? '', expected)
  })

void test('what is not text is shown in part', () => {
  const [only = ''] = problems('x'.repeat(100_000))
  assert.match(only, /^book\.yaml:1:1: expected a mapping, found "xxx/)
  assert.ok(only.length < 300)
})

void test('a folder is no runbook', async () => {
  const { name, message } = (await loadRunbook(import.meta.dirname, { set: [], canApprove: true }).catch(
    (error: Error) => error,
  )) as Error
  assert.deepEqual(
    [name, message],
    ['RunbookInvalid', `${import.meta.dirname}: expected a readable YAML file, found a folder`],
  )
})

void test('--set reaches no further than the runbook does', () => {
  for (const [setting, expected] of [
    ['method[9].hold=1s', /^--set method\[9\]\.hold=1s: expected an entry of method, which has 3, counted from 0/],
    ['method[-1].hold=1s', /^--set: expected path=value such as .*, found "method\[-1\]\.hold=1s"$/],
    ['load..rate=1/s', /^--set: expected path=value such as .*, found "load\.\.rate=1\/s"$/],
    [
      'method.hold=1s',
      /^--set method\.hold=1s: expected the number of an entry, such as method\[0\], found method\.hold$/,
    ],
    ['load[0]=1s', /^--set load\[0\]=1s: expected a key of load, which is no list, found \[0\]$/],
    ['title.x=1s', /^--set title\.x=1s: expected title alone, which has no parts, found title\.x$/],
    [
      'method[2].action=switchover',
      /: method\[2\]\.action: expected .* such as \{ kind: switchover, to: b \}, found "switchover"$/,
    ],
    [
      'parameters={Region: a}',
      /parameters\.Region: expected a name of lower-case letters, .*, found the key "Region"$/,
    ],
    ['parameters={x: null}', /parameters\.x: expected text, a number, true, false, or .*, found nothing$/],
    ['lod.rate=1/s', /^--set lod\.rate=1\/s: lod: expected a key of title, /],
    ['load.rate=[', /^--set load\.rate=\[: load\.rate: expected a rate such as "100\/s", found "\["$/],
  ] as const) {
    const found = problems(good, [setting])
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0] ?? '', expected)
    assert.ok(!found[0]?.includes('\n'))
  }
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
    /8:14: method\[2\]\.approve: expected a terminal to ask at, or --yes, or --approve-in-dashboard/,
  )
})

const withParameters = good
  .replace('method:', 'parameters:\n  where: { default: a, one-of: [a, b] }\n  rate: 10\n  long: 1s\nmethod:')
  .replace('region a', "'region ${where}'")
  .replace('10/s', "'${rate}/s'")
  .replace('hold: 1s', 'hold: ${long}')

void test('parameters are filled in, with their type where they stand alone; --set changes them', () => {
  const { load, method, parameters } = parseRunbook('book.yaml', withParameters, {
    set: ['where=b', 'rate=20', 'long=5s', 'topology.home=b'],
    canApprove: true,
  })
  assert.deepEqual([load.rate, method[0]?.hold, method[1]?.fault?.target], [20, 5000, 'region b'])
  assert.deepEqual(parameters, { where: { default: 'b', 'one-of': ['a', 'b'] }, rate: 20, long: '5s' })
})

void test('what is wrong with a parameter is told where it stands, or by its --set', () => {
  const told = (text: string, ...set: string[]): string => problems(text, set).join('\n')
  assert.equal(
    told(withParameters.replace('${long}', '${lang}').replace('  long: 1s\n', '')),
    'book.yaml:9:11: method[0].hold: expected a parameter that is declared (where, rate), found ${lang}',
  )
  assert.equal(
    told(withParameters, 'long=5'),
    'book.yaml:10:11: method[0].hold: expected a duration such as 250ms, 30s, 5m, found "5" (it says ${long})',
  )
  assert.equal(told(withParameters, 'where=c'), '--set where=c: expected where to be one of a, b, found c')
  assert.equal(
    told(withParameters, 'rate=x'),
    '--set rate=x: expected a number, as the default of rate is one, found "x"',
  )
  assert.match(
    told(withParameters, 'were=a'),
    /^--set were=a: expected a parameter of the runbook \(where, rate, long\) or a path such as topology\.commit, found "were"$/,
  )
  assert.equal(
    told(withParameters.replace('default: a', 'default: c').replace("'region ${where}'", 'region a')),
    [
      'book.yaml:6:3: parameters.where: expected ${where} somewhere, found it nowhere',
      'book.yaml:6:21: parameters.where.default: expected one of a, b, found "c"',
    ].join('\n'),
  )
})

const branched = good.replace(
  '  - heal: outage',
  `  - parallel:
      - heal: outage
      - - fault: { id: second, kind: freeze, target: region b }
        - wait-for: { event: suspected, within: 5s }
rollback:
  - heal: second
  - heal: outage`,
)

void test('branches know what lies before them, not what stands beside them; a rollback knows all', () => {
  assert.deepEqual(problems(branched), [])
  assert.deepEqual(problems(branched.replace('heal: outage\n      -', 'heal: second\n      -')), [
    'book.yaml:9:15: method[2].parallel[0].heal: expected the id of a fault injected before (outage), found "second"',
  ])
  assert.deepEqual(problems(branched.replace('id: second', 'id: outage').replace('- heal: second\n  ', '')), [
    'book.yaml:10:24: method[2].parallel[1][0].fault.id: expected a fault id of its own, found outage a second time',
  ])
  assert.match(
    problems(branched.replace('heal: second', 'approve: Really?')).join('\n'),
    /^book\.yaml:13:5: rollback\[0\]\.approve: expected a key of hold, wait-for, heal, action, notes, found the key "approve"$/,
  )
  assert.match(
    problems(branched.replace('- heal: outage\n      -', '- parallel: [{ hold: 1s }, { hold: 1s }]\n      -')).join(
      '\n',
    ),
    /^book\.yaml:9:9: method\[2\]\.parallel\[0\]\.parallel: expected a key of hold, fault, /,
  )
})

void test('a parameter between braces needs quotes, and that is said', () => {
  assert.deepEqual(problems(withParameters.replace("'region ${where}'", 'region ${where}')), [
    'book.yaml:11:59: expected quotes around text with ${...} between { and }, found none',
  ])
})

void test('what fills all memory, or is deeper than its reader, is refused in one line', () => {
  const aliases = Array.from({ length: 30 }, (_, index) => `  x${index}: &x${index} [*x${index - 1}, *x${index - 1}]`)
  const bomb = `x:\n  x0: &x0 [1, 1]\n${aliases.slice(1).join('\n')}\n`
  assert.match(problems(bomb).join('\n'), /^book\.yaml:1:1: expected a runbook of some pages, found: .*alias.*$/)
  assert.match(problems('['.repeat(100_000)).join('\n'), /^book\.yaml:1:\d+: expected YAML, found: .*$/)
  assert.match(problems('title: &a [*a]\n').join('\n'), /^book\.yaml:1:12: expected no value inside itself, found \*a$/)
})

void test('a bound is set as it is written, and both names of a parameter mean its value', () => {
  const parsed = parseRunbook('book.yaml', good, {
    set: ['steady-state-hypothesis.success-rate=>= 97%', 'abort-when.epochs=> 3'],
    canApprove: true,
  })
  assert.equal(parsed['steady-state-hypothesis']['success-rate'], 0.97)
  assert.equal(parsed['abort-when']?.epochs, 3)
  const long = good.replace(/^title: .*$/m, 'title: ${name}\nparameters: { name: { default: x, description: y } }')
  for (const setting of ['name=z', 'parameters.name=z'])
    assert.equal(parseRunbook('book.yaml', long, { set: [setting], canApprove: true }).title, 'z')
})

test('of several runbooks each problem of a setting names its own', async () => {
  const set = { set: ['load.rate=0/s'], canApprove: true }
  const { valid, problems } = await loadRunbooks(['region-loss', 'etcd-loss'], set)
  assert.deepEqual(valid, [])
  assert.deepEqual(
    problems.map((each) => each.slice(0, each.indexOf(' --set'))),
    ['region-loss:', 'etcd-loss:'],
  )
  assert.match((await loadRunbooks(['region-loss'], set)).problems[0] ?? '', /^--set load\.rate=0\/s: /)
})
