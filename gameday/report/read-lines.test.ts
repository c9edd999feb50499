// The lines of a file: all of them, in order, whatever the pieces are in which they are read.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { readLines } from './read-lines.ts'

const shape = z.object({ number: z.number(), text: z.string() })

async function fileOf(context: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'firedrill-lines-'))
  context.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'x.ndjson'), text)
  return join(folder, 'x.ndjson')
}

void test('every line comes once, in order, though it lies across the border of two pieces', async (context) => {
  // Signs of several bytes, so that some border cuts one.
  const lines = Array.from({ length: 5000 }, (_, number) => ({ number, text: 'ü日'.repeat(100 + (number % 7)) }))
  const text = lines.map((line) => JSON.stringify(line)).join('\n')
  assert.ok(Buffer.byteLength(text) > 2 << 20)
  for (const end of ['', '\n'])
    assert.deepEqual(await Array.fromAsync(readLines(await fileOf(context, text + end), shape)), lines)
})

void test('a line that is none is named by its number, and a file that is not there has none', async (context) => {
  const line = '{"number":1,"text":""}'
  const file = await fileOf(context, `${line}\n\n{"number":1`)
  await assert.rejects(
    Array.fromAsync(readLines(file, shape)),
    /x\.ndjson, line 3: expected one whole record in JSON, saw \{"number":1:/,
  )
  await assert.rejects(
    Array.fromAsync(readLines(await fileOf(context, `${line}\n{"number":"1","text":""}`), shape)),
    /x\.ndjson, line 2: expected a record as a drill writes it, saw another \(number: Invalid input: expected number/,
  )
  assert.deepEqual(await Array.fromAsync(readLines(`${file}.gone`, shape)), [])
})
