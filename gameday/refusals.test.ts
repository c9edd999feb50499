// What can be known to give no honest figure is refused before anything starts, with its place and what helps.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderPlan } from './plan.ts'
import { parseRunbook, RunbookInvalid } from './validate.ts'

interface Parts {
  readonly objectives?: string
  readonly load?: string
  readonly method: readonly string[]
  readonly rollback?: readonly string[]
}

function book({ objectives = '{}', load = '{ rate: 100/s }', method, rollback = [] }: Parts): string {
  return [
    'title: A drill',
    'topology: { commit: quorum }',
    `objectives: ${objectives}`,
    `load: ${load}`,
    'steady-state-hypothesis: { success-rate: ">= 99%", p99: "<= 500ms" }',
    'method:',
    ...method.map((each) => `  - ${each}`),
    ...(rollback.length === 0 ? [] : ['rollback:', ...rollback.map((each) => `  - ${each}`)]),
    '',
  ].join('\n')
}

function problems(parts: Parts, set: readonly string[] = []): readonly string[] {
  try {
    parseRunbook('book.yaml', book(parts), { set, canApprove: true })
    return []
  } catch (error) {
    assert.ok(error instanceof RunbookInvalid, String(error))
    return error.problems
  }
}

function refused(parts: Parts, expected: RegExp): void {
  const found = problems(parts)
  assert.equal(found.length, 1, found.join('\n'))
  assert.match(found[0] ?? '', expected)
}

const cut = (words = ''): string => `fault: { id: cut, kind: partition, target: region a${words} }`
const heal = 'heal: cut'
const lose = (region: string): string => `fault: { id: ${region}, kind: power-loss, target: region ${region} }`

void test('a fault that surely ends before its heal is refused, with what passes until then', () => {
  const text =
    /^book\.yaml:8:63: method\[1\]\.fault\.for: expected more than the 60\.00 s that surely pass until its heal \(method\[3\]\); without "for" the drill renews .*, found 15\.00 s$/
  refused({ method: ['hold: 10s', cut(', for: 15s'), 'hold: 60s', heal] }, text)
  assert.deepEqual(problems({ method: [cut(', for: 61s'), 'hold: 60s', heal] }), [])
  assert.deepEqual(problems({ method: [cut(), 'hold: 60s', 'hold: 60m', heal] }), [])
  // A wait may be over at once, and a fault that nobody heals ends as it is planned to.
  assert.deepEqual(problems({ method: [cut(', for: 15s'), 'wait-for: { event: steady, within: 60s }', heal] }), [])
  assert.deepEqual(problems({ method: [cut(', for: 15s'), 'hold: 60s'] }), [])
})

void test('what surely passes is counted through branches, and to a heal in the rollback', () => {
  const branches = (...all: readonly string[]): string =>
    `parallel:\n${all.map((each) => `      - ${each}`).join('\n')}`
  const many = (...all: readonly string[]): string =>
    all.map((each, at) => (at === 0 ? `- ${each}` : `          ${each}`)).join('\n')
  const list = (...all: readonly string[]): string => many(...all).replaceAll('\n          ', '\n        - ')
  const ends = /for: expected more than the (\d+\.\d+) s that surely pass until its heal/
  const seen = (parts: Parts): string => ends.exec(problems(parts)[0] ?? '')?.[1] ?? 'none'
  // The longer branch counts.
  assert.equal(seen({ method: [cut(', for: 25s'), branches('hold: 10s', 'hold: 30s'), heal] }), '30.00')
  // What lies before the heal in its own branch.
  assert.equal(seen({ method: [cut(', for: 5s'), branches(list('hold: 10s', heal), 'hold: 30s')] }), '10.00')
  // The rest of the branch in which it is injected.
  assert.equal(seen({ method: [branches(list('hold: 2s', cut(', for: 5s'), 'hold: 8s'), 'hold: 1s'), heal] }), '8.00')
  // Another branch goes on for what is left of it once the fault is in force: 60 s less the hold, and what injecting takes at most.
  assert.equal(seen({ method: [branches(list('hold: 2s', cut(', for: 5s')), 'hold: 60s'), heal] }), '43.00')
  assert.equal(seen({ method: [cut(', for: 5s'), 'hold: 10s'], rollback: [heal] }), '10.00')
})

void test('a fault with a planned end does not wait for people', () => {
  refused(
    { method: [cut(', for: 15m'), 'approve: Go on?', heal] },
    /for: expected no "for" where people are asked before its heal \(method\[2\]\).*renews.*, found 900\.00 s, and the question method\[1\]$/,
  )
  assert.deepEqual(problems({ method: [cut(), 'approve: Go on?', heal] }), [])
})

for (const [objectives, load, expected] of [
  [
    '{ rto: 2s }',
    '{ rate: 3/s }',
    /objectives\.rto: expected a time .*\(say load\.rate >= 5\/s\).*1\.00 s apart.*3\.00 s or more, found 2\.00 s with load\.rate 3\/s$/,
  ],
  [
    '{ rto-first-write: 1s }',
    '{ rate: 3/s }',
    /rto-first-write: .*\(say load\.rate >= 6\/s\).*two writes are 667 ms apart/,
  ],
  ['{ rto-first-write: 1s }', '{ rate: 10/s, reads: 0.9 }', /rto-first-write: .*\(say load\.rate >= 30\/s\)/],
  ['{ longest-gap: 500ms }', '{ rate: 20/s }', /longest-gap: .*\(say load\.rate >= 40\/s\)/],
  ['{ failback-gap: 100ms }', '{ rate: 10/s }', /failback-gap: .*\(say load\.rate >= 60\/s\)/],
  ['{ rto: 1ms }', '{ rate: 100/s, from: [na] }', /rto: .*\(say load\.rate >= 3000\/s\)/],
  ['{ longest-gap: 1ms }', '{ rate: 100/s, from: [na] }', /longest-gap: .*\(say 215 ms\)/],
] as const)
  void test(`${objectives} is more than ${load} can show`, () => {
    const method = ['hold: 5s', cut(), 'hold: 30s', heal, 'action: failback', 'hold: 10s']
    refused({ objectives, load, method }, expected)
    // Whoever does as told is not told anything else.
    const [told = ''] = problems({ objectives, load, method })
    const rate = /say load\.rate >= (\d+)\/s/.exec(told)?.[1]
    const time = /say (\d+) ms/.exec(told)?.[1]
    assert.notEqual(rate ?? time, undefined, told)
    const mended = {
      objectives: time === undefined ? objectives : objectives.replace(/\d+ms/, `${time}ms`),
      load: rate === undefined ? load : load.replace(/rate: \d+/, `rate: ${rate}`),
    }
    assert.deepEqual(problems({ ...mended, method }), [])
  })

for (const [objectives, load, method, expected] of [
  [
    '{ rto-first-write: 5s }',
    '{ rate: 100/s, reads: 1 }',
    [cut(), 'hold: 9s'],
    /rto-first-write: expected a load that writes, .*found load\.reads: 1/,
  ],
  ['{ rpo: 0s }', '{ rate: 100/s, reads: 1 }', [cut(), 'hold: 9s'], /objectives\.rpo: expected a load that writes/],
  ['{ longest-gap: 5s }', '{ rate: 100/s, reads: 1 }', [cut(), 'hold: 9s'], /longest-gap: expected a load that writes/],
  [
    '{ lost-writes: ">= 1" }',
    '{ rate: 100/s, reads: 1 }',
    [cut(), 'hold: 9s'],
    /lost-writes: expected a load that writes/,
  ],
  [
    '{ failback-gap: 5s }',
    '{ rate: 100/s, reads: 1 }',
    [cut(), 'action: failback'],
    /failback-gap: expected a load that writes/,
  ],
  [
    '{}',
    '{ rate: 100/s, reads: 1 }',
    [cut(), 'wait-for: { event: write-acked, within: 9s }'],
    /event: expected a load that writes/,
  ],
  [
    '{}',
    '{ rate: 100/s, reads: 1 }',
    ['hold: 9s\n    expect: { acked: 0 }'],
    /expect\.acked: expected a load that writes/,
  ],
  [
    '{ rto: 5s }',
    '{ rate: 100/s }',
    ['hold: 9s'],
    /objectives\.rto: expected a fault that is not background, a switchover or a failover/,
  ],
  [
    '{ rto-first-write: 5s }',
    '{ rate: 100/s }',
    [cut(', background: true'), 'hold: 9s'],
    /rto-first-write: expected a fault that is not background/,
  ],
  ['{ failback-failed: 0 }', '{ rate: 100/s }', [cut(), 'hold: 9s'], /failback-failed: expected an action: failback/],
  ['{ failback-gap: 5s }', '{ rate: 100/s }', [cut(), 'hold: 9s'], /failback-gap: expected an action: failback/],
  [
    '{ failback-gap: 5s }',
    '{ rate: 100/s }',
    ['hold: 9s', 'action: failback', 'hold: 9s'],
    /method\[1\]\.action: expected a switchover or a fault before a failback: the role is at home/,
  ],
  [
    '{ rto: 5s }',
    '{ rate: 100/s }',
    ['action: { kind: switchover, to: b }', 'hold: 9s', 'action: { kind: switchover, to: b }', 'hold: 9s'],
    /method\[2\]\.action: expected another region than b, which is primary by then, found to: b/,
  ],
  [
    '{}',
    '{ rate: 100/s }',
    ["fault: { id: f, kind: link-degrade, target: 'a -> b', loss: 0, jitter: 0 }", 'hold: 9s'],
    /method\[0\]\.fault: expected a jitter, loss or reorder above 0: nothing else is changed/,
  ],
  [
    '{ rpo: 0s, lost-writes: ">= 1" }',
    '{ rate: 100/s }',
    [cut(), 'hold: 9s'],
    /lost-writes: expected it without rpo: 0s/,
  ],
  [
    '{ lost-writes: ">= 1" }',
    '{ rate: 100/s }',
    [cut(), 'hold: 9s'],
    /lost-writes: expected it with commit: async only, as a quorum loses no acked write, found >= 1/,
  ],
  [
    '{ rpo: 0s }',
    '{ rate: 10/s, reads: 0.9999 }',
    [cut(), 'hold: 30s'],
    /objectives\.rpo: expected a load that writes 5 times or more while .*, found about 0\.03 times/,
  ],
  [
    '{ rto: 5s }',
    '{ rate: 100/s }',
    [cut(', for: 500ms'), 'hold: 9s'],
    /for: expected at least 1s, in which it can be shown/,
  ],
  [
    '{}',
    '{ rate: 100/s }',
    [cut(), 'wait-for: { event: write-acked, within: 100ms }'],
    /method\[1\]\.wait-for\.within: expected more than 100 ms: a write is under way .*, found 100 ms/,
  ],
  [
    '{}',
    '{ rate: 100/s }',
    [lose('b'), 'action: { kind: switchover, to: b }'],
    /method\[1\]\.action: expected an order to a region whose Postgres runs, found region b, .*\(b\)/,
  ],
  [
    '{}',
    '{ rate: 100/s }',
    [lose('a'), 'action: failback'],
    /method\[1\]\.action: expected an order to a region whose Postgres runs, found region a/,
  ],
  [
    '{}',
    '{ rate: 100/s }',
    [lose('a'), 'wait-for: { event: resynced, within: 60s }'],
    /event: expected a heal before resynced, which needs every Postgres, found a dead or paused by then \(a\)/,
  ],
  [
    '{}',
    '{ rate: 100/s }',
    [lose('a'), 'wait-for: { event: home-primary, within: 60s }'],
    /event: expected a heal before home-primary, which needs the home region/,
  ],
  [
    '{}',
    '{ rate: 100/s }',
    [lose('a'), lose('b'), 'wait-for: { event: failover-complete, within: 60s }'],
    /event: expected a heal before failover-complete, which needs two members of etcd, found a, b dead/,
  ],
  [
    '{}',
    '{ rate: 100/s }',
    [lose('a'), 'fault: { id: f, kind: process-crash, target: app.a, process: node }'],
    /target: expected something that runs, to be struck, found "app\.a", which is dead or paused by then/,
  ],
  [
    '{}',
    '{ rate: 100/s }',
    ['fault: { id: f, kind: replication-lag, target: region a }', 'hold: 9s'],
    /target: expected a region that follows: no WAL reaches the primary, found "region a"/,
  ],
  [
    '{}',
    '{ rate: 100/s }',
    ["fault: { id: f, kind: link-degrade, target: 'a <-> b', delay: 40ms }", 'hold: 9s'],
    /fault\.delay: expected another delay, or something else beside it: .*, found 40 ms/,
  ],
  [
    '{ failback-gap: 5s }',
    '{ rate: 100/s }',
    [lose('b'), 'hold: 9s', 'heal: b', 'action: failback', 'hold: 9s'],
    /method\[3\]\.action: expected a switchover or a fault before a failback: the role is at home/,
  ],
  [
    '{ failback-gap: 5s }',
    '{ rate: 100/s }',
    [lose('a'), 'hold: 9s', 'heal: a', 'action: failback', 'hold: 9s', 'action: failback', 'hold: 9s'],
    /method\[5\]\.action: expected a switchover or a fault before a failback: the role is at home/,
  ],
  ['{ failback-failed: 1.5 }', '{ rate: 100/s }', [cut()], /failback-failed: expected a whole number, found 1\.5/],
  ['{ failback-failed: .inf }', '{ rate: 100/s }', [cut()], /failback-failed: expected a number, found Infinity/],
  ['{}', '{ rate: 100/s, from: [] }', ['hold: 1s'], /load\.from: expected one area at least, found \[\]/],
  ['{ rto: 5s }', '{ rate: 100/s }', [cut()], /method\[0\]: expected 3\.00 s of holds or waits after it.*, found none/],
  [
    '{ rto: 5s }',
    '{ rate: 100/s }',
    [cut(), 'hold: 2s', heal],
    /method\[0\]: expected 3\.00 s of holds or waits after it.*, found 2\.00 s/,
  ],
  [
    '{ rto: 20s }',
    '{ rate: 1/s }',
    [cut(), 'hold: 14s'],
    /method\[0\]: expected 15\.00 s of holds or waits after it.*5 operations of each area/,
  ],
  ['{ rto: 0s }', '{ rate: 100/s }', [cut(), 'hold: 9s'], /objectives\.rto: expected a duration above 0, found "0s"/],
  [
    '{}',
    '{ rate: 10/s }',
    ['hold: 100ms\n    expect: { failed: 0 }'],
    /expect: expected a hold of at least 500 ms beside it, with 5 operations/,
  ],
  ['{}', '{ rate: 9000/s, from: [na] }', ['hold: 1s'], /load\.rate: expected at most 5000\/s from each area/],
  ['{}', '{ rate: 0.2/s }', ['hold: 1s'], /load\.rate: expected at least 0\.1\/s from each area/],
  [
    '{}',
    '{ rate: 5000/s, from: [na], timeout: 5s }',
    ['hold: 1s'],
    /load\.rate: expected a rate of each area and a time-out that leave at most 20000/,
  ],
  [
    '{}',
    '{ rate: 1/s }',
    ['hold: 20h', 'hold: 5h'],
    /method\[0\]\.hold: expected holds of at most 24h \(86400\.00 s\) in all, .*found 90000\.00 s/,
  ],
  ['{}', '{ rate: 1/s }', ['hold: 596h'], /method\[0\]\.hold: expected a duration of at most 24h/],
] as const)
  void test(`${objectives} with load ${load} and ${method.join(', ').replaceAll(/\s+/g, ' ')} is refused`, () => {
    refused({ objectives, load, method }, expected)
  })

for (const [load, home, commit, leastMs, what] of [
  ['{ rate: 100/s }', 'a', 'quorum', 180, 'a write of eu'],
  ['{ rate: 100/s, from: [na] }', 'a', 'quorum', 100, 'a write of na'],
  ['{ rate: 100/s, from: [na] }', 'b', 'quorum', 180, 'a write of na'],
  ['{ rate: 100/s, from: [na, ap] }', 'a', 'async', 100, 'a write of ap'],
  ['{ rate: 100/s, from: [na] }', 'a', 'async', 20, 'a write of na'],
  ['{ rate: 100/s, reads: 1 }', 'a', 'quorum', 20, 'a read of na'],
] as const)
  void test(`times that links alone take are refused: ${load}, home ${home}, ${commit}`, () => {
    const seen = (timeoutMs: number, p99Ms: number): readonly string[] => {
      const set = [`topology.home=${home}`, `topology.commit=${commit}`, `load.timeout=${timeoutMs}ms`]
      const limits = [`steady-state-hypothesis.p99="<= ${p99Ms}ms"`]
      return problems({ load, method: ['hold: 1s'] }, [...set, ...limits])
    }
    assert.deepEqual(seen(leastMs + 1, leastMs + 1), [])
    const expected = `expected more than ${leastMs} ms: ${what} is under way for that long on the links alone, found ${leastMs} ms`
    const told = seen(leastMs, leastMs)
    assert.equal(told.length, 2, told.join('\n'))
    for (const [at, name] of ['load.timeout', 'steady-state-hypothesis.p99'].entries())
      assert.ok(told[at]?.endsWith(`${name}: ${expected}`), told[at])
  })

void test('a p99 of reads is none of writes: one write of a hundred may take longer', () => {
  const at = (reads: number): readonly string[] => {
    const load = `{ rate: 100/s, reads: ${reads} }`
    return problems({ load, method: ['hold: 1s'] }, ['steady-state-hypothesis.p99="<= 100ms"'])
  }
  assert.deepEqual(at(0.99), [])
  assert.match(at(0.98)[0] ?? '', /p99: expected more than 180 ms/)
})

void test('a poor link whose end is dark is refused; before that, after its heal, or where it may be over, it is not', () => {
  const dark = (rest = ''): string => `fault: { id: dark, kind: power-loss, target: region a${rest} }`
  const poor = (target: string): string => `fault: { id: poor, kind: link-degrade, target: '${target}', loss: 0.2 }`
  const expected =
    /target: expected a link between sites that are neither lost nor frozen, .*found "c -> a" while a is dark$/
  refused({ method: [dark(), poor('c -> a')] }, expected)
  refused(
    { method: [dark(), `parallel:\n      - - hold: 1s\n        - ${poor('c -> a')}\n      - hold: 1s`] },
    expected,
  )
  for (const method of [
    [poor('c -> a'), dark()],
    [dark(), 'heal: dark', poor('c -> a')],
    [dark(', for: 10s'), 'hold: 10s', poor('c -> a')],
    [dark(), poor('c -> a,b')],
    [`parallel:\n      - ${dark()}\n      - ${poor('c -> a')}`],
  ])
    assert.deepEqual(problems({ method }), [], method.join(', '))
})

void test('a share is the number nearest to what is written, and the least rate of three areas is accepted', () => {
  for (let tenths = 1; tenths <= 1000; tenths += 1) {
    const text = book({ load: '{ rate: 0.3/s }', method: ['hold: 1s'] }).replace('>= 99%', `>= ${tenths / 10}%`)
    const runbook = parseRunbook('book.yaml', text, { set: [], canApprove: true })
    assert.equal(runbook['steady-state-hypothesis']['success-rate'], Number((tenths / 1000).toFixed(3)))
  }
})

void test('all regions lost at once are refused; one after another, or two, are not', () => {
  const expected =
    /target: expected one region at least that is neither lost nor frozen: .*, found a, b, c at once \(a, b, c\)$/
  refused({ method: [lose('a'), lose('b'), 'hold: 5s', lose('c')] }, expected)
  refused({ method: [lose('a'), lose('b').replace('power-loss', 'freeze'), lose('c')] }, expected)
  refused({ method: [`parallel:\n      - ${lose('a')}\n      - ${lose('b')}\n      - ${lose('c')}`] }, expected)
  refused({ method: [lose('a'), `parallel:\n      - ${lose('b')}\n      - ${lose('c')}`] }, expected)
  assert.deepEqual(problems({ method: [lose('a'), lose('b'), 'heal: a', lose('c')] }), [])
  assert.deepEqual(problems({ method: [lose('a'), lose('b'), `parallel:\n      - heal: b\n      - ${lose('c')}`] }), [])
})

void test('a hypothesis that all meet, or none, and titles beyond a line are refused', () => {
  const good = book({ method: ['hold: 1s'] })
  for (const [from, to, expected] of [
    ['<= 500ms', '<= 0ms', /p99: expected at least 1ms, found "<= 0ms"/],
    ['>= 99%', '>= 0%', /success-rate: expected more than ">= 0%"/],
    ['A drill', 'x'.repeat(300), /title: expected a text of at most 200 letters/],
    ['A drill', '"a\\e[2Jb"', /title: expected text without control characters/],
    ['A drill', '"a\\nb"', /title: expected one line of text/],
  ] as const)
    assert.throws(
      () => parseRunbook('book.yaml', good.replace(from, to), { set: [], canApprove: true }),
      (error) =>
        error instanceof RunbookInvalid && error.problems.length === 1 && expected.test(error.problems[0] ?? ''),
      to.slice(0, 20),
    )
})

void test('outages without a cause are allowed by number', () => {
  const text = book({ objectives: '{ unexplained-incidents: 2 }', method: ['hold: 1s'] })
  const { objectives } = parseRunbook('book.yaml', text, { set: [], canApprove: true })
  assert.equal(objectives['unexplained-incidents'], 2)
})

void test('the dry run says how finely the load can measure', () => {
  const runbook = parseRunbook('book.yaml', book({ load: '{ rate: 60/s }', method: ['hold: 1s'] }), {
    set: [],
    canApprove: true,
  })
  assert.match(
    renderPlan({ name: 'book', file: 'book.yaml', runbook }),
    /^resolution {3}restored is measured to about \+-0\.05 s, times without an acked write to about \+-0\.03 s/m,
  )
})

void test('a fault that ends by itself still holds what it holds until its time has surely passed', () => {
  const first = 'fault: { id: first, kind: memory-limit, target: app.a, for: 25s }'
  const again = 'fault: { id: again, kind: memory-limit, target: app.a }'
  const expected =
    /target: expected a fault that holds nothing that first holds: .* sets? the memory of app\.a; .*it ends by itself after 25\.00 s, which need not have passed, found "app\.a"$/
  refused({ method: [first, again, 'hold: 5s'] }, expected)
  refused({ method: [first, 'hold: 20s', again] }, expected)
  refused({ method: [first, 'wait-for: { event: steady, within: 60s }', again] }, expected)
  assert.deepEqual(problems({ method: [first, 'hold: 25s', again] }), [])
  // An order that is not waited for may be refused, and a fault that may be over by then keeps nobody out.
  const order = 'action: { kind: switchover, to: b, wait: false }'
  assert.deepEqual(problems({ method: [lose('b'), order] }), [])
  const short = lose('b').replace(' }', ', for: 10s }')
  assert.deepEqual(problems({ method: [short, 'action: { kind: switchover, to: b }'] }), [])
})

for (const [stop, expected] of [
  ['p99: "> 400ms for 9s"', /abort-when\.p99: expected a limit from 500 ms .* to less than 3\.00 s .*, found 400 ms$/],
  ['p99: "> 3s for 9s"', /abort-when\.p99: expected a limit from 500 ms .* to less than 3\.00 s .*, found 3\.00 s$/],
  [
    'success-rate: "< 99.5% for 9s"',
    /abort-when\.success-rate: expected at most the 99 % that are steady, found "< 99\.5%/,
  ],
  ['success-rate: "< 50% for 7s"', /abort-when\.success-rate: expected to look at 7\.50 s or more, which hold 5/],
] as const)
  void test(`a stop loss that says nothing, or that a steady world meets, is refused: ${stop}`, () => {
    const load = stop.includes('7s') ? '{ rate: 2/s }' : '{ rate: 100/s }'
    const text = book({ load, method: ['hold: 9s'] }).replace('method:', `abort-when: { ${stop} }\nmethod:`)
    assert.throws(
      () => parseRunbook('book.yaml', text, { set: [], canApprove: true }),
      (error) =>
        error instanceof RunbookInvalid && error.problems.length === 1 && expected.test(error.problems[0] ?? ''),
    )
  })

void test('what is advised is accepted, to the millisecond', () => {
  const advised = /at least (\d+(?:\.\d+)?) (ms|s) beside it/
  for (const rate of [0.3, 1.7, 3, 7, 13, 29])
    for (const reads of [0, 0.3, 0.7, 0.9, 0.999]) {
      const load = `{ rate: ${rate}/s, reads: ${reads} }`
      const [told = ''] = problems({ load, method: ['hold: 1ms\n    expect: { acked: 0 }'] })
      const [, number, unit] = advised.exec(told) ?? []
      assert.notEqual(number, undefined, told)
      assert.deepEqual(problems({ load, method: [`hold: ${number}${unit}\n    expect: { acked: 0 }`] }), [], told)
    }
})

for (const fault of [
  'kind: process-crash, target: app.na, process: node',
  'kind: redis-empty, target: redis.eu',
  'kind: dns-fail, target: dns.ap',
])
  void test(`a service that its site does not have is told in one line: ${fault}`, () => {
    const method = [`fault: { id: f, ${fault} }`, 'hold: 9s']
    refused({ method }, /fault\.target: expected a service of a site such as "controller\.a", found "/)
  })
