// Events of three regions against each other, in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventTable } from './event-table.ts'

const regions = ['a', 'b', 'c'] as const

function filled(count: number): EventTable {
  const events = new EventTable(regions)
  for (const region of regions)
    for (let index = 0; index < count; index += 1)
      events.saw(region, { eventId: `e${index}`, orderId: `o${index}`, value: Buffer.from(`value ${index}`) })
  return events
}

void test('the same events in all regions agree, those that came twice too', () => {
  const events = filled(50)
  events.saw('b', { eventId: 'e7', orderId: 'o7', value: Buffer.from('value 7') })
  assert.deepEqual([...events.differences()], [])
  assert.equal(events.size, 50)
  assert.deepEqual(
    regions.map((region) => events.lackedBy(region)),
    [[], [], []],
  )
})

void test('an event that a region lacks, one with another value or order, and one with two values are found', () => {
  const events = filled(3)
  const saw = (region: (typeof regions)[number], eventId: string, value: string | null, orderId = 'o'): void => {
    events.saw(region, { eventId, orderId, value: value === null ? null : Buffer.from(value) })
  }
  for (const region of ['a', 'c'] as const) saw(region, 'lacked', 'v')
  for (const region of regions) saw(region, 'changed', region === 'c' ? 'other' : 'v')
  for (const region of regions) saw(region, 'of another order', 'v', region === 'a' ? 'x' : 'y')
  for (const region of regions) saw(region, 'twice', 'v')
  saw('b', 'twice', 'other')
  for (const region of regions) saw(region, 'emptied', region === 'b' ? null : 'v')
  assert.deepEqual(
    [...events.differences()].map(({ eventId, missingIn, thereIn, hasOtherValues }) => ({
      eventId,
      missingIn: missingIn.join(''),
      thereIn: thereIn.join(''),
      hasOtherValues,
    })),
    [
      { eventId: 'lacked', missingIn: 'b', thereIn: 'ac', hasOtherValues: false },
      { eventId: 'changed', missingIn: '', thereIn: 'abc', hasOtherValues: true },
      { eventId: 'of another order', missingIn: '', thereIn: 'abc', hasOtherValues: true },
      { eventId: 'twice', missingIn: '', thereIn: 'abc', hasOtherValues: true },
      { eventId: 'emptied', missingIn: '', thereIn: 'abc', hasOtherValues: true },
    ],
  )
  assert.deepEqual(events.lackedBy('b'), ['lacked'])
})
