import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spansInWords } from './number-spans.ts'

void test('numbers that follow one another are one span; beyond five spans they are counted', () => {
  assert.equal(spansInWords([5]), '5')
  assert.equal(spansInWords([5, 6, 7, 9]), '5 to 7, 9')
  assert.equal(spansInWords([1, 3, 5, 7, 9, 11, 12, 20]), '1, 3, 5, 7, 9 and 3 more')
})
