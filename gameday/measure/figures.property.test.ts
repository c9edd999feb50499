// Properties of the figures, over drawn histories.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { firstWrite } from './first-write.ts'
import { longestGap, writesOf } from './gaps.ts'
import { write } from './histories.ts'
import { ackedWrites, type ClientOperation } from './history.ts'
import { postgresLoss } from './loss.ts'
import { phasesOf } from './phases.ts'
import { leastInWindow, meets, percentile, Service, windowMs } from './service.ts'
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

const ackedAt = (times: readonly number[]) =>
  writesOf(times.map((at, index) => write(at, at, 1, { orderId: `${index}` })))

void test('the longest gap is at least the mean gap, and shrinks never when an ack is taken away', () => {
  fc.assert(
    fc.property(times, fc.nat(), (drawn, pick) => {
      const from = Math.min(...drawn)
      const to = Math.max(...drawn)
      const gapOf = (acked: readonly number[]): number => longestGap(ackedAt(acked), from, to, true)?.timing.ms ?? 0
      const gap = gapOf(drawn)
      assert.ok(gap >= (to - from) / drawn.length - 1e-6)
      const fewer = drawn.toSpliced(pick % drawn.length, 1)
      if (fewer.length > 0) assert.ok(gapOf(fewer) >= gap - 1e-6)
    }),
  )
})

void test('a gap says of the service at most its own length, and something only where a write was intended in it', () => {
  fc.assert(
    fc.property(times, times, (acked, unanswered) => {
      const failed = unanswered.map((at, index) => ({
        ...write(at, at + 100, 1, { orderId: `f${index}` }),
        outcome: 'failed' as const,
      }))
      const done = acked.map((at, index) => write(at, at, 1, { orderId: `${index}` }))
      const gap = longestGap(writesOf([...done, ...failed]), 0, 20_000, true)
      assert.ok(gap !== null && gap.timing.lowMs <= (gap.timing.ms ?? 0) && gap.timing.ms === gap.timing.highMs)
      assert.ok(failed.length > 0 || gap.timing.lowMs <= 0 || gap.open)
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
      const { loss, lostIds } = postgresLoss(history, ids, [])
      assert.equal(loss.lostCount, history.length === 0 ? null : lostIds.length)
      for (const ack of history) assert.equal(lostIds.includes(ack.orderId), !ids.has(ack.orderId))
    }),
  )
})

void test('the first write is an ack of a write sent after t0 under a higher epoch, and none is earlier', () => {
  fc.assert(
    fc.property(acks, fc.integer({ min: 0, max: 9999 }), (history, t0Ms) => {
      const span = { t0Ms, untilMs: 20_000, isNew: (epoch: number) => epoch > 1 }
      const sent = history.toSorted((left, right) => left.sentMs - right.sentMs)
      const ms = firstWrite(history, sent, span)?.timing.ms ?? null
      const all = history.filter((ack) => ack.epoch > 1 && ack.sentMs > t0Ms).map((ack) => ack.doneMs - t0Ms)
      assert.equal(ms, all.length === 0 ? null : Math.min(...all))
    }),
  )
})

const mixed = fc.array(
  fc.record({ at: fc.integer({ min: 0, max: 15_000 }), took: fc.integer({ min: 1, max: 900 }), ok: fc.boolean() }),
  { maxLength: 80 },
)

const thresholds = { successRate: 0.75, p99Ms: 600 }
const operationsOf = (drawn: readonly { readonly at: number; readonly took: number; readonly ok: boolean }[]) =>
  drawn.map((each, index): ClientOperation => ({
    ...write(each.at, each.at + each.took, 1, { orderId: `${index}` }),
    outcome: each.ok ? 'ok' : 'failed',
  }))

/** As docs/measuring.md says it, word by word. */
function windowAfter(
  operations: readonly ClientOperation[],
  afterMs: number,
  untilMs: number,
): ClientOperation[] | null {
  const later = operations
    .filter(({ intendedMs }) => intendedMs > afterMs && intendedMs < untilMs)
    .toSorted((left, right) => left.intendedMs - right.intendedMs)
  const inside = later.filter(({ intendedMs }) => intendedMs < afterMs + windowMs)
  if (inside.length >= leastInWindow) return afterMs + windowMs <= untilMs ? inside : null
  return later.length >= leastInWindow ? later.slice(0, leastInWindow) : null
}

void test('in a stretch every window is good, and the one before it and the one after it are not', () => {
  fc.assert(
    fc.property(mixed, (drawn) => {
      const operations = operationsOf(drawn)
      const untilMs = 15_000
      const { stretches, isShort } = new Service(operations, thresholds).see(-1, untilMs)
      const starts = [-1, ...new Set(operations.map(({ intendedMs }) => intendedMs))].toSorted(
        (left, right) => left - right,
      )
      const judged = starts.flatMap((at) => {
        const window = windowAfter(operations, at, untilMs)
        return window === null ? [] : [{ at, good: meets(window, thresholds) }]
      })
      assert.equal(isShort, judged.length === 0)
      const begins = judged.flatMap(({ at, good }, index) => (good && judged[index - 1]?.good !== true ? [at] : []))
      assert.equal(stretches.length, begins.length)
      for (const [index, { fromMs, byMs, undisturbed, brokenByMs }] of stretches.entries()) {
        const begin = begins[index] ?? 0
        assert.ok(fromMs >= begin && byMs > fromMs)
        assert.equal(undisturbed, fromMs === -1)
        const broken = judged.find(({ at, good }) => at > begin && !good)
        if (broken === undefined) assert.equal(brokenByMs, null)
        else assert.ok((brokenByMs ?? 0) >= broken.at + windowMs)
      }
    }),
  )
})

void test('a set meets the thresholds by its share of successes and the nearest-rank percentile of their latency', () => {
  fc.assert(
    fc.property(mixed, (drawn) => {
      const operations = operationsOf(drawn)
      const succeeded = operations.filter(({ outcome }) => outcome === 'ok')
      const p99 = percentile(
        succeeded.map(({ intendedMs, doneMs }) => doneMs - intendedMs),
        0.99,
      )
      const expected =
        operations.length > 0 && succeeded.length / operations.length >= 0.75 && p99 !== null && p99 <= thresholds.p99Ms
      assert.equal(meets(operations, thresholds), expected)
    }),
  )
})

void test('each operation is read a bounded number of times, however many there are', () => {
  const reads = (count: number): number => {
    let seen = 0
    const operations = Array.from({ length: count }, (_, index) => {
      const each = write(index * 10, index * 10 + (index % 7 === 0 ? 700 : 50), 1, { orderId: `${index}` })
      const get = (target: ClientOperation, key: string | symbol): unknown => {
        seen += 1
        return Reflect.get(target, key)
      }
      return new Proxy<ClientOperation>(each, { get })
    })
    new Service(operations, thresholds).see(0, count * 10)
    return seen / count
  }
  const [few, many] = [reads(2000), reads(40_000)]
  // Sorting takes n log n.
  assert.ok(many < few * 2, `${few} reads of each of 2,000, ${many} of each of 40,000`)
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
        for (const isOrdered of [true, false]) {
          const measured = phasesOf(events, 0n, 0, write(0, first, 2), restoredMs, isOrdered)
          const phases = Object.values(measured.phases)
          const sum = phases.reduce<number>((total, each) => total + (each ?? 0), 0)
          const isSuspected = suspect !== null && suspect <= (taken ?? 0)
          const isTold = taken !== null && fenced !== null && promoted !== null && (isOrdered || isSuspected)
          assert.equal(measured.unknown === null, isTold)
          assert.ok(phases.every((each) => each === null || each >= 0))
          assert.ok(Math.abs(sum - (isTold ? restoredMs : 0)) < 1e-6)
        }
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
