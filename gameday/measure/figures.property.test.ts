// Properties of the figures, over drawn histories.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { firstWrite } from './first-write.ts'
import { longestGapMs } from './gaps.ts'
import { write } from './histories.ts'
import { ackedWrites, type ClientOperation } from './history.ts'
import { postgresLoss } from './loss.ts'
import { phasesOf } from './phases.ts'
import { meets, percentile, restored, restoredWindowMs } from './restored.ts'
import { splitBrain } from './split-brain.ts'

const times = fc.array(fc.double({ min: 0, max: 20_000, noNaN: true }), { minLength: 1, maxLength: 60 })
const acks = fc
  .array(
    fc.record({
      sent: fc.integer({ min: 0, max: 9999 }),
      took: fc.integer({ min: 1, max: 3000 }),
      epoch: fc.integer({ min: 1, max: 4 }),
    }),
    { maxLength: 60 },
  )
  .map((drawn) =>
    ackedWrites(
      drawn.map((each, index) => write(each.sent, each.sent + each.took, each.epoch, { orderId: `${index}` })),
    ),
  )

void test('the longest gap is at least the mean gap, and shrinks never when an ack is taken away', () => {
  fc.assert(
    fc.property(times, fc.nat(), (drawn, pick) => {
      const from = Math.min(...drawn)
      const to = Math.max(...drawn)
      const gap = longestGapMs(drawn, from, to)
      assert.ok(gap !== null && gap >= (to - from) / drawn.length - 1e-6)
      const fewer = drawn.toSpliced(pick % drawn.length, 1)
      if (fewer.length > 0) assert.ok((longestGapMs(fewer, from, to) ?? 0) >= gap - 1e-6)
    }),
  )
})

void test('an epoch whose writes are all sent before the next one acks has no split brain; one sent after it has', () => {
  fc.assert(
    fc.property(acks, (history) => {
      const brute = history.filter((ack) =>
        history.some((other) => other.epoch > ack.epoch && other.doneMs < ack.sentMs),
      )
      assert.equal(splitBrain(history).count, brute.length)
    }),
  )
})

void test('exactly the acked writes that are absent are lost, whatever else is present', () => {
  fc.assert(
    fc.property(acks, fc.array(fc.nat({ max: 80 })), (history, present) => {
      const ids = new Set(present.map(String))
      const { loss, lostIds } = postgresLoss(history, ids, 5000)
      assert.equal(loss.lostCount, history.length === 0 ? null : lostIds.length)
      for (const ack of history) assert.equal(lostIds.includes(ack.orderId), !ids.has(ack.orderId))
    }),
  )
})

void test('the first write is an ack of a write sent after t0 under a higher epoch, and none is earlier', () => {
  fc.assert(
    fc.property(acks, fc.integer({ min: 0, max: 9999 }), (history, t0Ms) => {
      const span = { t0Ms, untilMs: 20_000, epoch: 1 }
      const { ms } = firstWrite(history, span, true)
      const all = history.filter((ack) => ack.epoch > 1 && ack.sentMs >= t0Ms).map((ack) => ack.doneMs - t0Ms)
      assert.equal(ms, all.length === 0 ? null : Math.min(...all))
    }),
  )
})

const mixed = fc.array(
  fc.record({ at: fc.integer({ min: 0, max: 15_000 }), took: fc.integer({ min: 1, max: 900 }), ok: fc.boolean() }),
  { maxLength: 80 },
)

void test('after restored every window is good, and the window before it is not', () => {
  const thresholds = { successRate: 0.75, p99Ms: 600 }
  fc.assert(
    fc.property(mixed, (drawn) => {
      const operations = drawn.map((each, index): ClientOperation => ({
        ...write(each.at, each.at + each.took, 1, { orderId: `${index}` }),
        outcome: each.ok ? 'ok' : 'failed',
      }))
      const untilMs = 15_000
      const result = restored(operations, 0, untilMs, thresholds)
      const window = (afterMs: number, inclusive: boolean): ClientOperation[] =>
        operations.filter(
          (each) =>
            (inclusive ? each.intendedMs >= afterMs : each.intendedMs > afterMs) &&
            each.intendedMs < afterMs + restoredWindowMs,
        )
      const starts = [...new Set(operations.map((each) => each.intendedMs))].filter(
        (at) => at + restoredWindowMs <= untilMs,
      )
      const good = (at: number): boolean => meets(window(at, false), thresholds)
      if (result.ms === null) {
        assert.ok(starts.length === 0 ? !meets(window(0, true), thresholds) : !good(Math.max(...starts)))
        return
      }
      for (const at of starts) if (at > (result.ms ?? 0)) assert.ok(good(at))
    }),
  )
})

void test('phases are never negative and add up to restored', () => {
  const at = fc.option(fc.integer({ min: 0, max: 4000 }), { nil: null })
  fc.assert(
    fc.property(
      at,
      at,
      at,
      at,
      fc.integer({ min: 0, max: 4000 }),
      fc.integer({ min: 0, max: 6000 }),
      (suspect, taken, fenced, promoted, first, restoredMs) => {
        const kinds = { suspect, 'epoch-taken': taken, fenced, promoted }
        const events = Object.entries(kinds).flatMap(([kind, ms]) =>
          ms === null
            ? []
            : [
                {
                  atNs: String(ms * 1_000_000),
                  source: 'controller' as const,
                  site: 'b',
                  kind,
                  epoch: 2,
                  reason: kind,
                },
              ],
        )
        const phases = Object.values(phasesOf(events, 0n, 0, write(0, first, 2), restoredMs))
        const sum = phases.reduce<number>((total, each) => total + (each ?? 0), 0)
        assert.ok(phases.every((each) => each === null || each >= 0))
        assert.ok(Math.abs(sum - restoredMs) < 1e-6)
      },
    ),
  )
})

void test('a percentile is one of the values, with the right share at or below it', () => {
  fc.assert(
    fc.property(times, fc.double({ min: 0.01, max: 1, noNaN: true }), (drawn, share) => {
      const value = percentile(drawn, share)
      assert.ok(value !== null && drawn.includes(value))
      assert.ok(drawn.filter((each) => each <= value).length >= share * drawn.length - 1e-9)
    }),
  )
})
