// When service was back in one area, by windows of its operations. Every window is looked at, by itself.
import { isAck, type Op } from './files.ts'
import type { Span } from './collected.ts'

const windowNs = 3e9
const fewest = 5
/** Service that was there for so long has come back for good. */
const settledNs = 30e9

export interface Thresholds {
  readonly successRate: number
  readonly p99: number
}

interface Window {
  readonly first: number
  readonly end: number
  readonly isGood: boolean
}

/** `at` (ns since t0), give or take `resolution`. `horizon`: by when that is known. */
export type Restored =
  | {
      readonly kind: 'time'
      readonly at: number
      readonly resolution: number
      readonly horizon: number
    }
  | { readonly kind: 'out'; readonly atLeast: number }
  | { readonly kind: 'few' }

/** What of one area's operations is looked at for one incident; in order of intended time. */
export interface AreaQuestion {
  readonly operations: readonly Op[]
  /** Of the area, those before t0 among them. */
  readonly writes: readonly Op[]
  readonly t0: number
  readonly horizons: readonly number[]
  /** Those of them at which another fault or order began. */
  readonly begins?: readonly number[]
  readonly thresholds: Thresholds
  /** Acks of all areas under an epoch above the one in force at t0, of any time after t0. */
  readonly newAcks: readonly Op[]
}

export function isBad(op: Op, { p99 }: Thresholds): boolean {
  return op.outcome !== 'ok' || op.done - op.intended > p99
}

/**
 * The window of operations from index `first` on. It meets the hypothesis if enough are ok, and at least 99 of 100 of those that are ok
 * took at most the bound (nearest rank).
 */
function windowAt(operations: readonly Op[], first: number, begin: number, thresholds: Thresholds): Window {
  let [all, ok, inTime, last] = [0, 0, 0, begin]
  for (let index = first; index < operations.length; index += 1) {
    const op = operations[index] as Op
    const isNear = op.intended - begin < windowNs
    if (!isNear && all >= fewest && op.intended > last) break
    all += 1
    last = op.intended
    if (op.outcome === 'ok') ok += 1
    if (!isBad(op, thresholds)) inTime += 1
  }
  const end = all < fewest ? Infinity : Math.max(begin + windowNs, last)
  return { first, end, isGood: ok > 0 && ok >= thresholds.successRate * all && inTime >= Math.ceil(0.99 * ok) }
}

/** All windows from t0 on, in order; `operations` are those intended at t0 or later. */
export function windowsOf(operations: readonly Op[], t0: number, thresholds: Thresholds): readonly Window[] {
  const windows = [windowAt(operations, 0, t0, thresholds)]
  for (const [index, op] of operations.entries()) {
    if (operations[index + 1]?.intended === op.intended) continue
    windows.push(windowAt(operations, index + 1, op.intended, thresholds))
  }
  return windows
}

/** When it was known how the operation went: done, or slower than the hypothesis allows. */
export function decided({ intended, done }: Op, { p99 }: Thresholds): number {
  return Math.min(done, intended + p99)
}

/** Windows that are good, one after another: service came back between `from` and `to` (ns since t0). */
interface Stretch extends Span {
  readonly at: number
  /** The end of the bad window after it; Infinity: there is none by the horizon. */
  readonly broken: number
}

/** As far as windows up to the horizon tell, in order of time. */
function stretchesBy(all: readonly Window[], question: AreaQuestion, horizon: number): readonly Stretch[] {
  const { t0, thresholds, begins = [] } = question
  const isBegin = begins.includes(horizon)
  const operations = question.operations.filter((op) => !isBegin || decided(op, thresholds) < horizon)
  const windows = isBegin ? windowsOf(operations, t0, thresholds) : all
  const fitting = windows.filter(({ end }) => end <= horizon)
  return fitting.flatMap((window, index) => {
    if (!window.isGood || fitting[index - 1]?.isGood === true) return []
    const broken = fitting.find((later, other) => other > index && !later.isGood)?.end ?? Infinity
    let next = window.first
    while (next < operations.length && isBad(operations[next] as Op, thresholds)) next += 1
    const to = (operations[next]?.intended ?? Infinity) - t0
    if (next === 0) return [{ from: 0, to, at: 0, broken }]
    const from = (operations[next - 1]?.intended ?? t0) - t0
    return [{ from, to, at: (from + to) / 2, broken }]
  })
}

/**
 * The area's first ack under a new epoch of a write sent since t0, and the latest of its writes sent before that which was not acked under one: between
 * the two it was back. `at` 0: it needs none. Null: it needs one and has none by the horizon.
 */
function ownAck(
  { operations, writes, t0, newAcks }: AreaQuestion,
  horizon: number,
  isLast: boolean,
): { at: number; after: number } | null {
  const known = newAcks.filter(({ done }) => isLast || done <= horizon)
  const area = operations[0]?.area
  const own = known.filter((ack) => ack.area === area && ack.sent !== null && ack.sent > t0)
  const first = own.reduce<Op | null>(
    (earliest, ack) => (earliest === null || ack.done < earliest.done ? ack : earliest),
    null,
  )
  if (first !== null) return { at: first.done - t0, after: latestNotNew(writes, newAcks, t0, first) - t0 }
  const firstAnywhere = Math.min(...known.map(({ done }) => done))
  const tried = operations.some(
    (op) => op.isWrite && op.sent !== null && op.sent > firstAnywhere && op.intended <= horizon,
  )
  return tried ? null : { at: 0, after: 0 }
}

/** When the latest write before the ack's was sent that is not among the new acks; t0 if there was none since. */
export function latestNotNew(operations: readonly Op[], newAcks: readonly Op[], t0: number, first: Op): number {
  const isNew = new Set(newAcks)
  return operations
    .filter((op) => op.isWrite && op.sent !== null && op.sent > t0 && op.sent < (first.sent ?? 0) && !isNew.has(op))
    .reduce((latest, { sent }) => Math.max(latest, sent ?? 0), t0)
}

/** Still out: the hypothesis was not met to the end, and an operation in the load's last 3 s was bad. */
function notBack(windows: readonly Window[], { operations, t0, horizons, thresholds }: AreaQuestion): Restored {
  const loadEnd = horizons.at(-1) ?? t0
  const lastBad = operations.findLast((op) => isBad(op, thresholds))
  const hasWindow = windows.some(({ end }) => end <= loadEnd)
  if (!hasWindow || lastBad === undefined || loadEnd - lastBad.intended > windowNs) return { kind: 'few' }
  return { kind: 'out', atLeast: lastBad.intended - t0 }
}

/** The end of 30 s in which service was there, before the horizon; null: there are none. */
function settledAt(stretch: Stretch, question: AreaQuestion, horizon: number): number | null {
  const { t0, operations } = question
  const back = t0 + stretch.to
  const limit = Math.min(horizon, stretch.broken)
  if (back + settledNs >= limit) return null
  const own = ownAck(question, back + settledNs, false)
  const there = Math.max(back, t0 + (own?.at ?? 0))
  const end = there + settledNs
  if (end >= limit) return null
  const writes = operations.filter((op) => op.isWrite && op.sent !== null && op.sent > there && op.sent <= end)
  return writes.length === 0 || writes.some((op) => isAck(op) && op.done <= end) ? end : null
}

function restoredBy(stretch: Stretch, question: AreaQuestion, horizon: number, isLast: boolean): Restored | null {
  const ack = ownAck(question, horizon, isLast)
  if (ack === null) return null
  if (ack.at > stretch.at)
    return { kind: 'time', at: ack.at, resolution: ack.at - Math.max(stretch.from, ack.after), horizon }
  const resolution = stretch.at === 0 ? stretch.to : (stretch.to - stretch.from) / 2
  return { kind: 'time', at: stretch.at, resolution, horizon }
}

export function restoredIn(question: AreaQuestion): Restored {
  const windows = windowsOf(question.operations, question.t0, question.thresholds)
  for (const horizon of question.horizons) {
    for (const stretch of stretchesBy(windows, question, horizon)) {
      const settled = settledAt(stretch, question, horizon)
      const early = settled === null ? null : restoredBy(stretch, question, settled, false)
      const isLast = horizon === question.horizons.at(-1)
      const late = stretch.broken === Infinity ? restoredBy(stretch, question, horizon, isLast) : null
      const restored = early ?? late
      if (restored !== null) return restored
    }
  }
  return notBack(windows, question)
}

export function newAcksOf(operations: readonly Op[], t0: number, isNew: (epoch: number) => boolean): readonly Op[] {
  return operations.filter((op) => isAck(op) && op.done > t0 && isNew(op.epoch))
}
