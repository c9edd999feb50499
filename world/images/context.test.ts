// Build contexts: what goes in, and what changes the hash that decides whether an image is built again.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { extract } from 'tar-fs'
import { artifactsOf, hashContext, packContext, readContext } from './context.ts'

const dockerfile = `ARG RUNTIME=firedrill-runtime
FROM debian AS build
COPY services/kafka/pom.xml ./
FROM \${RUNTIME}
COPY --from=build /made /made
COPY .firedrill/artifacts/runtime /opt/runtime
COPY protocol \\
  package.json /firedrill/
`

function makeCheckout(context: { after(work: () => void): void }): string {
  const root = mkdtempSync(join(tmpdir(), 'firedrill-context-'))
  context.after(() => rmSync(root, { recursive: true }))
  write(root, 'services/x/Dockerfile', dockerfile)
  write(root, 'services/kafka/pom.xml', '<project/>')
  write(root, 'protocol/sites.ts', 'export {}')
  write(root, 'protocol/sites.test.ts', 'export {}')
  write(root, 'package.json', '{}')
  write(root, '.firedrill/artifacts/runtime/.content', 'one')
  write(root, '.firedrill/artifacts/runtime/node', 'node')
  write(root, 'README.md', 'not copied')
  return root
}

function write(root: string, file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true })
  writeFileSync(join(root, file), text)
}

function hashOf(root: string, extra: readonly string[] = []): string {
  return hashContext(root, readContext(root, 'services/x/Dockerfile'), extra)
}

test('sources, bases and artifacts are read from the Dockerfile', (context) => {
  const read = readContext(makeCheckout(context), 'services/x/Dockerfile')
  assert.deepEqual(read.sources, ['.firedrill/artifacts/runtime', 'package.json', 'protocol', 'services/kafka/pom.xml'])
  assert.deepEqual(read.bases, ['RUNTIME'])
  assert.deepEqual(artifactsOf(read), ['runtime'])
})

test('the hash changes with what is copied, and with nothing else', (context) => {
  const root = makeCheckout(context)
  const before = hashOf(root)
  write(root, 'README.md', 'changed')
  write(root, 'protocol/sites.test.ts', 'changed')
  assert.equal(hashOf(root), before)
  const changes: readonly (readonly [string, string])[] = [
    ['protocol/sites.ts', 'changed'],
    ['protocol/new.ts', ''],
    ['.firedrill/artifacts/runtime/.content', 'two'],
    ['services/x/Dockerfile', `${dockerfile}# changed`],
  ]
  const seen = new Set([before, hashOf(root, ['another base'])])
  for (const [file, text] of changes) {
    write(root, file, text)
    seen.add(hashOf(root))
  }
  assert.equal(seen.size, changes.length + 2)
})

test('the context carries what is copied, without tests', async (context) => {
  const root = makeCheckout(context)
  const unpacked = mkdtempSync(join(tmpdir(), 'firedrill-unpacked-'))
  context.after(() => rmSync(unpacked, { recursive: true }))
  await pipeline(packContext(root, readContext(root, 'services/x/Dockerfile')), extract(unpacked))
  const names = readdirSync(unpacked, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(unpacked, join(entry.parentPath, entry.name)))
  assert.deepEqual(names.sort(), [
    '.firedrill/artifacts/runtime/.content',
    '.firedrill/artifacts/runtime/node',
    'package.json',
    'protocol/sites.ts',
    'services/kafka/pom.xml',
    'services/x/Dockerfile',
  ])
})

test('a Dockerfile that copies what does not exist is named', (context) => {
  const root = makeCheckout(context)
  rmSync(join(root, 'package.json'))
  assert.throws(() => hashOf(root), /package\.json, which does not exist/)
})
