// The figures of each incident, and whether service broke down outside of all of them.
import { horizonsOf, type Cause } from './causes.ts'
import { isLate, meets, type AreaOperations, type Span } from './collected.ts'
import { nanoseconds, type Ack, type DrillFiles, type Op } from './files.ts'
import { longestGap } from './gaps.ts'
import {
  decided,
  isBad,
  latestNotNew,
  newAcksOf,
  restoredIn,
  windowsOf,
  type Restored,
  type Thresholds,
} from './restored.ts'

const mostStalled = 0.1

/** A drill as the checker looks at it: times in ns since the origin. */
export interface Drill {
  readonly files: DrillFiles
  readonly load: Span
  readonly thresholds: Thresholds
  readonly areas: ReadonlyMap<string, AreaOperations>
  /** Of all areas, by area and number. */
  readonly operations: readonly Op[]
  readonly acks: readonly Ack[]
  readonly causes: readonly Cause[]
  /** Ids of orders that Postgres lost: that they are not found is loss, not outage. */
  readonly lostIds: ReadonlySet<string>
}

/** Null: unknown. */
export interface Figure {
  readonly at: number
  readonly resolution: number
}

export interface IncidentFigures {
  readonly cause: Cause
  readonly until: number
  readonly areas: ReadonlyMap<string, Restored | null>
  /** By when service was back, area by area, also where the measuring stood still; Infinity: it was not, or operations are missing. */
  readonly horizons: ReadonlyMap<string, number>
  readonly restored: Restored | null
  readonly firstWrite: Figure | null
  readonly gap: (Figure & { readonly isOpen: boolean }) | null
  readonly failed: number | null
}

/** In order of intended time. That a lost order is not found is its loss, not an outage; what was shed tells nothing of service. */
export function served(operations: readonly Op[], lostIds: ReadonlySet<string>, withShed = false): readonly Op[] {
  return operations
    .filter((op) => (withShed || !op.shed) && (op.isWrite || op.status !== 404 || !lostIds.has(op.key)))
    .sort((left, right) => left.intended - right.intended || left.seq - right.seq)
}

function epochAt({ acks, files }: Drill, t0: number): number {
  const origin = BigInt(files.record.originNs)
  const taken = files.timeline.flatMap(({ kind, epoch, atNs }) =>
    kind === 'epoch-taken' && epoch !== undefined && nanoseconds(atNs, origin) <= t0 ? [epoch] : [],
  )
  const acked = acks.filter(({ done }) => done <= t0).map(({ epoch }) => epoch)
  return [...taken, ...acked].reduce((highest, each) => Math.max(highest, each), files.record.epochBefore?.epoch ?? 0)
}

/** Epochs that count as new for an incident: not those of a later cause that found writes being served as before. */
function newEpochs(drill: Drill, t0: number): (epoch: number) => boolean {
  const epoch = epochAt(drill, t0)
  const asBefore = drill.acks.filter((ack) => ack.sent > t0 && ack.epoch <= epoch)
  const ends = drill.causes.map((cause) => cause.t0).filter((at) => at > t0 && asBefore.some(({ done }) => done < at))
  const last = ends.length === 0 ? Infinity : epochAt(drill, Math.min(...ends))
  return (each) => each > epoch && each <= last
}

function areaRestored(drill: Drill, area: AreaOperations, t0: number, newAcks: readonly Op[]): Restored | null {
  const horizons = horizonsOf(drill.files, drill.causes, t0, drill.load.to)
  const operations = served(area.operations, drill.lostIds).filter(({ intended }) => intended >= t0)
  const restored = restoredIn({
    operations,
    writes: area.operations,
    t0,
    horizons,
    begins: drill.causes.map((each) => each.t0),
    thresholds: drill.thresholds,
    newAcks,
  })
  const looked = { from: t0, to: restored.kind === 'time' ? restored.horizon : drill.load.to }
  return area.missingSpans.some((span) => meets(span, looked)) ? null : restored
}

const rank = (each: Restored | null): number => (each === null || each.kind === 'few' ? 2 : each.kind === 'out' ? 1 : 0)
const size = (each: Restored | null): number =>
  each === null || each.kind === 'few' ? 0 : each.kind === 'out' ? each.atLeast : each.at

/** Unknown is worse than still out, still out is worse than any time. */
function worstOf(areas: readonly (Restored | null)[]): Restored | null {
  return areas.toSorted((left, right) => rank(right) - rank(left) || size(right) - size(left))[0] ?? null
}

function missingMeets({ areas }: Drill, span: Span): boolean {
  return [...areas.values()].some(({ missingSpans }) => missingSpans.some((each) => meets(each, span)))
}

/** A write that is missing from before a gap may have been acked in it, or the gap may be the measuring's own. */
export function isGapUnsure(drill: Drill, gap: Span): boolean {
  const before = gap.from - drill.files.record.runbook.load.timeout * 1e6
  return missingMeets(drill, { from: before, to: gap.to }) || isStalledIn(drill, gap)
}

function gapOf(drill: Drill, span: Span): IncidentFigures['gap'] {
  const gap = longestGap(drill.operations, span, drill.load.to)
  if (gap === null || isGapUnsure(drill, gap)) return null
  return { at: gap.to - gap.from, resolution: gap.resolution, isOpen: gap.isOpen }
}

/** `horizon`: by when service was back in every area, or the end of the load. */
function firstWriteOf(
  drill: Drill,
  t0: number,
  isNew: (epoch: number) => boolean,
  horizon: number,
  gap: IncidentFigures['gap'],
): Figure | null {
  const isLast = horizon === drill.load.to
  const known = drill.acks.filter((ack) => ack.done > t0 && isNew(ack.epoch) && (isLast || ack.done <= horizon))
  const origin = BigInt(drill.files.record.originNs)
  const taken = drill.files.timeline.some((event) => {
    const at = nanoseconds(event.atNs, origin)
    return event.kind === 'epoch-taken' && isNew(event.epoch ?? 0) && at > t0 && at <= horizon
  })
  if (known.length === 0 && !taken) return gap === null || gap.isOpen ? null : gap
  const [first] = known.filter(({ sent }) => sent > t0).sort((left, right) => left.done - right.done)
  if (first === undefined || missingMeets(drill, { from: t0, to: first.done })) return null
  const before = latestNotNew(drill.operations, newAcksOf(drill.acks, t0, isNew), t0, first)
  return { at: first.done - t0, resolution: first.done - before }
}

/** How long of the span at least one of the parts lasted. */
function covered(parts: readonly Span[], span: Span): number {
  let total = 0
  let done = span.from
  for (const { from, to } of parts.toSorted((left, right) => left.from - right.from)) {
    const begin = Math.max(from, done)
    const end = Math.min(to, span.to)
    if (end <= begin) continue
    total += end - begin
    done = end
  }
  return total
}

function isStalled(drill: Drill, t0: number, restored: Restored | null): boolean {
  if (restored === null || restored.kind === 'few') return false
  return isStalledIn(drill, { from: t0, to: restored.kind === 'time' ? t0 + restored.at : drill.load.to })
}

/** Too much of the span was the measuring's own standing still, or its lateness. */
function isStalledIn(drill: Drill, span: Span): boolean {
  const origin = BigInt(drill.files.record.originNs)
  const stood = drill.files.record.stalls.filter(({ part, kind }) => part !== 'harness' && kind !== 'clock-step')
  const stalls = stood.map(({ fromNs, toNs, ms = 0 }) => {
    const from = nanoseconds(fromNs, origin)
    return { from, to: Math.max(nanoseconds(toNs, origin), from + ms * 1e6) }
  })
  const late = drill.operations
    .filter((op) => isLate(op))
    .map((op) => ({ from: op.intended, to: op.started ?? op.intended }))
  return covered([...stalls, ...late], span) > mostStalled * (span.to - span.from)
}

/** It was well under way when the next cause began; after the last cause there is none. */
function isOfNext(drill: Drill, op: Op, until: number): boolean {
  return until < drill.load.to && decided(op, drill.thresholds) >= until
}

export function incidentFigures(drill: Drill, cause: Cause): IncidentFigures {
  const { t0 } = cause
  const isNew = newEpochs(drill, t0)
  const newAcks = newAcksOf(drill.acks, t0, isNew)
  const until = drill.causes.find((other) => other.t0 > t0)?.t0 ?? drill.load.to
  const areas = new Map([...drill.areas].map(([name, area]) => [name, areaRestored(drill, area, t0, newAcks)]))
  const restored = worstOf([...areas.values()])
  const horizons = new Map([...areas].map(([name, each]) => [name, each?.kind === 'time' ? each.horizon : Infinity]))
  const horizon = Math.min(drill.load.to, Math.max(...horizons.values()))
  const gap = gapOf(drill, { from: t0, to: horizon })
  const firstWrite = firstWriteOf(drill, t0, isNew, horizon, gap)
  const failed = served(drill.operations, drill.lostIds, true).filter(
    (op) =>
      op.outcome !== 'ok' && op.intended < until && decided(op, drill.thresholds) >= t0 && !isOfNext(drill, op, until),
  ).length
  const span = { from: t0 - drill.thresholds.p99, to: until }
  const common = { cause, until, horizons, failed: missingMeets(drill, span) ? null : failed }
  if (!isStalled(drill, t0, restored)) return { ...common, areas, restored, firstWrite, gap }
  const unknown = new Map([...areas.keys()].map((name) => [name, null] as const))
  return { ...common, areas: unknown, restored: null, firstWrite: null, gap: null }
}

/**
 * Windows that are bad, and more than noise in them: a single failed operation, or slow ones for less than 3 s. Service that was not
 * there before must first have been good once.
 */
function isOutage(operations: readonly Op[], quiet: Span, thresholds: Thresholds, wasThere: boolean): boolean {
  const fitting = windowsOf(operations, quiet.from, thresholds).filter(({ end }) => end <= quiet.to)
  const firstGood = fitting.findIndex(({ isGood }) => isGood)
  const windows = wasThere ? fitting : firstGood === -1 ? [] : fitting.slice(firstGood)
  return windows.some((window, index) => {
    if (window.isGood || windows[index - 1]?.isGood === false) return false
    const next = windows.findIndex(({ isGood }, other) => other > index && isGood)
    const last = windows[next === -1 ? windows.length - 1 : next - 1] ?? window
    const bad = operations.slice(window.first).filter((op) => op.intended <= last.end && isBad(op, thresholds))
    const failed = bad.filter(({ outcome }) => outcome !== 'ok').length
    const lasted = (bad.at(-1)?.intended ?? 0) - (bad[0]?.intended ?? 0)
    return failed > 1 || lasted >= 3e9
  })
}

/**
 * Whether an area did not meet the hypothesis at a time that belongs to no incident. What was under way at a t0 belongs to that
 * incident; what the client itself was late with is not the service's.
 */
export function breaksDown(drill: Drill, incidents: readonly IncidentFigures[]): boolean {
  return [...drill.areas].some(([name, area]) => {
    const operations = served(area.operations, drill.lostIds).filter((op) => !isLate(op))
    const begins = [drill.load.from, ...incidents.map(({ horizons }) => horizons.get(name) ?? Infinity)]
    const ends = [...incidents.map(({ cause }) => cause.t0), drill.load.to]
    return begins.some((begin, index) => {
      const known = begins.slice(0, index).filter((each) => each !== Infinity)
      const from = Math.max(begin, ...known)
      const to = ends[index] ?? from
      const quiet = operations.filter((op) => op.intended >= from && op.intended < to && !isOfNext(drill, op, to))
      return to > from && isOutage(quiet, { from, to }, drill.thresholds, index > 0)
    })
  })
}
