// A session without a world: what is kept, when the world is made anew, and how the session ends.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { createFakeWorld } from '#chaos/fake-world.ts'
import type { Journal } from '#protocol/journal.ts'
import { goodRecord } from '../measure/histories.ts'
import { measure } from '../measure/measure.ts'
import { DrillRefused } from '../run-drill.ts'
import { loadRunbook } from '../validate.ts'
import { drawRun } from './draw.ts'
import { runFuzz, type FuzzOptions, type FuzzResult, type Rig } from './run-fuzz.ts'

function goodJournal(): Journal {
  const record = goodRecord()
  return measure({ ...record, runbook: { ...record.runbook, objectives: { rpo: 0 } } })
}

/** The same drill later in the same world. */
function laterJournal(): Journal {
  const journal = goodJournal()
  return { ...journal, epochs: journal.epochs.map((each) => ({ ...each, epoch: each.epoch + 2 })) }
}

function badJournal(): Journal {
  const record = goodRecord()
  return measure({ ...record, faults: [], runbook: { ...record.runbook, objectives: { rpo: 0 } } })
}

describe('a session', () => {
  let root: string
  let lines: string[]
  let made: string[]
  let interruption: AbortController

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'firedrill-fuzz-'))
    lines = []
    made = []
    interruption = new AbortController()
  })
  afterEach(async () => rm(root, { recursive: true }))

  /** Each drill leaves a folder and the next of these journals; null: it is refused. */
  async function session(journals: readonly (Journal | null)[], more: Partial<FuzzOptions> = {}): Promise<FuzzResult> {
    const world = createFakeWorld()
    let next = 0
    const rig: Rig = {
      ready: (world) => Promise.resolve(world),
      bringHome: () => Promise.resolve(),
      drill: async ({ drillsFolder, loaded }) => {
        const journal = journals[next] ?? null
        next += 1
        if (next === journals.length && more.signal !== undefined) interruption.abort()
        if (journal === null) throw new DrillRefused('the world is not whole')
        const folder = join(drillsFolder, loaded.name)
        await mkdir(folder, { recursive: true })
        await writeFile(join(folder, 'journal.json'), '{}')
        return { journal, folder }
      },
    }
    const options: FuzzOptions = {
      world,
      seed: 5,
      runs: journals.map((_, index) => index + 1),
      commit: 'quorum',
      recordFolder: join(root, 'record'),
      drillsFolder: join(root, 'drills'),
      keepAll: false,
      remake: (why) => {
        made.push(why)
        return Promise.resolve(world)
      },
      progress: { step: (_title, work) => work(() => {}) },
      print: (line) => lines.push(line),
      signal: interruption.signal,
      ...more,
    }
    return runFuzz(options, rig)
  }

  test('of drills that pass leaves nothing', async () => {
    const { verdict, runs } = await session([goodJournal(), laterJournal()])
    assert.equal(verdict, 'pass')
    assert.deepEqual(
      runs.map((each) => each.folder),
      [null, null],
    )
    assert.ok(!existsSync(join(root, 'drills')))
    assert.deepEqual(made, [])
    assert.equal(lines.filter((line) => line.startsWith('run ')).length, 2)
  })

  test('keeps the folder of a failed run with a runbook that replays it, and makes the world anew', async () => {
    const { verdict, runs } = await session([badJournal(), goodJournal()])
    assert.equal(verdict, 'fail')
    const kept = runs[0]?.folder ?? ''
    assert.equal(kept, join(root, 'drills', 'fuzz-5-1'))
    assert.equal(await realpath(join(root, 'drills', 'latest')), await realpath(kept))
    const file = join(kept, 'fuzz-5-1.yaml')
    assert.match(
      await readFile(file, 'utf8'),
      /^# Drawn by \.\/firedrill fuzz --seed 5 --only 1\n# Replay: .* --seed 6\n/,
    )
    const { runbook } = await loadRunbook(file, { set: [], canApprove: false })
    assert.deepEqual(runbook, drawRun({ seed: 5, run: 1, commit: 'quorum', home: 'a' }).runbook)
    assert.deepEqual(made, ['run 1 ended as fail'])
    assert.ok(lines.includes(`violation: run 1, ${kept}`))
  })

  test('knows the epochs of its earlier runs: they never fall in one world', async () => {
    const { runs } = await session([laterJournal(), goodJournal()])
    assert.deepEqual(runs[1]?.violations, ['epochs grow: 5 was seen before, and now the world is in epoch 1'])
  })

  test('keeps every folder if asked to', async () => {
    const { runs } = await session([goodJournal()], { keepAll: true })
    assert.ok(existsSync(join(runs[0]?.folder ?? '', 'journal.json')))
  })

  test('in which a drill could not begin, or that was interrupted, has not passed', async () => {
    assert.equal((await session([null])).verdict, 'unknown')
    const cut = await session([goodJournal(), laterJournal()], { signal: interruption.signal })
    assert.equal(cut.verdict, 'unknown')
    assert.equal(cut.runs.length, 1, 'a run that was cut short is none')
  })
})
