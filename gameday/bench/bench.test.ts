// The parts of the benches that need no world.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { goodRecord } from '../measure/histories.ts'
import { measure } from '../measure/measure.ts'
import { stillOut, withMissing } from '../report/planted-journals.ts'
import { loadRunbook } from '../validate.ts'
import { distribution } from './distribution.ts'
import { figuresOf, shorten, summary } from './failover.ts'
import { parseUsage } from './footprint.ts'
import { resumeState, writeState } from './state.ts'

void test('a distribution leaves out what was not measured, and says so by n', () => {
  assert.deepEqual(distribution([3, null, 1, 2]), { n: 3, min: 1, median: 2, max: 3 })
  assert.deepEqual(distribution([4, 1]), { n: 2, min: 1, median: 2.5, max: 4 })
  assert.equal(distribution([null]), null)
})

void test('short holds keep every other step, and leave windows enough for restored', async () => {
  const { runbook } = await loadRunbook('region-loss', { set: [], canApprove: false })
  const short = shorten(runbook.method)
  assert.deepEqual(
    short.filter((step) => step.hold === undefined),
    runbook.method.filter((step) => step.hold === undefined),
  )
  const holdsMs = short.flatMap((step) => step.hold ?? [])
  assert.deepEqual(holdsMs, [5000, 7000, 3000])
})

void test('what a hold expects is expected of a short one too', async () => {
  const { runbook } = await loadRunbook('control-plane-loss', { set: [], canApprove: false })
  assert.deepEqual(
    shorten(runbook.method).map((step) => step.expect),
    runbook.method.map((step) => step.expect),
  )
})

const asked = { runs: 2, runbooks: ['a-drill'], images: ['firedrill-node:one'] }

void test('runs of an interrupted bench survive; a finished one, or another question, begins anew', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'firedrill-bench-'))
  try {
    const file = join(folder, 'deep', 'state.json')
    assert.deepEqual(await resumeState(file, asked), [])
    const run = figuresOf(measure(goodRecord()), 'drills/one')
    await writeState(file, { asked, complete: false, runs: [run], figures: {} })
    assert.deepEqual(await resumeState(file, asked), [run])
    assert.deepEqual(await resumeState(file, { ...asked, runs: 3 }), [])
    await writeState(file, { asked, complete: false, runs: [run], figures: {} })
    assert.deepEqual(await resumeState(file, { ...asked, images: ['firedrill-node:two'] }), [], 'of other code')
    await writeState(file, { asked, complete: true, runs: [run, run], figures: {} })
    assert.deepEqual(await resumeState(file, asked), [])
    assert.ok((await readFile(`${file}.previous`, 'utf8')).includes('drills/one'))
  } finally {
    await rm(folder, { recursive: true })
  }
})

void test('figures are summed up by runbook, and one failed run makes the bench fail and is named', () => {
  const run = figuresOf(measure(goodRecord()), 'drills/one')
  const good = summary([run, { ...run, firstWriteMs: 2050 }], ['a-drill'])
  assert.match(good.screen, /a-drill \(2 of 2 passed\) +first write +2 +1050 ms +1550 ms +2050 ms/)
  assert.equal(good.verdict, 'pass')
  const record = goodRecord()
  const failed = figuresOf(measure({ ...record, runbook: { ...record.runbook, objectives: { rto: 1 } } }), 'drills/two')
  const mixed = summary([run, failed, { ...run, verdict: 'unknown' }], ['a-drill'])
  assert.match(mixed.screen, /^fail {2}a-drill: rto 1\.05 s, or up to 0\.15 s less \(drills\/two\)$/m)
  assert.equal(mixed.verdict, 'fail')
})

void test('what is unknown of a run is not in n, and its reason is told once', () => {
  const known = figuresOf(measure(goodRecord()), 'drills/one')
  const missing = figuresOf({ ...withMissing(), runbook: 'a-drill' }, 'drills/two')
  const out = figuresOf({ ...stillOut(), runbook: 'a-drill' }, 'drills/three')
  const { screen } = summary([known, missing, out], ['a-drill'])
  assert.match(screen, /a-drill .*\n +restored +1 +1050 ms +1050 ms +1050 ms +1 unknown, 1 still out\n/)
  assert.match(screen, /^ +lost +2 +0 +0 +0 +1 unknown$/m)
  assert.equal(
    screen.match(/unknown in 1 run: lost, split brain, failed requests: 160 operations of na are missing/g)?.length,
    1,
  )
})

void test('memory and CPU are read from cgroups of both versions', () => {
  const second = 'anon 1048576\nfile 5\nanon_thp 0\nusage_usec 2500\n'
  assert.deepEqual(parseUsage(second), { anonymousBytes: 1_048_576, cpuMs: 2.5 })
  const first = 'cache 1\nrss 7\ntotal_cache 1\ntotal_rss 2097152\nusage_nsec 3000000\n'
  assert.deepEqual(parseUsage(first), { anonymousBytes: 2_097_152, cpuMs: 3 })
  assert.throws(() => parseUsage('nothing'), /expected the figures of a cgroup/)
})
