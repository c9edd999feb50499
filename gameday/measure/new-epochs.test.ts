// Which epochs count as new for an incident: not those by which a later one moved a service that was there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Journal } from '#protocol/journal.ts'
import { recordOf, regularOperations } from './histories.ts'
import { measure } from './measure.ts'

const cut = { fault: { id: 'one', kind: 'partition', target: 'region a' } }

void test('an epoch that a later failback took does not end an outage that had ended before it', () => {
  const drill = (failbackMs: number): Journal =>
    measure(
      recordOf(
        [
          [0, { hold: '8s' }],
          [8000, cut],
          [9000, { hold: '10s' }],
          [20_000, { heal: 'one' }],
          [21_000, { hold: '4s' }],
          [failbackMs, { action: 'failback' }],
          [failbackMs + 2000, { hold: '10s' }],
        ],
        regularOperations({
          everyMs: 100,
          endMs: 40_000,
          out: [
            [8000, 9800],
            [22_000, 24_500],
          ],
          epochs: [9800, failbackMs + 1000],
        }),
      ),
    )
  // Before the failback no window of 3 s fits between the end of the outage and it.
  for (const failbackMs of [25_500, 30_000]) {
    const journal = drill(failbackMs)
    const broken = journal.incidents.find(({ cause }) => cause === 'heal')
    assert.ok(Math.abs((broken?.restoredMs ?? 0) - 2500) <= (broken?.resolutionMs ?? 0), `${broken?.restoredMs}`)
    assert.ok((broken?.firstWriteMs ?? 0) < 2700, `${broken?.firstWriteMs}`)
  }
  // Where nothing was acked before the failback, it is what ended the outage.
  const only = drill(24_000).incidents.find(({ cause }) => cause === 'heal')
  assert.ok((only?.restoredMs ?? 0) >= 2950, `${only?.restoredMs}`)
})
