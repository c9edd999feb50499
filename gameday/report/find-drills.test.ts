// Past drills by name: each once, and whatever is left out or was changed is told.
import assert from 'node:assert/strict'
import { appendFile, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { journalText } from '../drill-folder.ts'
import { writeManifest } from '../drill-manifest.ts'
import { goodRecord } from '../measure/histories.ts'
import { measure } from '../measure/measure.ts'
import { allDrills, findGroup, sameGroups } from './find-drills.ts'

async function drillsFolder(context: TestContext): Promise<string> {
  const drills = await mkdtemp(join(tmpdir(), 'firedrill-find-'))
  context.after(() => rm(drills, { recursive: true }))
  for (const drill of ['one', 'two']) {
    await mkdir(join(drills, drill))
    await writeFile(join(drills, drill, 'journal.json'), journalText(measure({ ...goodRecord(), drill })))
    await writeManifest(join(drills, drill))
  }
  return drills
}

void test('a copy and a killed drill are left out, each with a line', async (context) => {
  const drills = await drillsFolder(context)
  await cp(join(drills, 'one'), join(drills, 'one-again'), { recursive: true })
  await mkdir(join(drills, 'killed'))
  await writeFile(join(drills, 'killed', 'ops.ndjson'), '')
  const said: string[] = []
  const all = await allDrills(drills, (line) => said.push(line))
  assert.deepEqual([...all.keys()], ['one', 'two'])
  assert.deepEqual(said, [
    'left out: killed has no journal.json: it was killed before its end, or still runs',
    'left out: one-again is a copy of one',
  ])
})

void test('a group has each drill once, however it is named, and tells which was changed', async (context) => {
  const drills = await drillsFolder(context)
  await appendFile(join(drills, 'two', 'journal.json'), '\n')
  const said: string[] = []
  const say = (line: string): unknown => said.push(line)
  const all = await allDrills(drills, say)
  const group = await findGroup(`A=one,two,one,${join(drills, 'two')}`, drills, all, say)
  assert.deepEqual(
    group.drills.map(({ drill }) => drill),
    ['one', 'two'],
  )
  assert.equal(group.changed.length, 1)
  assert.match(group.changed[0] ?? '', /^two: journal\.json was changed after the drill: /)
  assert.deepEqual(said, [
    `left out: ${join(drills, 'one')} is in A already`,
    `left out: ${join(drills, 'two')} is in A already`,
  ])
})

void test('two groups of the same drills are none to compare, whatever they are called', async (context) => {
  const drills = await drillsFolder(context)
  await cp(join(drills, 'one'), join(drills, 'one-again'), { recursive: true })
  const all = await allDrills(drills, () => {})
  const groupOf = (word: string): ReturnType<typeof findGroup> => findGroup(word, drills, all, () => {})
  const groups = await Promise.all(['two', 'one-again', 'one'].map(groupOf))
  assert.deepEqual(sameGroups(groups), ['one-again', 'one'])
  assert.equal(sameGroups(await Promise.all(['two', 'A=one,two', 'one'].map(groupOf))), null)
})
