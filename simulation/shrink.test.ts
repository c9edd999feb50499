// Schedules are made smaller as far as what they break allows.
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { drawSchedule, type Schedule } from './draw.ts'
import type { Fault } from './faults/kinds.ts'
import { shrink } from './shrink.ts'
import type { Invariant } from './violation.ts'

const drawn = drawSchedule(7, { regionCount: 5, commit: 'quorum' })

function fault(changes: Partial<Fault>): Fault {
  return { ...(drawn.faults[0] as Fault), ...changes }
}

const needed = [
  fault({ kind: 'kill-node', site: 4, begin: { atMs: 20_000, phase: null, delayMs: 0 }, forMs: 9000 }),
  fault({ kind: 'slow-disk', site: 1, begin: { atMs: 30_000, phase: 'fencing', delayMs: 12 }, forMs: 3000 }),
]
const whole: Schedule = { ...drawn, faults: [...drawn.faults, ...needed, ...drawn.faults] }

/** Broken by a node that is killed while another kind of fault waits for the fencing; anything else breaks another invariant. */
function breaks({ faults }: Schedule): Invariant | null {
  const kill = faults.findIndex((each) => each.kind === 'kill-node' && each.forMs >= 1000)
  const slow = faults.findIndex((each) => each.kind === 'slow-disk' && each.begin.phase === 'fencing')
  if (kill >= 0 && slow > kill) return 'no-loss'
  return faults.length > 3 ? 'comes-back' : null
}

suite('shrinking', () => {
  test('leaves the faults that it takes, in few regions, soon, and short', () => {
    const { schedule, runs } = shrink(whole, breaks)
    assert.equal(breaks(schedule), 'no-loss')
    assert.deepEqual(
      schedule.faults.map((each) => each.kind),
      ['kill-node', 'slow-disk'],
    )
    assert.equal(schedule.regionCount, 3)
    assert.equal(schedule.clockPpm.length, 3)
    assert.ok(schedule.faults.every((each) => each.site < 3 && each.other < 3 && each.site !== each.other))
    assert.ok((schedule.faults[1]?.begin.atMs ?? Infinity) < 100)
    assert.ok((schedule.faults[0]?.forMs ?? 0) < 2000)
    assert.ok(schedule.chaosMs < 5000)
    assert.ok(runs < 500)
  })

  test('ends with the smallest found when its runs are used up, and is the same each time', () => {
    const few = shrink(whole, breaks, 5)
    assert.equal(few.runs, 5)
    assert.equal(breaks(few.schedule), 'no-loss')
    assert.deepEqual(shrink(whole, breaks), shrink(whole, breaks))
  })

  test('refuses a schedule that breaks nothing', () => {
    assert.throws(() => shrink({ ...whole, faults: [] }, breaks), /expected a schedule that breaks an invariant/)
  })
})
