// Which CA bundle of this machine goes into the builds.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { trustedBundle } from './artifacts.ts'

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
