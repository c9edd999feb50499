// Which CA bundle of this machine goes into the builds, and that two commands can make an artifact at once.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { replaceFolder, trustedBundle } from './artifacts.ts'

test("Node's extra certificates go before OpenSSL's, and what is no readable bundle counts for nothing", (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'firedrill-ca-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const [one, two] = ['one', 'two'].map((each) => `-----BEGIN CERTIFICATE-----\n${each}\n-----END CERTIFICATE-----\n`)
  assert.ok(one !== undefined && two !== undefined)
  const node = file('node.pem', one)
  const openssl = file('openssl.pem', two)
  assert.equal(trustedBundle({ NODE_EXTRA_CA_CERTS: node, SSL_CERT_FILE: openssl }), one)
  for (const other of [undefined, '', join(folder, 'missing'), folder, file('empty.pem', '')])
    assert.equal(trustedBundle({ NODE_EXTRA_CA_CERTS: other, SSL_CERT_FILE: openssl }), two)
  assert.equal(trustedBundle({}), null)
})

test('two that make one artifact at the same moment do not disturb each other, and leave no draft', async (context) => {
  const parent = mkdtempSync(join(tmpdir(), 'firedrill-artifacts-'))
  context.after(() => rmSync(parent, { recursive: true }))
  mkdirSync(join(parent, 'runtime.new-999999999-killed'))
  const others = ['runtime.new', 'other.new-999999999-x']
  for (const each of others) mkdirSync(join(parent, each))
  const bothFill = Promise.withResolvers<void>()
  let filling = 0
  const make = (content: string): Promise<void> =>
    replaceFolder(
      'runtime',
      content,
      async (folder) => {
        mkdirSync(join(folder, 'packages'))
        filling += 1
        if (filling === 2) bothFill.resolve()
        await bothFill.promise
        for (let index = 0; index < 50; index += 1) writeFileSync(join(folder, 'packages', `${index}`), content)
      },
      parent,
    )
  await Promise.all([make('same'), make('same')])
  assert.deepEqual(readdirSync(parent).toSorted(), [...others, 'runtime'].toSorted())
  const packages = join(parent, 'runtime', 'packages')
  assert.equal(readdirSync(packages).length, 50)
  assert.equal(readFileSync(join(packages, '49'), 'utf8'), 'same')
  await make('other')
  assert.equal(readFileSync(join(packages, '49'), 'utf8'), 'other')
})
