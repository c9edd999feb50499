// Planted readings: a quiet series tells nothing, and each kind of stall is found once, with its span on the WAN's clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stall } from '#protocol/journal.ts'
import { Stalls } from './stalls.ts'

const ns = (ms: number): bigint => BigInt(Math.round(ms * 1e6))
/** The WAN's clock is so far ahead of the harness's. */
const aheadMs = 1_000_000

/** What happens to the clocks at a time of the harness's (ms): each is moved on by so much beyond what the others are. */
interface Event {
  readonly atMs: number
  readonly stallMs?: number
  readonly suspendMs?: number
  readonly stepMs?: number
  /** The VM with the WAN does not run, nor does its clock. */
  readonly pauseWanMs?: number
  /** The WAN answers nothing; its clock goes on. */
  readonly silentMs?: number
  /** The harness's machine does not run, and says nothing of it. */
  readonly unseenMs?: number
}

/** Readings every 100 ms and looks every 500 ms for 20 s, with the events planted. */
function watched(events: readonly Event[], lookTakesMs = 2, bootResolutionMs = 10): readonly Stall[] {
  const stalls = new Stalls(bootResolutionMs)
  let [mono, boot, wall, wan] = [5000, 70_000, 1.7e12, 5000 + aheadMs]
  let silentUntil = 0
  let lookDue = mono
  const pending = [...events]
  for (const end = mono + 20_000; mono < end;) {
    const event = pending[0] !== undefined && mono - 5000 >= pending[0].atMs ? pending.shift() : undefined
    const stall = 100 + (event?.stallMs ?? 0)
    mono += stall
    boot += stall + (event?.suspendMs ?? 0)
    wall += stall + (event?.suspendMs ?? 0) + (event?.stepMs ?? 0)
    wan += stall - (event?.pauseWanMs ?? 0) + (event?.unseenMs ?? 0)
    silentUntil = event?.silentMs === undefined ? silentUntil : mono + event.silentMs
    stalls.read({
      monotonicNs: ns(mono),
      bootMs: Math.floor(boot / bootResolutionMs) * bootResolutionMs,
      wallMs: Math.round(wall),
    })
    if (mono < lookDue) continue
    lookDue = mono + 500
    const isSilent = mono < silentUntil
    stalls.look({
      askedNs: ns(mono - lookTakesMs),
      answeredNs: ns(mono),
      wanNs: isSilent ? null : ns(wan - lookTakesMs / 2),
    })
  }
  return stalls.spans()
}

const fromMs = ({ fromNs }: Stall): number => Number(BigInt(fromNs)) / 1e6 - aheadMs - 5000
const toMs = ({ toNs }: Stall): number => Number(BigInt(toNs)) / 1e6 - aheadMs - 5000

void test('a quiet series tells nothing, not even where answers are slow and uptime comes in whole seconds', () => {
  assert.deepEqual(watched([]), [])
  assert.deepEqual(watched([], 450), [])
  assert.deepEqual(watched([], 2, 1000), [])
})

void test('the loop of the harness stood still: once, with its span', () => {
  const [found, ...more] = watched([{ atMs: 3000, stallMs: 1500 }])
  assert.ok(found)
  assert.deepEqual([found.part, found.kind, found.ms, more.length], ['harness', 'stall', 1600, 0])
  assert.ok(Math.abs(fromMs(found) - 3000) < 5, `began at ${fromMs(found)}`)
  assert.ok(Math.abs(toMs(found) - 4600) < 5, `ended at ${toMs(found)}`)
})

void test('a gap of 450 ms is no stall', () => {
  assert.deepEqual(watched([{ atMs: 3000, stallMs: 350 }]), [])
})

void test('the machine slept for a minute: once, and no clock step', () => {
  for (const resolutionMs of [10, 1000]) {
    const found = watched([{ atMs: 3000, suspendMs: 60_000 }], 2, resolutionMs)
    assert.deepEqual(
      found.map(({ part, kind }) => `${part} ${kind}`),
      ['machine suspend'],
    )
    assert.ok(Math.abs((found[0]?.ms ?? 0) - 60_000) <= resolutionMs, `${found[0]?.ms} ms`)
  }
})

void test('the wall clock moved by an hour either way: once, by how much, and nothing else', () => {
  for (const stepMs of [3_600_000, -3_600_000]) {
    const [found, ...more] = watched([{ atMs: 3000, stepMs }])
    assert.ok(found)
    assert.deepEqual([found.part, found.kind, more.length], ['machine', 'clock-step', 0])
    assert.ok(Math.abs(found.ms - stepMs) <= 10, `${found.ms} ms`)
    assert.ok(toMs(found) - fromMs(found) < 200, 'its span is that between two readings')
  }
})

void test("the VM with the WAN was paused: its clock fell behind, and that is the WAN's", () => {
  const [found, ...more] = watched([{ atMs: 3000, pauseWanMs: 4000 }])
  assert.ok(found)
  assert.deepEqual([found.part, found.kind, more.length], ['wan', 'suspend', 0])
  assert.ok(Math.abs(found.ms - 4000) < 10, `${found.ms} ms`)
})

void test('the WAN answered nothing for 3 s: once, with its span; and one that is silent to the end', () => {
  const [found, ...more] = watched([{ atMs: 3000, silentMs: 3000 }])
  assert.ok(found)
  assert.deepEqual([found.part, found.kind, more.length], ['wan', 'stall', 0])
  assert.ok(Math.abs(found.ms - 3000) <= 600, `${found.ms} ms`)
  const [open, ...others] = watched([{ atMs: 15_000, silentMs: 60_000 }])
  assert.ok(open)
  assert.deepEqual([open.part, open.kind, others.length], ['wan', 'stall', 0])
  assert.ok(Math.abs(open.ms - 4500) <= 600, `${open.ms} ms`)
})

void test('the harness was paused without its own clocks saying so: the WAN is ahead', () => {
  const [found, ...more] = watched([{ atMs: 3000, unseenMs: 4000 }])
  assert.ok(found)
  assert.deepEqual([found.part, found.kind, more.length], ['harness', 'suspend', 0])
})

void test('the machine slept, and the WAN elsewhere did not: told once', () => {
  const found = watched([{ atMs: 3000, suspendMs: 4000, unseenMs: 4000 }])
  assert.deepEqual(
    found.map(({ part, kind }) => `${part} ${kind}`),
    ['machine suspend'],
  )
})

void test("an answer that the harness's own stall held up is no silence of the WAN", () => {
  const stalls = new Stalls()
  const read = (ms: number): void => stalls.read({ monotonicNs: ns(ms), bootMs: ms, wallMs: ms })
  const look = (askedMs: number, answeredMs: number): void =>
    stalls.look({ askedNs: ns(askedMs), answeredNs: ns(answeredMs), wanNs: ns(askedMs + 1) })
  read(0)
  look(0, 2)
  read(100)
  // The answer is taken up before the ticker is.
  look(110, 3100)
  read(3101)
  look(3600, 3602)
  assert.deepEqual(
    stalls.spans().map(({ part, kind, ms }) => ({ part, kind, ms })),
    [{ part: 'harness', kind: 'stall', ms: 3001 }],
  )
})

void test('a pause of the VM in the midst of a look is told once, as the pause', () => {
  const stalls = new Stalls()
  const look = (askedMs: number, answeredMs: number, wanMs: number): void =>
    stalls.look({ askedNs: ns(askedMs), answeredNs: ns(answeredMs), wanNs: ns(wanMs) })
  look(0, 2, 1)
  look(500, 10_500, 501)
  look(11_000, 11_002, 1001)
  assert.deepEqual(
    stalls.spans().map(({ part, kind }) => `${part} ${kind}`),
    ['wan suspend'],
  )
})

void test('several at different times are told in order', () => {
  const found = watched([
    { atMs: 2000, stallMs: 900 },
    { atMs: 6000, stepMs: -5000 },
    { atMs: 9000, suspendMs: 7000 },
  ])
  assert.deepEqual(
    found.map(({ kind }) => kind),
    ['stall', 'clock-step', 'suspend'],
  )
})

void test('without a single answer of the WAN there is no clock to tell spans on', () => {
  const stalls = new Stalls()
  stalls.read({ monotonicNs: 0n, bootMs: 0, wallMs: 0 })
  stalls.read({ monotonicNs: ns(9000), bootMs: 9000, wallMs: 9000 })
  assert.deepEqual(stalls.spans(), [])
})
