// The product's figures against those of a second program that shares no code with it, over generated histories with planted faults.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareHistories } from './agreement.ts'
import { plantedKinds } from './planted.ts'

/** `npm run -s check-histories` does the same with 10,000. */
const histories = 2000
const fewestOfKind = 10

void test('product and checker have the same figures in every history, and both find all that was planted', () => {
  const { different, found, overlooked } = compareHistories(histories)
  assert.deepEqual(
    { different: different.slice(0, 5), ...overlooked },
    { different: [], byProduct: [], byChecker: [] },
    `${different.length} of ${histories} histories differ; node test/checker/check-histories.ts SEED shows one`,
  )
  for (const kind of plantedKinds)
    assert.ok((found.get(kind)?.planted ?? 0) >= fewestOfKind, `expected ${kind} planted ${fewestOfKind} times or more`)
})
