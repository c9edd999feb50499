// The drill's folder: what was written is there, and a full disk is told instead of ending the process.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { lstat, mkdir, mkdtemp, readFile, readlink, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { createDrillFolder, drillName, mendLines, openDrillFolder } from './drill-folder.ts'
import { goodRecord } from './measure/histories.ts'

const event: TimelineEvent = { atNs: '1', source: 'harness', site: 'harness', kind: 'note', reason: 'why' }

void test('lines are in the folder, which is the latest', async () => {
  const drills = await mkdtemp(join(tmpdir(), 'firedrill-drills-'))
  try {
    const name = drillName('a-book', new Date(Date.UTC(2026, 0, 2, 3, 4, 5)))
    const folder = await createDrillFolder(drills, name)
    folder.files.timeline(event)
    assert.deepEqual(await folder.close(), [])
    assert.equal(await readFile(join(drills, 'latest', 'timeline.ndjson'), 'utf8'), `${JSON.stringify(event)}\n`)
    assert.equal(await readlink(join(drills, 'latest')), '2026-01-02T03-04-05Z-a-book')
  } finally {
    await rm(drills, { recursive: true })
  }
})

void test('a file that somebody changes, removes or replaces while the drill runs is named, and written once more', async () => {
  const drills = await mkdtemp(join(tmpdir(), 'firedrill-drills-'))
  const record = { ...goodRecord(), samples: [] }
  const text = (lines: readonly unknown[]): string => lines.map((each) => `${JSON.stringify(each)}\n`).join('')
  const ways: Readonly<Record<string, (file: string) => Promise<unknown>>> = {
    truncated: (file) => truncate(file),
    removed: (file) => rm(file),
    edited: async (file) => writeFile(file, (await readFile(file, 'utf8')).replace('"na"', '"eu"')),
    'turned into a link': async (file) => {
      await rm(file)
      await symlink(join(drills, 'elsewhere'), file)
    },
  }
  try {
    await writeFile(join(drills, 'elsewhere'), 'kept')
    for (const [way, spoil] of Object.entries(ways)) {
      const folder = await createDrillFolder(drills, 'a-book')
      folder.files.timeline(event)
      const half = record.operations.length / 2
      folder.files.operations(record.operations.slice(0, half))
      await setImmediate()
      const file = join(folder.path, 'ops.ndjson')
      while ((await readFile(file, 'utf8')) === '') await setImmediate()
      await spoil(file)
      folder.files.operations(record.operations.slice(half))
      const changed = await folder.close()
      assert.deepEqual(changed, ['ops.ndjson'], way)
      await mendLines(folder.path, changed, record)
      assert.equal(await readFile(file, 'utf8'), text(record.operations), way)
      assert.ok((await lstat(file)).isFile(), way)
    }
    assert.equal(await readFile(join(drills, 'elsewhere'), 'utf8'), 'kept')
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
