// The checker alone against what is known to be true of generated histories.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inOrder } from './agreement.ts'
import { asFiles } from './as-files.ts'
import { figuresOf } from './figures.ts'
import { isFound } from './found.ts'
import { generateHistory } from './generate-history.ts'
import { plantedKinds, type PlantedKind } from './planted.ts'

const histories = 1000
const fewestOfKind = 5

void test('the checker finds all that was planted', () => {
  const overlooked: string[] = []
  const counted = new Map<PlantedKind, number>()
  for (let seed = 1; seed <= histories; seed += 1) {
    const history = generateHistory(seed)
    const figures = figuresOf(asFiles(history.record))
    for (const planted of history.planted) {
      counted.set(planted.kind, (counted.get(planted.kind) ?? 0) + 1)
      if (!isFound(planted, figures, history, () => figuresOf(asFiles(inOrder(history.record)))))
        overlooked.push(`history ${seed}: ${planted.kind}`)
    }
  }
  assert.deepEqual(overlooked, [])
  assert.equal(counted.size, plantedKinds.length)
  for (const [kind, count] of counted)
    assert.ok(count >= fewestOfKind, `expected more histories with ${kind}, saw ${count}`)
})

void test('a seed gives the same history each time', () => {
  assert.deepEqual(generateHistory(17).record, generateHistory(17).record)
})

void test('the checker uses nothing of the product', () => {
  const files = [
    'files',
    'collected',
    'causes',
    'restored',
    'gaps',
    'loss',
    'incidents',
    'figures',
    'journal-figures',
    'check-record',
  ]
  const allowed = /^(node:|\.\/|zod$)/
  for (const file of files) {
    assert.ok(readdirSync(import.meta.dirname).includes(`${file}.ts`), `expected ${file}.ts beside this test`)
    const text = readFileSync(join(import.meta.dirname, `${file}.ts`), 'utf8')
    const imported = [...text.matchAll(/from '([^']+)'/g)].map(([, from]) => from ?? '')
    const ownFiles = imported.filter((from) => from.startsWith('./')).map((from) => from.slice(2, -3))
    assert.deepEqual(
      imported.filter((from) => !allowed.test(from)),
      [],
      file,
    )
    assert.deepEqual(
      ownFiles.filter((own) => !files.includes(own)),
      [],
      file,
    )
  }
})
