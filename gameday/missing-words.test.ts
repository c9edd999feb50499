import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missingInWords } from './missing-words.ts'

void test('numbers that follow one another are one span; many spans are counted', () => {
  assert.equal(missingInWords([5]), 'operation 5 was never collected')
  assert.equal(missingInWords([5, 6, 7, 9]), 'operations 5 to 7, 9 were never collected')
  assert.equal(missingInWords([1, 3, 5, 7, 8]), '5 of the operations 1 to 8 were never collected')
})
