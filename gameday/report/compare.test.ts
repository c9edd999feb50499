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
function restoredIn(restoredMs: number | null, startedAt = good.startedAt): Journal {
  return { ...good, startedAt, rto: { ...good.rto, restoredMs } }
}

test('n, min, median and max are those of each group; ranges that do not overlap are marked', () => {
  const groups = [
    { name: 'quick', drills: [restoredIn(1000), restoredIn(1500), restoredIn(2000), restoredIn(null)] },
    { name: 'slow', drills: [restoredIn(5000), restoredIn(5000), restoredIn(6000)] },
  ]
  const compared = compareGroups(groups)
  const restored = compared.find((each) => each.figure === 'RTO restored')
  assert.deepEqual(restored?.groups['quick'], { n: 3, min: 1000, median: 1500, max: 2000 })
  assert.equal(restored?.differs, true)
  assert.equal(compared.find((each) => each.figure === 'longest gap')?.differs, false)
  assert.match(compareScreen(groups, compared), /\* RTO restored +quick +3 +1\.00 s +1\.50 s +2\.00 s/)
  const html = compareHtml(groups, compared)
  assert.match(html, /aria-label="slow: 3 values, median 5\.00 s"/)
  assert.match(html, /0 in every drill: .*lost, Postgres, .*split brain/)
  assert.doesNotMatch(html, /<figcaption>split brain/)
})

test('a history is in order of time, with mean and median of what was restored', () => {
  const [history] = historiesOf([restoredIn(4000, '2026-02-01T00:00:00Z'), restoredIn(1000), restoredIn(null)])
  assert.ok(history)
  assert.equal(history.n, 3)
  assert.equal(history.mttrMeanMs, 2500)
  assert.deepEqual(history.restored, { n: 2, min: 1000, median: 2500, max: 4000 })
  assert.match(historyScreen([history]), /a-drill: n 3, 3 passed; MTTR mean 2\.50 s, median 2\.50 s \(n 2\)/)
  assert.equal(sparkline([0, null, 10]), '▁·█')
})

test('Markdown says verdict, objectives and command, and no text breaks out of its table', () => {
  const [first] = good.objectives
  assert.ok(first)
  const text = renderMarkdown({ ...good, title: '<b>|x', objectives: [{ ...first, name: 'rto | x' }] })
  assert.match(text, /^### ✅ \\<b\\>\\\|x: pass/)
  assert.match(text, /\| ✅ met \| rto \\\| x \|/)
  assert.match(text, /Run the same: `\.\/firedrill run a-drill --seed 7`/)
})
