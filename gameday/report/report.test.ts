// Reports from a recorded drill: readable, self-contained, and safe for whatever text a drill contains.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { goodRecord } from '../measure/histories.ts'
import { measure } from '../measure/measure.ts'
import type { Journal } from '#protocol/journal.ts'
import { topologyWords } from '../topology-words.ts'
import { renderHtml } from './html.ts'
import { renderJunit } from './junit.ts'
import { renderMarkdown } from './markdown.ts'
import { reportDrill } from './past-drill.ts'
import { renderScreen } from './screen.ts'

const record = goodRecord()
const journal = measure(record)
const integrity = { manifestSha256: null, changed: [] }
const hostile = { ...journal, title: '<script>alert("x")</script>\u{1}' }

void test('the report has no outside link and no unescaped text', () => {
  const html = renderHtml({ ...record, journal: hostile, integrity })
  assert.doesNotMatch(html, /(src|href)=|https?:|@import|url\(/)
  assert.doesNotMatch(html, /<script/)
  assert.match(html, /&lt;script&gt;/)
})

void test('links stay on one line, and settings are told as people write them', () => {
  const events = record.events.map((each) => ({ ...each, reason: 'cut: a -> b, b <-> c <b>' }))
  const html = renderHtml({ ...record, events, journal, integrity })
  const [one, other] = ['a -&gt; b', 'b &lt;-&gt; c'].map((link) => `<span class="link-name">${link}</span>`)
  assert.ok(html.includes(`cut: ${one}, ${other} &lt;b&gt;`))
  const { topology } = journal
  assert.match(
    topologyWords(topology),
    /^pattern active-passive; steering glb; commit quorum; home a; fence-path in-band$/,
  )
  const async = { ...topology, commit: 'async', steering: 'dns', disk: 2 ** 29 }
  assert.match(topologyWords(async), /max-loss 5\.00 s; accept-data-loss false; .*dns-ttl 30\.00 s; disk 512 MiB$/)
})

void test('the plot shades the fault and marks the epochs', () => {
  const html = renderHtml({ ...record, journal, integrity })
  assert.match(html, /<rect class="shade"/)
  assert.match(html, /<div class="bar fault"[^>]* title="power-loss of region a">power-loss of region a/)
  assert.match(html, /<div class="bar epoch"[^>]*>b<span class="wide"> epoch 2<\/span>/)
})

void test('junit.xml has a case for each objective and check, and what is unknown is an error', () => {
  const unread = measure({ ...record, finalReads: { postgres: null, kafka: null, redis: null } })
  const xml = renderJunit({ ...unread, drill: hostile.title })
  assert.equal(xml.match(/<testcase /g)?.length, unread.objectives.length + unread.checks.length)
  assert.match(xml, /name="objective rpo"><error /)
  assert.ok(!xml.includes('<script') && !xml.includes('\u{1}'))
})

void test('the screen says verdict, figures and where the files are', () => {
  const screen = renderScreen(journal, 'drills/x')
  for (const expected of ['PASS', 'RTO first write', '1.05 s', 'split brain', 'drills/x/report.html'])
    assert.ok(screen.includes(expected), expected)
  assert.ok(screen.split('\n').length <= 30)
})

void test('what did not come back within the drill was looked for: it is not seen, not unmeasured', () => {
  const { areas } = journal.rto
  const gone = {
    ...journal,
    rto: { ...journal.rto, restoredMs: null, areas: { ...areas, na: { ...areas.na, restoredMs: null } } },
  }
  assert.match(renderScreen(gone as Journal, 'drills/x'), /RTO restored +not seen/)
  assert.match(renderScreen(gone as Journal, 'drills/x'), /na 1\.05 s \/ not seen/)
  assert.match(renderMarkdown(gone as Journal), /restored not seen \(worst area\)/)
  assert.match(
    renderHtml({ ...record, journal: gone as Journal, integrity }),
    /restored in the worst area after<\/dt><dd class="none">not seen/,
  )
})

void test('a past drill is printed again from its files; a missing one is named', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'firedrill-report-'))
  try {
    const drill = join(folder, 'some-drill')
    await mkdir(drill)
    await writeFile(join(drill, 'journal.json'), JSON.stringify(journal))
    await writeFile(join(drill, 'ops.ndjson'), record.operations.map((each) => `${JSON.stringify(each)}\n`).join(''))
    await symlink('some-drill', join(folder, 'latest'))
    const again = await reportDrill(folder, undefined)
    assert.deepEqual(again.journal, journal)
    assert.match(await readFile(join(drill, 'report.html'), 'utf8'), /<svg/)
    await assert.rejects(reportDrill(folder, 'other'), /expected a drill with a journal\.json at .*other/)
  } finally {
    await rm(folder, { recursive: true })
  }
})
