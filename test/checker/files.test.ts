// What is no record is not checked: the checker names the file, the line and the field.
import assert from 'node:assert/strict'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { goodRecord } from '#gameday/measure/histories.ts'
import { asFiles } from './as-files.ts'
import { checkFolder } from './check-record.ts'
import { readDrill } from './files.ts'

const { record, finalReads, operations, timeline } = asFiles(goodRecord())
const lines = (all: readonly unknown[]): string => all.map((each) => `${JSON.stringify(each)}\n`).join('')
let folder = ''

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firedrill-checker-'))
  await writeFile(join(folder, 'record.json'), JSON.stringify(record))
  await writeFile(join(folder, 'final-reads.json'), JSON.stringify(finalReads))
  await writeFile(join(folder, 'ops.ndjson'), lines(operations))
  await writeFile(join(folder, 'timeline.ndjson'), lines(timeline))
})

after(() => rm(folder, { recursive: true, force: true }))

async function withFile(name: string, text: string): Promise<string> {
  const other = await mkdtemp(join(tmpdir(), 'firedrill-checker-'))
  await cp(folder, other, { recursive: true })
  await writeFile(join(other, name), text)
  return other
}

void test('a drill that was kept whole is read as it was written', async () => {
  const files = await readDrill(folder)
  assert.equal(files.operations.length, operations.length)
  assert.deepEqual(files.finalReads, finalReads)
  await assert.rejects(checkFolder(folder), /journal\.json/)
})

for (const [name, text, expected] of [
  ['record.json', '{', /^Error: record\.json: expected JSON$/],
  ['record.json', 'null', /^Error: record\.json: Invalid input/],
  ['record.json', JSON.stringify({ ...record, originNs: 5 }), /^Error: record\.json: originNs: /],
  ['final-reads.json', JSON.stringify({ ...finalReads, postgres: {} }), /^Error: final-reads\.json: postgres\.ids: /],
  [
    'ops.ndjson',
    lines([operations[0], { ...operations[1], epoch: '2' }]),
    /^Error: ops\.ndjson:2: epoch: Invalid input: expected number, received string$/,
  ],
  ['ops.ndjson', lines([operations[0], { ...operations[1], doneNs: '' }]), /^Error: ops\.ndjson:2: doneNs: /],
  ['ops.ndjson', lines([null]), /^Error: ops\.ndjson:1: /],
  ['timeline.ndjson', lines([{ ...timeline[0], kind: null }]), /^Error: timeline\.ndjson:1: kind: /],
] as const)
  void test(`${name} that is not as it must be is named: ${String(expected)}`, async () => {
    const broken = await withFile(name, text)
    try {
      await assert.rejects(readDrill(broken), expected)
    } finally {
      await rm(broken, { recursive: true, force: true })
    }
  })
