// The drill's folder: what was written is there, and a full disk is told instead of ending the process.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { createDrillFolder, drillName, openDrillFolder } from './drill-folder.ts'

const event: TimelineEvent = { atNs: '1', source: 'harness', site: 'harness', kind: 'note', reason: 'why' }

void test('lines are in the folder, which is the latest', async () => {
  const drills = await mkdtemp(join(tmpdir(), 'firedrill-drills-'))
  try {
    const name = drillName('a-book', new Date(Date.UTC(2026, 0, 2, 3, 4, 5)))
    const folder = await createDrillFolder(drills, name)
    folder.files.timeline(event)
    await folder.close()
    assert.equal(await readFile(join(drills, 'latest', 'timeline.ndjson'), 'utf8'), `${JSON.stringify(event)}\n`)
    assert.equal(await readlink(join(drills, 'latest')), '2026-01-02T03-04-05Z-a-book')
  } finally {
    await rm(drills, { recursive: true })
  }
})

void test('drills that begin in the same second do not share a folder', async () => {
  const drills = await mkdtemp(join(tmpdir(), 'firedrill-drills-'))
  try {
    const folders = await Promise.all(Array.from({ length: 3 }, () => createDrillFolder(drills, 'a-book')))
    for (const folder of folders) await folder.close()
    assert.deepEqual(folders.map((folder) => basename(folder.path)).sort(), ['a-book', 'a-book-2', 'a-book-3'])
    assert.ok((await readlink(join(drills, 'latest'))).startsWith('a-book'))
  } finally {
    await rm(drills, { recursive: true })
  }
})

void test('a file that can not be written, as on a full disk, breaks the drill with its reason', async () => {
  const drills = await mkdtemp(join(tmpdir(), 'firedrill-drills-'))
  try {
    await mkdir(join(drills, 'full', 'ops.ndjson'), { recursive: true })
    const folder = await openDrillFolder(join(drills, 'full'))
    const broken = once(folder.broken, 'abort')
    folder.files.operations([])
    folder.files.timeline(event)
    await broken
    assert.match(String(folder.broken.reason), /can't be recorded: EISDIR/)
    await assert.rejects(folder.close(), /EISDIR/)
  } finally {
    await rm(drills, { recursive: true })
  }
})

test('a folder that cannot be made is told in one line that says what to do', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'firedrill-folder-'))
  context.after(() => rm(folder, { recursive: true }))
  const drills = join(folder, 'drills')
  await writeFile(drills, 'in the way')
  await assert.rejects(
    createDrillFolder(drills, 'x'),
    (error) =>
      error instanceof EnvironmentError && /^no drill can be recorded in .*drills: .*; make room/.test(error.message),
  )
})
