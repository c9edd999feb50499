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
  readonly repeated: number
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

function spansOfMissing(bySeq: ReadonlyMap<number, Op>, planned: number, load: Span): readonly Span[] {
  const spans: Span[] = []
  let before = load.from
  let gap = false
  for (let seq = 0; seq < planned; seq += 1) {
    const op = bySeq.get(seq)
    if (op === undefined) {
      gap = true
      continue
    }
    if (gap) spans.push({ from: before, to: op.intended })
    gap = false
    before = op.intended
  }
  if (gap) spans.push({ from: before, to: load.to })
  return spans
}

/** What lies outside the plan (its number, or its intended time after the end of the load) counts nowhere. */
export function collectArea(area: string, planned: number, files: DrillFiles, load: Span): AreaOperations {
  const origin = BigInt(files.record.originNs)
  const bySeq = new Map<number, Op>()
  const twice = new Set<number>()
  for (const line of files.operations) {
    if (line.area !== area || line.seq < 0 || line.seq >= planned) continue
    if (bySeq.has(line.seq)) twice.add(line.seq)
    else bySeq.set(line.seq, toOp(line, origin))
  }
  const operations = [...bySeq.values()].sort((left, right) => left.seq - right.seq)
  return {
    planned,
    operations,
    missing: planned - operations.length,
    repeated: twice.size,
    late: operations.filter((op) => isLate(op)).length,
    shed: operations.filter(({ shed }) => shed).length,
    missingSpans: spansOfMissing(bySeq, planned, load),
  }
}
