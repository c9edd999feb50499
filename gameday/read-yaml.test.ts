// Files that are meant to break their reader: each is told in few lines, within a second, without a stack trace.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { printable } from '#protocol/names.ts'
import { createDrillFolder, drillName } from './drill-folder.ts'
import { readText } from './read-yaml.ts'
import { loadRunbook, parseRunbook, RunbookInvalid } from './validate.ts'

const good = `title: A drill
load: { rate: 10/s }
steady-state-hypothesis: { success-rate: '>= 99%', p99: '<= 500ms' }
method:
  - hold: 1s
`
const times = (count: number, each: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => each(index)).join('')

const bomb = times(
  30,
  (index) => `  x${index}: &x${index} ${index === 0 ? '[1, 1]' : `[*x${index - 1}, *x${index - 1}]`}\n`,
)

const hostile: readonly (readonly [string, string])[] = [
  ['8,000 aliases', `x: &x 1\ny: [${times(8000, () => '*x, ')}]\n`],
  ['8,000 anchors and aliases', times(4000, (index) => `a${index}: &a${index} 1\nb${index}: *a${index}\n`)],
  ['100 kB of beginnings of parameters', good.replace('A drill', `'${'${'.repeat(50_000)}'`)],
  ['100 kB of parameters', good.replace('A drill', `'${'${x}'.repeat(25_000)}'`)],
  ['a bomb of aliases', `${good}x:\n${bomb}`],
  [
    'a bomb of aliases as the values of a parameter',
    `${good}x:\n${bomb}parameters:\n  a: { default: 1, one-of: *x29 }\n`,
  ],
  ['20,000 steps that are none', `${good}${times(20_000, () => '  - {}\n')}`],
  ['20,000 parameters in a list', `${good.replace('hold: 1s', 'hold: 1s\nx:')}${times(15_000, () => "  - '${a}'\n")}`],
  ['30,000 keys', times(30_000, (index) => `k${index}: 1\n`)],
  ['3,000 lists inside each other', `x: ${'['.repeat(3000)}${']'.repeat(3000)}\n`],
  ['100,000 lists inside each other', '['.repeat(100_000)],
  [
    'a link with 100,000 ends',
    good.replace(
      '- hold: 1s',
      `- fault: { id: x, kind: link-degrade, target: '${'a,'.repeat(50_000)}b -> ${'a,'.repeat(50_000)}b', loss: 1 }`,
    ),
  ],
  ['a title of 90 MB', good.replace('A drill', 'x'.repeat(90_000_000))],
]

for (const [what, text] of hostile)
  void test(`${what} is told shortly`, () => {
    const began = process.cpuUsage()
    assert.throws(
      () => parseRunbook('book.yaml', text, { set: ['parameters.b=1'], canApprove: true }),
      (error) => {
        assert.ok(error instanceof RunbookInvalid, String(error))
        assert.ok(error.message.length < 60_000, `${error.message.length} letters`)
        for (const line of error.problems) assert.ok(!line.includes('\n') && line.length < 1500, line.slice(0, 300))
        return true
      },
    )
    const { user, system } = process.cpuUsage(began)
    assert.ok((user + system) / 1000 < 1000, `${(user + system) / 1000} ms of a processor`)
  })

void test('a key that stands twice is told where it stands again', () => {
  const twice = good.replace('load:', 'title: x\nload:')
  assert.throws(() => parseRunbook('book.yaml', twice, { set: [], canApprove: true }), {
    message: 'book.yaml:2:1: expected each key once, found "title" again',
  })
})

void test('a file without an end, or of many pages, is read no further than a runbook is long', async () => {
  for (const file of ['/dev/zero', '/dev/urandom'])
    await assert.rejects(loadRunbook(file, { set: [], canApprove: true }), {
      message: `${file}: expected a runbook of at most 256 KiB, found more`,
    })
})

const fileNames = [
  'lose region a (v2)',
  'Übung – Köln',
  '東京リージョン喪失',
  'x'.repeat(80),
  'y'.repeat(200),
  '-rf',
  '.',
  'a\u001b[31mb',
  'tab\tand\nline',
  "it's 100 %",
]

for (const name of fileNames)
  void test(`a runbook called ${JSON.stringify(name).slice(0, 40)} has a folder for its drill, and keeps its name`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'firedrill-names-'))
    try {
      const file = join(folder, `${name}.yaml`)
      await writeFile(file, good)
      const loaded = await loadRunbook(file, { set: [], canApprove: true })
      assert.equal(printable(loaded.name + loaded.file), loaded.name + loaded.file)
      if (!name.includes('\u001b')) assert.equal(loaded.name, name)
      const drills = join(folder, 'drills')
      const made = await createDrillFolder(drills, drillName(loaded.name, new Date(0)))
      await made.close()
      assert.match(made.path, /\/drills\/1970-01-01T00-00-00Z-[A-Za-z0-9._-]{1,40}$/)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

void test('a pipe is read as its writer writes, and one without a writer is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'firedrill-pipe-'))
  try {
    const pipe = join(folder, 'pipe.yaml')
    execFileSync('mkfifo', [pipe])
    await assert.rejects(readText(pipe).then((text) => parseRunbook('pipe.yaml', text, { set: [], canApprove: true })))
    const writer = spawn('sh', ['-c', `exec > '${pipe}'; echo 'title: A'; sleep 0.2; echo 'more: B'`])
    const ended = once(writer, 'close')
    assert.equal(await readText(pipe), 'title: A\nmore: B\n')
    await ended
  } finally {
    await rm(folder, { recursive: true })
  }
})
