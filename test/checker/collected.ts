// Which of the planned operations are there, and where others are missing.
import { toOp, type DrillFiles, type Op } from './files.ts'

const lateNs = 100e6

export interface Span {
  readonly from: number
  readonly to: number
}

export interface AreaOperations {
  readonly planned: number
  /** Each planned number once, by its first line, in order of number. */
  readonly operations: readonly Op[]
  readonly missing: number
  /** Lines beyond the first of a number. */
  readonly repeated: number
  /** Lines of numbers that were not planned, or intended outside of the load. */
  readonly outside: number
  readonly late: number
  readonly shed: number
  /** For each run of missing numbers: between what times they were intended. */
  readonly missingSpans: readonly Span[]
}

/** They share more than a point. */
export function meets(left: Span, right: Span): boolean {
  return left.from < right.to && right.from < left.to
}

export function isLate(op: Op): boolean {
  return op.started !== null && op.started - op.intended > lateNs
}

/** `operations` in order of their numbers. */
function spansOfMissing(operations: readonly Op[], planned: number, load: Span): readonly Span[] {
  const ends = [...operations, { seq: planned, intended: load.to }]
  return ends.flatMap(({ seq, intended }, index) => {
    const before = operations[index - 1]
    return seq === (before?.seq ?? -1) + 1 ? [] : [{ from: before?.intended ?? load.from, to: intended }]
  })
}

/** Such a line can't be true: it counts as not there. */
function isImpossible({ intended, started, sent, done, outcome, isWrite, orderId, epoch }: Op): boolean {
  const turned = started ?? intended
  const written = sent ?? turned
  if (turned < intended || written < turned || done < written) return true
  const lacks = sent === null || (isWrite && (orderId === null || epoch === null))
  return outcome === 'ok' && lacks
}

/** An area whose plan the record does not tell: everything may be missing. */
export function collectUnplanned(count: number, load: Span): AreaOperations {
  const nothing = { repeated: 0, outside: 0, late: 0, shed: 0 }
  return { planned: count, operations: [], missing: count, ...nothing, missingSpans: [load] }
}

/** What lies outside the plan (its number, or its intended time outside of the load) counts nowhere. */
export function collectArea(area: string, planned: number, files: DrillFiles, load: Span): AreaOperations {
  const origin = BigInt(files.record.originNs)
  const bySeq = new Map<number, Op>()
  let outside = 0
  let repeated = 0
  for (const line of files.operations) {
    if (line.area !== area) continue
    const op = toOp(line, origin)
    if (line.seq < 0 || line.seq >= planned || op.intended < load.from || op.intended >= load.to) outside += 1
    else if (isImpossible(op)) continue
    else if (bySeq.has(line.seq)) repeated += 1
    else bySeq.set(line.seq, op)
  }
  const operations = [...bySeq.values()].sort((left, right) => left.seq - right.seq)
  return {
    planned,
    operations,
    missing: planned - operations.length,
    repeated,
    outside,
    late: operations.filter((op) => isLate(op)).length,
    shed: operations.filter(({ shed }) => shed).length,
    missingSpans: spansOfMissing(operations, planned, load),
  }
}
