// Groups of test files run as one: every file's failures and totals are told, whichever group it was in.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { type Ended, run } from '#world/child-process.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'test-runner-'))
  const file = (name: string, body: string): Promise<void> =>
    writeFile(join(folder, name), `import { test } from 'node:test'\n${body}\n`)
  await file('two.test.mjs', `test('one', () => {})\ntest('other', { skip: 'not here' }, () => {})`)
  await file('bad.test.mjs', `test('breaks', () => { throw new Error('broken on purpose') })`)
  await file(
    'since.test.mjs',
    `test('since', () => { Date.parse(process.env.FIREDRILL_TESTS_SINCE) > 0 || process.exit(1) })`,
  )
  await file('dies.test.mjs', `process.exit(9)`)
})
after(() => rm(folder, { recursive: true }))

/** In a process of its own: node's runner does nothing within a test. */
async function runGroups(...groups: readonly (readonly string[])[]): Promise<Ended> {
  const runner = pathToFileURL(join(import.meta.dirname, 'test-runner.ts')).href
  const wanted = groups.map((names) => ({ files: names.map((name) => join(folder, name)), concurrency: 1 }))
  const program = join(folder, 'program.mjs')
  await writeFile(
    program,
    `import { runTestGroups } from '${runner}'
process.exitCode = (await runTestGroups(${JSON.stringify(wanted)}, '${folder}')) ? 0 : 1`,
  )
  return run(['env', '-u', 'NODE_TEST_CONTEXT', process.execPath, program])
}

void test('totals are those of all groups', async () => {
  const { exitCode, stdout } = await runGroups(['two.test.mjs'], [], ['two.test.mjs'])
  assert.equal(exitCode, 0, stdout)
  assert.match(stdout, /^ℹ slowest files: two\.test\.mjs \d+ s$/m)
  assert.match(stdout, /ℹ tests 4\nℹ suites 0\nℹ pass 2\nℹ fail 0\nℹ cancelled 0\nℹ skipped 2\nℹ todo 0\nℹ duration_ms/)
  assert.equal(stdout.match(/^ℹ tests /gm)?.length, 1)
})

void test('files are told since when the tests run, so that they find what others left', async () => {
  const { exitCode, stdout } = await runGroups(['two.test.mjs'], ['since.test.mjs'])
  assert.equal(exitCode, 0, stdout)
})

for (const bad of ['bad.test.mjs', 'dies.test.mjs'])
  void test(`${bad} in the first group fails the whole, and the second group is run all the same`, async () => {
    const { exitCode, stdout } = await runGroups([bad], ['two.test.mjs'])
    assert.equal(exitCode, 1, stdout)
    assert.match(stdout, /ℹ pass 1\nℹ fail 1/)
    assert.match(stdout, new RegExp(`✖ failing tests:[^]*${bad.replaceAll('.', String.raw`\.`)}`))
  })
