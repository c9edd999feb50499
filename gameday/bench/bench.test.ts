// The parts of the benches that need no world.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { goodRecord } from '../measure/histories.ts'
import { measure } from '../measure/measure.ts'
import { loadRunbook } from '../validate.ts'
import { distribution } from './distribution.ts'
import { figuresOf, shorten, summary } from './failover.ts'
import { parseUsage } from './footprint.ts'
import { readState, writeState } from './state.ts'

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

void test('finished runs survive, and their figures are summed up by runbook', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'firedrill-bench-'))
  try {
    const file = join(folder, 'deep', 'state.json')
    assert.deepEqual(await readState(file), [])
    const run = figuresOf(measure(goodRecord()))
    await writeState(file, [run, { ...run, firstWriteMs: 2050 }])
    const { screen } = summary(await readState(file), ['a-drill'])
    assert.match(screen, /a-drill \(2 of 2 passed\) +first write +2 +1050 ms +1550 ms +2050 ms/)
  } finally {
    await rm(folder, { recursive: true })
  }
})

void test('memory and CPU are read from cgroups of both versions', () => {
  const second = 'anon 1048576\nfile 5\nanon_thp 0\nusage_usec 2500\n'
  assert.deepEqual(parseUsage(second), { anonymousBytes: 1_048_576, cpuMs: 2.5 })
  const first = 'cache 1\nrss 7\ntotal_cache 1\ntotal_rss 2097152\nusage_nsec 3000000\n'
  assert.deepEqual(parseUsage(first), { anonymousBytes: 2_097_152, cpuMs: 3 })
  assert.throws(() => parseUsage('nothing'), /expected the figures of a cgroup/)
})
