// A drill's folder measured again: the same journal from raw files alone, and every kind of tampering named.
import assert from 'node:assert/strict'
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { openDrillFolder, writeRecord } from '../drill-folder.ts'
import { writeManifest } from '../drill-manifest.ts'
import { goodRecord } from '../measure/histories.ts'
import { measure } from '../measure/measure.ts'
import { recomputeDrill, reportDrill } from './past-drill.ts'

const record = goodRecord()

describe('a drill of which everything was kept', () => {
  let drills: string
  let drill: string
  let count = 0

  before(async () => {
    drills = await mkdtemp(join(tmpdir(), 'firedrill-recompute-'))
  })
  after(() => rm(drills, { recursive: true }))

  beforeEach(async () => {
    count += 1
    drill = join(drills, `drill-${count}`)
    await mkdir(drill)
    const folder = await openDrillFolder(drill)
    folder.files.operations(record.operations)
    for (const event of record.events) folder.files.timeline(event)
    for (const sample of record.samples) folder.files.sample(sample)
    await folder.close()
    await writeRecord(drill, record, measure(record))
    await writeManifest(drill)
  })

  async function change(file: string, to: (lines: string[]) => string[]): Promise<void> {
    const lines = (await readFile(join(drill, file), 'utf8')).split('\n')
    await writeFile(join(drill, file), to(lines).join('\n'))
  }

  test('gives the same journal, byte for byte', async () => {
    const { different, integrity, journal } = await recomputeDrill(drills, drill)
    assert.deepEqual(different, [])
    assert.deepEqual(integrity.changed, [])
    assert.deepEqual(journal, measure(record))
  })

  test('an outcome that was changed is named, and the figures with it', async () => {
    await change('ops.ndjson', ([first = '', ...rest]) => [first.replace('"ok"', '"failed"'), ...rest])
    const { different, integrity } = await recomputeDrill(drills, drill)
    assert.match(integrity.changed.join(), /^ops\.ndjson was changed after the drill: \d+ bytes, expected \d+ \(sha256/)
    assert.match(different.join('\n'), /requests\.ok: the journal says 870, the raw files say 869/)
  })

  test('a line that was dropped, and one that was added, are named by report as well', async () => {
    await change('ops.ndjson', (lines) => lines.slice(1))
    assert.match((await reportDrill(drills, drill)).integrity.changed.join(), /ops\.ndjson .* 899 lines, expected 900/)
    assert.match(await readFile(join(drill, 'report.html'), 'utf8'), /ops\.ndjson was changed after the drill/)
    await appendFile(join(drill, 'timeline.ndjson'), `${JSON.stringify(record.events[0])}\n`)
    assert.match((await reportDrill(drills, drill)).integrity.changed.join(), /timeline\.ndjson .* 8 lines, expected 7/)
  })

  test('a figure that was changed in the journal is named', async () => {
    await change('journal.json', (lines) =>
      lines.map((line) => line.replace('"firstWriteMs": 1050', '"firstWriteMs": 1')),
    )
    const { different, integrity } = await recomputeDrill(drills, drill)
    assert.match(integrity.changed.join(), /journal\.json was changed/)
    assert.match(different.join('\n'), /rto\.firstWriteMs: the journal says 1, the raw files say 1050/)
  })

  test('a drill without its record is refused in one line', async () => {
    await rm(join(drill, 'record.json'))
    await assert.rejects(
      recomputeDrill(drills, drill),
      /has no record\.json \(removed, or recorded by an older version\)/,
    )
  })
})
