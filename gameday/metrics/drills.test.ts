// What the harness tells of drills: those in a folder, the last one's figures, and the one that runs.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { LiveDrill } from '#protocol/live-drill.ts'
import { goodRecord } from '../measure/histories.ts'
import { measure } from '../measure/measure.ts'
import { withMissing } from '../report/planted-journals.ts'
import { createDrillMetrics, readPastDrills } from './drills.ts'

const journal = measure(goodRecord())

async function newFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'firedrill-drills-'))
  context.after(async () => rm(folder, { recursive: true }))
  return folder
}

async function write(folder: string, name: string, text: string, endedS: number): Promise<void> {
  await mkdir(join(folder, name), { recursive: true })
  const file = join(folder, name, 'journal.json')
  await writeFile(file, text)
  await utimes(file, endedS, endedS)
}

test('drills are counted by verdict, and the figures are those of the last one; unmeasured ones are absent', async (context) => {
  const folder = await newFolder(context)
  await write(folder, 'late', JSON.stringify({ ...journal, rto: { ...journal.rto, restoredMs: 2500 } }), 2000)
  await write(folder, 'early', JSON.stringify({ ...journal, verdict: 'fail' }), 1000)
  await write(folder, 'broken', '{', 3000)
  const page = await createDrillMetrics(await readPastDrills(folder), null).metrics()
  assert.match(page, /^firedrill_drills\{verdict="pass"\} 1$/m)
  assert.match(page, /^firedrill_drills\{verdict="fail"\} 1$/m)
  assert.match(page, /^firedrill_drill_last_rto_seconds 2\.5$/m)
  assert.match(page, /^firedrill_drill_last_ended_timestamp_seconds 2000$/m)
  assert.match(page, /^firedrill_drill_last_phase_seconds\{phase="detect"\} 0\.3$/m)
  assert.match(page, /^firedrill_drill_last_lost_items\{store="postgres"\} 0$/m)
  assert.doesNotMatch(page, /^firedrill_drill_last_lost_items\{store="objects"\}/m)
  assert.match(page, /^firedrill_drill_running 0$/m)
})

test('a journal that was written anew is read anew', async (context) => {
  const folder = await newFolder(context)
  await write(folder, 'one', JSON.stringify(journal), 1000)
  assert.equal((await readPastDrills(folder))[0]?.journal.verdict, 'pass')
  await write(folder, 'one', JSON.stringify({ ...journal, verdict: 'unknown' }), 1001)
  assert.equal((await readPastDrills(folder))[0]?.journal.verdict, 'unknown')
})

test('each incident has its figures, and what is unknown is absent and counted', async (context) => {
  const folder = await newFolder(context)
  await write(folder, 'one', JSON.stringify(withMissing()), 1000)
  const page = await createDrillMetrics(await readPastDrills(folder), null).metrics()
  assert.match(page, /^firedrill_drill_last_incident_rto_seconds\{incident="one",cause="fault"\} 1$/m)
  assert.doesNotMatch(page, /^firedrill_drill_last_incident_rto_seconds\{incident="two"/m)
  assert.doesNotMatch(page, /^firedrill_drill_last_rto_seconds \d/m)
  assert.doesNotMatch(page, /^firedrill_drill_last_lost_items\{/m)
  assert.match(page, /^firedrill_drill_last_incidents\{cause="fault"\} 2$/m)
  assert.match(page, /^firedrill_drill_last_unknown_figures 7$/m)
  assert.match(page, /^firedrill_drill_last_operations\{area="na",state="missing"\} 160$/m)
})

test('without drills there are counts and no figures', async (context) => {
  const page = await createDrillMetrics(await readPastDrills(join(await newFolder(context), 'none')), null).metrics()
  assert.match(page, /^firedrill_drills\{verdict="pass"\} 0$/m)
  assert.doesNotMatch(page, /_last_\w+(\{.*\})? \d/)
})

test('a drill that runs is told with its step, one that has ended is not', async () => {
  const step = { title: 'x', kind: 'hold', state: 'done', note: null, startedMs: 0, endedMs: 1 } as const
  const live: LiveDrill = {
    drill: 'd',
    folder: '/d',
    runbook: 'r',
    title: 't',
    pid: 1,
    startedAt: '2026-01-01T00:00:00.000Z',
    state: 'running',
    steps: [step, { ...step, kind: 'fault', state: 'running' }],
    approval: null,
    verdict: null,
    interruption: null,
  }
  const page = await createDrillMetrics([], live).metrics()
  assert.match(page, /^firedrill_drill_running 1$/m)
  assert.match(page, /^firedrill_drill_steps 2$/m)
  assert.match(page, /^firedrill_drill_step\{kind="fault"\} 2$/m)
  assert.match(await createDrillMetrics([], { ...live, state: 'ended' }).metrics(), /^firedrill_drill_running 0$/m)
})
