// Ranges of addresses: parsing, overlap, the first free /21.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, assert as assertProperty, integer, property, record } from 'fast-check'
import { type AddressRange, firstFree, parseNetwork, sitePrefixes } from './address-range.ts'

const base = parseNetwork('198.18.0.0/15')

test('a network is read with its host bits cut off', () => {
  assert.deepEqual(parseNetwork('198.18.5.9/24'), parseNetwork('198.18.5.0/24'))
  assert.equal(base.end - base.first, 2 ** 17)
})

test('what is no network is refused with what was seen', () => {
  for (const text of ['', '198.18.0.0', '198.18.0.256/24', '198.18.0.0/33', 'fe80::/64'])
    assert.throws(() => parseNetwork(text), RangeError, text)
})

test('the first /21 that overlaps nothing is taken', () => {
  const at = (text: string) => firstFree(base, text.split(' ').map(parseNetwork))
  assert.deepEqual(sitePrefixes(firstFree(base, []) ?? assert.fail()), [
    '198.18.0',
    '198.18.1',
    '198.18.2',
    '198.18.3',
    '198.18.4',
    '198.18.5',
  ])
  assert.deepEqual(at('198.18.3.0/24'), parseNetwork('198.18.8.0/21'))
  assert.deepEqual(at('198.18.0.0/21 198.18.17.4/32'), parseNetwork('198.18.8.0/21'))
  assert.deepEqual(at('198.18.0.0/16'), parseNetwork('198.19.0.0/21'))
  assert.equal(at('198.0.0.0/8'), null)
})

test('64 worlds fit, and none overlaps another', () => {
  const taken: AddressRange[] = []
  for (let next = firstFree(base, taken); next !== null; next = firstFree(base, taken)) taken.push(next)
  assert.equal(taken.length, 64)
})

test('a free range overlaps none of those taken', () => {
  const network = record({
    first: integer({ min: base.first, max: base.end - 1 }),
    size: integer({ min: 1, max: 5000 }),
  })
  assertProperty(
    property(array(network, { maxLength: 80 }), (networks) => {
      const taken = networks.map(({ first, size }) => ({ first, end: first + size }))
      const free = firstFree(base, taken)
      if (free === null) return
      assert.ok(free.first >= base.first && free.end <= base.end)
      for (const each of taken) assert.ok(each.end <= free.first || free.end <= each.first)
    }),
  )
})
