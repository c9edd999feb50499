// Names that people give become names that programs take, and stay apart; text of others does not steer a terminal.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drillName, longestFaultId, printable, slugOf, worldName, worldNameOf } from '#protocol/names.ts'

/** As file systems allow them: up to 255 bytes, anything but / and NUL. */
const fileNames = [
  'region-loss',
  'lose region a (v2)',
  'Übung für Köln – straße',
  '東京リージョン喪失',
  '서울 리전 손실',
  'потеря региона',
  'فقدان المنطقة',
  'fête–ñandú',
  '🔥💧',
  'a'.repeat(80),
  'x'.repeat(251),
  '火'.repeat(84),
  ' ',
  '...',
  '-rf',
  '--help',
  '"; drop table',
  '$(reboot)',
  'a\u001b[31mb',
  'new\nline',
  "it's",
  '..',
  '_',
  'A',
  'a',
  'a.b.c',
]

void test('whatever a file is called, its drill has a name that the client, the ledger and the file system take', () => {
  for (const name of fileNames) {
    const drill = `2026-11-23T14-03-59Z-${slugOf(name)}-99`
    assert.ok(drillName.safeParse(drill).success, `${name}: ${drill}`)
    // Fastify takes no longer part of a path.
    assert.ok(encodeURIComponent(`${drill}.${'f'.repeat(longestFaultId)}`).length <= 100, name)
  }
})

void test('other names are other slugs, and a name that is fit stays as it is', () => {
  assert.equal(new Set(fileNames.map(slugOf)).size, fileNames.length)
  assert.equal(slugOf('region-loss'), 'region-loss')
  assert.match(slugOf('lose region a (v2)'), /^lose-region-a-v2-[0-9a-z]{7}$/)
  assert.match(slugOf('Übung für Köln – straße'), /^Ubung-fur-Koln-strasse-[0-9a-z]{7}$/)
  assert.notEqual(slugOf(`${'a'.repeat(80)}1`), slugOf(`${'a'.repeat(80)}2`))
})

void test('a world may be called anything that has a letter, and is the same world each time', () => {
  for (const typed of ['default', 'Büro 2', '東京', 'A', 'a.b', 'x'.repeat(255), '-a-', 'test_1'])
    assert.ok(worldName.safeParse(worldNameOf(typed)).success, `${typed}: ${worldNameOf(typed)}`)
  assert.equal(worldNameOf('test_1'), 'test_1')
  assert.equal(worldNameOf('Büro 2'), worldNameOf('Büro 2'))
  assert.equal(new Set(['a', 'A', 'ä', 'Ä', 'a.', 'a b', 'a-b'].map(worldNameOf)).size, 7)
})

for (const typed of [
  '',
  ' ',
  '.',
  '..',
  '../../..',
  'a/b',
  'a\\b',
  'a\nb',
  'a\u0000b',
  'a\u001b[2Jb',
  '-',
  'x'.repeat(300),
])
  void test(`a world can't be called ${JSON.stringify(typed).slice(0, 20)}, and that is told in one line`, () => {
    assert.throws(
      () => worldNameOf(typed),
      (error) =>
        error instanceof RangeError && !error.message.includes('\n') && printable(error.message) === error.message,
    )
  })

void test('what would steer a terminal is shown instead', () => {
  assert.equal(printable('a\u001b[31mb\u009b0m\u202ec\u0007'), 'a\\u{1b}[31mb\\u{9b}0m\\u{202e}c\\u{7}')
  assert.equal(printable('Übung\t火\n🔥'), 'Übung\t火\n🔥')
  assert.equal(printable('half \ud83d pair'), 'half \ufffd pair')
})
