// A figure lies from the truth at most by the resolution that it states, at any rate; and an outage that ended is never said to last.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rates, tryRate } from './resolution.ts'

const histories = 1000
/** Below 3/s an area's five operations take longer than drills have. */
const sometimesUnknown: readonly number[] = [1]

for (const rate of rates)
  void test(`an outage of 1 s at ${rate}/s is found within the stated resolution`, () => {
    const tried = tryRate(rate, histories)
    assert.deepEqual(tried.flatMap(({ wrong }) => (wrong === null ? [] : [wrong])).slice(0, 5), [])
    const known = tried.filter(({ figureMs }) => figureMs !== null)
    const fewest = sometimesUnknown.includes(rate) ? histories / 2 : histories * 0.9
    assert.ok(known.length >= fewest, `expected a figure in ${fewest} histories or more, saw ${known.length}`)
  })
