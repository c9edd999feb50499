// Groups of drills side by side, and drills over time: planted values come out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Journal } from '#protocol/journal.ts'
import { goodRecord } from '../measure/histories.ts'
import { measure } from '../measure/measure.ts'
import { compareGroups, compareHtml, compareScreen } from './compare.ts'
import { historiesOf, historyScreen, sparkline } from './history.ts'
import { renderMarkdown } from './markdown.ts'

const good = measure(goodRecord())
/** Null: unknown, for a reason. */
function restoredIn(restoredMs: number | null, startedAt = good.startedAt): Journal {
  const unknown: Journal['unknown'] = restoredMs === null ? { 'rto.restoredMs': 'too few operations' } : {}
  return { ...good, startedAt, unknown, rto: { ...good.rto, restoredMs, resolutionMs: 40 } }
}

test('n, min, median and max are those of each group; ranges that do not overlap are marked', () => {
  const groups = [
    { name: 'quick', drills: [restoredIn(1000), restoredIn(1500), restoredIn(2000), restoredIn(null)], changed: [] },
    { name: 'slow', drills: [restoredIn(5000), restoredIn(5000), restoredIn(6000)], changed: [] },
  ]
  const compared = compareGroups(groups)
  const restored = compared.find((each) => each.figure === 'RTO restored')
  assert.deepEqual(restored?.groups['quick'], { n: 3, min: 1000, median: 1500, max: 2000 })
  assert.deepEqual(restored?.notKnown['quick'], { unknown: 1, stillOut: 0 })
  assert.equal(restored?.differs, true)
  assert.equal(compared.find((each) => each.figure === 'longest gap')?.differs, false)
  assert.match(
    compareScreen(groups, compared),
    /\* RTO restored +quick +3 +1\.00 s +1\.50 s +2\.00 s +± 40 ms +1 unknown\n/,
  )
  const html = compareHtml(groups, compared)
  assert.match(html, /aria-label="slow: 3 values, median 5\.00 s"/)
  assert.match(html, /0 in every drill: .*lost, Postgres, .*split brain/)
  assert.doesNotMatch(html, /<figcaption>split brain/)
})

test('a history is in order of time, with mean and median of what was restored', () => {
  const [history] = historiesOf([restoredIn(4000, '2026-02-01T00:00:00Z'), restoredIn(1000), restoredIn(null)])
  assert.ok(history)
  assert.equal(history.n, 3)
  assert.equal(history.notRestored, '1 unknown')
  assert.equal(history.mttrMeanMs, 2500)
  assert.deepEqual(history.restored, { n: 2, min: 1000, median: 2500, max: 4000 })
  assert.match(
    historyScreen([history]),
    /a-drill: n 3, 3 passed; MTTR mean 2\.50 s, median 2\.50 s \(n 2; 1 unknown left out\)/,
  )
  assert.match(historyScreen([history]), /unknown +0 +too few operations\n/)
  assert.match(historyScreen([history]), /1\.00 s ± 0\.04 s/)
  assert.equal(sparkline([0, null, 10]), '▁·█')
})

test('ranges that overlap by what the load leaves open are not apart, and a drill that was still out is no number', () => {
  const out = restoredIn(null)
  const stillOut: Journal = { ...out, unknown: {}, rto: { ...out.rto, stillOutMs: 9000 } }
  const groups = (at: number) => [
    { name: 'quick', drills: [1000, 1000, 1000].map((ms) => restoredIn(ms)), changed: [] },
    { name: 'slow', drills: [...[at, at, at].map((ms) => restoredIn(ms)), stillOut], changed: [] },
  ]
  const restored = (at: number) => compareGroups(groups(at)).find((each) => each.figure === 'RTO restored')
  assert.deepEqual([restored(1070)?.differs, restored(1090)?.differs], [false, true])
  assert.deepEqual(restored(1070)?.notKnown['slow'], { unknown: 0, stillOut: 1 })
  const [history] = historiesOf([restoredIn(1000), stillOut])
  assert.ok(history)
  assert.match(historyScreen([history]), /MTTR mean 1\.00 s, median 1\.00 s \(n 1; 1 still out left out\)/)
  assert.match(historyScreen([history]), /still out after 9\.00 s/)
})

test('a figure that is unknown in every drill is compared as such, one that no drill has is not', () => {
  const groups = [{ name: 'one', drills: [restoredIn(null)], changed: [] }]
  assert.match(compareScreen(groups, compareGroups(groups)), /RTO restored +one +0 +- +- +- +± 40 ms +1 unknown\n/)
  const none = { ...good, failback: { ...good.failback, outageMs: null } }
  const compared = compareGroups([{ name: 'one', drills: [none], changed: [] }])
  assert.ok(!compared.some((each) => each.figure === 'failback gap'))
})

test('Markdown says verdict, objectives and command, and no text breaks out of its table', () => {
  const [first] = good.objectives
  assert.ok(first)
  const text = renderMarkdown({ ...good, title: '<b>|x', objectives: [{ ...first, name: 'rto | x' }] })
  assert.match(text, /^### ✅ \\<b\\>\\\|x: pass/)
  assert.match(text, /\| ✅ met \| rto \\\| x \|/)
  assert.match(text, /Run the same: `\.\/firedrill run a-drill --seed 7`/)
})

test('gaps carry their doubt too: the truth may be less, and ranges that overlap by that are not apart', () => {
  const gapOf = (longestMs: number): Journal => ({ ...good, outage: { longestMs, resolutionMs: 40, open: false } })
  const groups = (at: number) => [
    { name: 'quick', drills: [1000, 1000, 1000].map(gapOf), changed: [] },
    { name: 'slow', drills: [at, at, at].map(gapOf), changed: [] },
  ]
  const gaps = (at: number) => compareGroups(groups(at)).find((each) => each.figure === 'longest gap')
  assert.deepEqual([gaps(1039)?.differs, gaps(1041)?.differs, gaps(961)?.differs], [false, true, false])
  assert.match(compareScreen(groups(1041), compareGroups(groups(1041))), /\* longest gap +quick +3 .* - 40 ms\n/)
  // Of the failback that has it.
  const { resolutions } = compareGroups(groups(1)).find((each) => each.figure === 'failback gap') ?? {}
  assert.deepEqual(resolutions, { quick: 50, slow: 50 })
})

test('what any store lost is in the history, not what Postgres lost alone', () => {
  const lost = { lostCount: 63, windowMs: 1200 }
  const [history] = historiesOf([{ ...good, rpo: { ...good.rpo, kafka: lost } }])
  assert.ok(history)
  assert.match(historyScreen([history]), / kafka 63 \(1\.20 s\)/)
})
