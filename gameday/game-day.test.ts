// Several runbooks in one go: their order, what becomes of the others when one is refused or Ctrl-C comes, and the common JUnit file.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupByTopology, renderGameDayJunit, renderSummary, runGameDay, worstExitCode } from './game-day.ts'
import { goodRecord } from './measure/histories.ts'
import { measure } from './measure/measure.ts'
import { renderPlan } from './plan.ts'
import { durationOf } from './spans.ts'
import type { DrillResult } from './run-drill.ts'
import { loadRunbook, parseRunbook, type LoadedRunbook } from './validate.ts'

const load = (name: string): Promise<LoadedRunbook> => loadRunbook(name, { set: [], canApprove: false })
const books = await Promise.all(['region-loss', 'region-loss-lagging', 'region-freeze'].map(load))

const journal = measure(goodRecord())
const passed: DrillResult = { journal, folder: '/drills/one' }
const failed: DrillResult = { journal: { ...journal, verdict: 'fail', exitCode: 1 }, folder: '/drills/two' }

void test('runbooks of one topology follow each other', () => {
  assert.deepEqual(
    groupByTopology(books).map(({ name }) => name),
    ['region-loss', 'region-freeze', 'region-loss-lagging'],
  )
})

void test('a refused drill is told and the others go on; it is a failure in the JUnit file, and the worst of all', async () => {
  const outcomes = await runGameDay({
    books,
    drill: ({ name }) => {
      if (name === 'region-loss-lagging') return Promise.reject(new Error('no <world>'))
      return Promise.resolve(name === 'region-loss' ? passed : failed)
    },
    signal: new AbortController().signal,
    ended: () => {},
  })
  assert.equal(worstExitCode(outcomes), 3)
  assert.equal(worstExitCode(outcomes.filter(({ refused }) => refused === null)), 1)
  assert.equal(worstExitCode(outcomes.slice(0, 1)), 0)
  const xml = renderGameDayJunit(outcomes)
  assert.equal(xml.match(/<testsuite /g)?.length, 3)
  assert.match(xml, /<testsuites tests="\d+" failures="1" errors="0" /)
  assert.match(
    xml,
    /<testsuite name="region-loss-lagging" tests="1" failures="1" .*\n +<testcase .*name="the drill ran"><failure message="no &lt;world&gt;"/,
  )
  const screen = renderSummary(outcomes)
  assert.match(screen, /^region-loss +pass +1\.05 s +/m)
  assert.match(screen, /^region-loss-lagging +refused +not measured/m)
  assert.match(screen, /^ {2}region-loss-lagging: no <world>$/m)
})

void test('after Ctrl-C no other drill begins, and none is left out of the account', async () => {
  const interrupting = new AbortController()
  const outcomes = await runGameDay({
    books,
    drill: () => {
      interrupting.abort()
      return Promise.resolve(passed)
    },
    signal: interrupting.signal,
    ended: () => {},
  })
  assert.deepEqual(
    outcomes.map(({ refused }) => refused),
    [null, 'not begun: the game day was interrupted', 'not begun: the game day was interrupted'],
  )
})

void test('a plan adds up: branches last as long as the longest, questions wait for people', () => {
  const runbook = parseRunbook(
    'book.yaml',
    `title: A drill
load: { rate: 10/s }
steady-state-hypothesis: { success-rate: '>= 99%', p99: '<= 500ms' }
abort-when: { no-acks-for: 30s }
method:
  - hold: 10s
  - approve: Really?
  - parallel: [[{ hold: 5s }, { hold: 6s }], { wait-for: { event: steady, within: 40s } }]
rollback:
  - hold: 1s
`,
    { set: [], canApprove: true },
  )
  const { leastMs, mostMs } = durationOf(runbook)
  assert.equal(leastMs, 10_000 + 11_000 + 1000)
  assert.equal(mostMs - (10_000 + 40_000 + 1000), 150_000)
  const plan = renderPlan({ name: 'book', file: 'book.yaml', runbook })
  assert.match(plan, /stops when +no-acks-for 30\.00 s/)
  assert.match(plan, / 3\. Side by side:\n +1\.1\) Hold for 5\.00 s\n +1\.2\) Hold for 6\.00 s\n +2\) Wait for steady/)
  assert.match(plan, /takes +at least 22 s, at most 3 min 21 s, and as long as people take to answer a question/)
})
