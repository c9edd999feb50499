// The live drill's file: what it shows, whose answer counts, and how it ends.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { liveDrill, type LiveDrill } from '#protocol/live-drill.ts'
import { runbook } from '#protocol/runbook.ts'
import { liveFolder } from '#world/world-files.ts'
import { LiveDrillFile } from './live-drill.ts'

const world = `test-live-${randomBytes(3).toString('hex')}`
const folder = liveFolder(world)
after(() => rm(folder, { recursive: true, force: true }))

const book = runbook.parse({
  title: 'A drill',
  load: { rate: '10/s' },
  'steady-state-hypothesis': { 'success-rate': '>= 95%', p99: '<= 3s' },
  method: [{ hold: '1s', notes: 'Ann watches' }, { parallel: [{ hold: '2s' }, [{ hold: '3s' }]] }],
  rollback: [{ hold: '4s' }],
})

async function open(): Promise<LiveDrillFile> {
  const live = new LiveDrillFile({
    world,
    drill: 'drill-1',
    folder: '/drills/drill-1',
    runbookName: 'a-drill',
    runbook: book,
    startedAt: '2026-01-01T00:00:00.000Z',
  })
  await live.open()
  return live
}

/** Reads until it is so: writes are under way beside. */
async function shown(wanted: (drill: LiveDrill) => boolean): Promise<LiveDrill> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    const drill = liveDrill.parse(JSON.parse(await readFile(join(folder, 'drill.json'), 'utf8')))
    if (wanted(drill)) return drill
    await sleep(10)
  }
  throw new Error('expected the file to show it within 5 s')
}

const answer = (id: string, approved: boolean): Promise<void> =>
  writeFile(join(folder, 'approval.json'), JSON.stringify({ id, approved, from: 'dashboard' }))

const nobody = (_question: string, signal: AbortSignal): Promise<boolean> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('not asked any more')))
  })

void test('every step is shown as it goes, branches and rollback too, and the verdict at the end', async () => {
  const live = await open()
  live.began('method[0]')
  live.ended('method[0]', null)
  live.began('method[1].parallel[1][0]')
  live.noted('method[1].parallel[1][0]', 'half way')
  const running = await shown(({ steps }) => steps[2]?.note === 'half way')
  assert.deepEqual(
    running.steps.map(({ title, state, note }) => [title, state, note]),
    [
      ['Hold for 1.00 s', 'done', 'Ann watches'],
      ['Hold for 2.00 s', 'waiting', null],
      ['Hold for 3.00 s', 'running', 'half way'],
      ['Rollback: Hold for 4.00 s', 'waiting', null],
    ],
  )
  live.ended('method[1].parallel[1][0]', 'interrupted')
  live.rollingBack()
  live.began('rollback[0]')
  assert.deepEqual(
    (await shown(({ steps }) => steps[3]?.state === 'running')).steps.map(({ state }) => state),
    ['done', 'skipped', 'failed', 'running'],
  )
  live.ended('rollback[0]', null)
  await live.close('fail', 'stop loss')
  const { state, verdict, interruption, pid } = await shown((drill) => drill.state === 'ended')
  assert.deepEqual([state, verdict, interruption, pid], ['ended', 'fail', 'stop loss', process.pid])
})

void test('an answer from the file counts, if it is to this question; the terminal is asked no more', async () => {
  const live = await open()
  let endedHere = false
  const asked = live.ask(
    'Really?',
    (question, signal) => nobody(question, signal).finally(() => (endedHere = true)),
    new AbortController().signal,
  )
  const { approval } = await shown((drill) => drill.approval !== null)
  assert.equal(approval?.question, 'Really?')
  await answer('an-older-question', true)
  // Longer than a look takes: the old answer is read, and does not count.
  assert.equal(await Promise.race([asked, sleep(500, 'still waiting')]), 'still waiting')
  await answer(approval?.id ?? '', false)
  assert.deepEqual(await asked, { approved: false, from: 'dashboard' })
  assert.ok(endedHere)
  assert.equal((await shown((drill) => drill.approval === null)).approval, null)
  assert.ok(!existsSync(join(folder, 'approval.json')))
  await live.close('pass', null)
})

void test('the answer at the terminal counts too, and questions wait for each other', async () => {
  const live = await open()
  const { signal } = new AbortController()
  const asked: string[] = []
  const yes = async (question: string): Promise<boolean> => {
    asked.push(`asked ${question}`)
    await sleep(20)
    asked.push(`answered ${question}`)
    return true
  }
  const both = await Promise.all([live.ask('one?', yes, signal), live.ask('two?', yes, signal)])
  assert.deepEqual(both, [
    { approved: true, from: 'terminal' },
    { approved: true, from: 'terminal' },
  ])
  assert.deepEqual(asked, ['asked one?', 'answered one?', 'asked two?', 'answered two?'])
  await live.close('pass', null)
})

void test('a question that the drill does not wait for any more is taken back', async () => {
  const live = await open()
  const ending = new AbortController()
  const asked = assert.rejects(live.ask('Really?', nobody, ending.signal))
  await shown((drill) => drill.approval !== null)
  ending.abort(new Error('stop loss'))
  await asked
  assert.equal((await shown((drill) => drill.approval === null)).approval, null)
  await live.close(null, 'stop loss')
})
