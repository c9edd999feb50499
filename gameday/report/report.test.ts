// Reports from a recorded drill: readable, self-contained, and safe for whatever text a drill contains.
import { formatMeasured } from '../measure/objectives.ts'
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { goodRecord } from '../measure/histories.ts'
import { measure } from '../measure/measure.ts'
import type { Journal } from '#protocol/journal.ts'
import { topologyWords } from '../topology-words.ts'
import { clockOf } from './clock.ts'
import { renderHtml as renderPage } from './html.ts'
import { renderJunit } from './junit.ts'
import { renderMarkdown } from './markdown.ts'
import { reportDrill } from './past-drill.ts'
import { killed, stillOut, threeIncidents, withMissing } from './planted-journals.ts'
import { reportInput } from './report-input.ts'
import { renderScreen } from './screen.ts'

const record = goodRecord()
const journal = measure(record)
const integrity = { manifestSha256: null, changed: [] }

async function renderHtml(of: Journal, events = record.events): Promise<string> {
  const { operations, samples } = record
  return renderPage(await reportInput({ journal: of, operations, events, samples, integrity }))
}
const hostile = { ...journal, title: '<script>alert("x")</script>\u{1}' }

void test('the report has no outside link and no unescaped text', async () => {
  const html = await renderHtml(hostile)
  assert.doesNotMatch(html, /(src|href)=|https?:|@import|url\(/)
  assert.doesNotMatch(html, /<script/)
  assert.match(html, /&lt;script&gt;/)
})

void test('links stay on one line, and settings are told as people write them', async () => {
  const events = record.events.map((each) => ({ ...each, reason: 'cut: a -> b, b <-> c <b>' }))
  const html = await renderHtml(journal, events)
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

void test('the plot shades the fault and marks the epochs', async () => {
  const html = await renderHtml(journal)
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
  assert.ok(screen.split('\n').length <= 33)
})

void test('a figure says how far it may be off, in one unit', () => {
  assert.equal(formatMeasured(1900, 40), '1.90 s, give or take 0.04 s')
  assert.equal(formatMeasured(1900, 40, 'eitherWayShort'), '1.90 s ± 0.04 s')
  assert.equal(formatMeasured(900, 40), '900 ms, give or take 40 ms')
  assert.equal(formatMeasured(1900, 4), '1.90 s, give or take 4 ms')
  assert.equal(formatMeasured(1900, 40, 'less'), '1.90 s, or up to 0.04 s less')
  assert.equal(formatMeasured(1900, 40, 'lessShort'), '1.90 s (-0.04 s)')
  assert.equal(formatMeasured(1900, null), '1.90 s')
})

void test('all incidents are listed, and the headline names the worst', async () => {
  const three = threeIncidents()
  const screen = renderScreen(three, 'drills/x')
  assert.match(
    screen,
    /RTO restored +1\.90 s, give or take 0\.04 s {2}\(worst of 2 incidents, failbacks aside: two, worst area\)/,
  )
  assert.match(
    screen,
    /one +fault: power-loss of region a {3}5\.00 s +1\.05 s \(-0\.10 s\) +1\.00 s ± 0\.05 s +1\.10 s \(-0\.10 s\) +0\n/,
  )
  assert.match(screen, /failback +failback: fail back to a +21\.90 s .* 0 ms ± 50 ms/)
  assert.match(renderMarkdown(three), /\| two \| fault: power-loss of region a \| 12\.00 s \|/)
  const html = await renderHtml(three)
  assert.match(html, /<th scope="row">two <small class="why">fault: power-loss of region a<\/small><\/th>/)
  assert.equal(html.match(/<path class="t0" d="M(400\.0|166\.7|730\.0) 0V100"\/>/g)?.length, 3 * 8)
  assert.match(
    html,
    /restored in the worst area after \(worst of 2 incidents, failbacks aside: two\), give or take 0\.04 s<\/dt><dd>1\.90 s/,
  )
  assert.equal(renderJunit(three).match(/name="incident \w+: objective rto"/g)?.length, 3)
})

void test('with several incidents times count from the load, with one from its t0', () => {
  assert.equal(clockOf(threeIncidents()).zero, 'the load’s beginning')
  const [one] = threeIncidents().incidents
  assert.ok(one)
  const single = { ...threeIncidents(), incidents: [one] }
  assert.deepEqual([clockOf(single).zero, clockOf(single).secondsOf(one.t0.ns)], ['the fault (t0)', 0])
})

void test('an outage that did not end is told as one, and not as unmeasured', async () => {
  const journal = stillOut()
  const screen = renderScreen(journal, 'drills/x')
  assert.match(screen, /RTO restored +still out when the load ended, after 5\.00 s/)
  assert.match(
    screen,
    /longest gap +5\.00 s without an ack, still going on when the load ended, in which a write waited for at least 4\.90 s/,
  )
  assert.match(renderMarkdown(journal), /restored still out when the load ended, after 5\.00 s/)
  const html = await renderHtml(journal)
  assert.match(html, /Service was still out when the load ended, after 5\.00 s\./)
  // From t0, 5 s before the end of 30 s of load, to the end.
  assert.match(html, /<rect class="shade incident" x="833\.3" y="0" width="166\.7"/)
})

void test('an unknown figure stands with its reason everywhere, each reason once on the screen', async () => {
  const journal = withMissing()
  const screen = renderScreen(journal, 'drills/x')
  const reasons = screen.split('\n').filter((line) => line.includes('? unknown'))
  assert.equal(reasons.length, 2)
  assert.match(
    reasons[0] ?? '',
    /lost in Postgres, lost in Kafka, lost in Redis, split brain, requests: 160 operations of na/,
  )
  assert.match(screen, /RPO +Postgres unknown, at least 3 lost {3}Kafka unknown/)
  assert.match(screen, /requests +unknown;/)
  assert.match(
    renderMarkdown(journal),
    /\*\*Requests:\*\* unknown .*\n\*\*Unknown:\*\* .*, requests: 160 operations of na are missing/,
  )
  const html = await renderHtml(journal)
  assert.ok(html.includes(`<dt>acknowledged writes lost: ${killed}</dt><dd class="none">unknown, at least 3</dd>`))
  assert.match(html, /What Kafka, Redis lost is unknown: 160 operations of na are missing\./)
  assert.match(html, /data-head="restored">unknown <small class="why">operations of na are missing from 7\.00 s on</)
  for (const text of [screen, renderMarkdown(journal), html]) assert.doesNotMatch(text, /not measured|\bnull\b|NaN/)
})

void test('what was not collected is told with its span and reason, and hatched', async () => {
  const journal = withMissing()
  const told = 'na missing 160 (from 12.10 s to 20.40 s), late 4 (from 11.00 s to 11.50 s): client.na was restarted'
  const screen = renderScreen(journal, 'drills/x')
  assert.match(screen, /! operations +planned 900, collected 740, missing 160, late 4; times from the load’s beginning/)
  assert.ok(screen.includes(`! operations       ${told}`))
  const html = await renderHtml(journal)
  assert.ok(html.includes(told))
  // In both panels of na, and in the legend.
  assert.equal(html.match(/<path class="hatch"/g)?.length, 3)
  assert.match(html, /<div class="bar missing"[^>]*title="160 missing"/)
  assert.doesNotMatch(renderScreen(threeIncidents(), 'drills/x'), /operations {2}/)
})

void test('a fault that ended early, and a stall, are told with their spans', async () => {
  const journal = withMissing()
  const fault = 'power-loss of region a was over after 10.00 s, 5.00 s before its heal began: its link changes expired'
  const screen = renderScreen(journal, 'drills/x')
  assert.ok(screen.includes(`! fault            ${fault}`))
  const silent = { part: 'wan', kind: 'stall', fromNs: '9000000000', toNs: '12000000000', ms: 3000 } as const
  assert.match(
    renderScreen({ ...journal, stalls: [silent] }, 'drills/x'),
    /! stall +the WAN did not answer for 3\.00 s, from/,
  )
  assert.match(screen, /! stall +the harness stood still for 2\.10 s, from 8\.00 s to 10\.10 s/)
  const html = await renderHtml(journal)
  assert.ok(html.includes(fault))
  // From 5 s to 15 s of 30 s.
  assert.match(html, /<rect class="shade" x="166\.7" y="0" width="333\.3"/)
})

void test('a title cannot move the cursor, and long lists are cut', () => {
  const screen = renderScreen({ ...journal, title: '\u{1b}[2Jx\r\u{202e}y' }, 'drills/x')
  for (const sign of ['\u{1b}', '\r', '\u{202e}']) assert.ok(!screen.includes(sign))
  const [one] = threeIncidents().incidents
  assert.ok(one)
  const many = Array.from({ length: 30 }, (_, index) => ({ ...one, id: `incident-${index}` }))
  const unknown = Object.fromEntries(many.map(({ id }) => [id, `because of ${id}`]))
  const long = renderScreen({ ...threeIncidents(), incidents: many, unknown }, 'drills/x')
  assert.match(long, /and 10 more in journal\.json/)
  assert.match(long, /and 22 more reasons in journal\.json/)
})

void test('an operation that stands twice in the file counts once in the plots', async () => {
  const { operations, samples, events } = record
  const doubled = [...operations, ...operations.slice(0, 50)]
  const { load } = await reportInput({ journal, operations: doubled, samples, events, integrity })
  assert.deepEqual(
    load.areas.get('na'),
    (await reportInput({ journal, operations, samples, events, integrity })).load.areas.get('na'),
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
