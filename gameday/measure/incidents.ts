// Each incident's own figures: when service and writes came back, area by area, and the longest time without acks.
import type { Stall } from '#protocol/journal.ts'
import { areas, type Area } from '#protocol/sites.ts'
import type { Cause } from './causes.ts'
import { holesIn, lateFromMs, missingWords, type Account } from './collection.ts'
import type { Span } from './epochs.ts'
import { firstWrite, type FirstWrite } from './first-write.ts'
import { longestGap, nothingWritten, writesOf, type Gap, type Writes } from './gaps.ts'
import { isAcked, sinceMs, type AckedWrite, type ClientOperation } from './history.ts'
import { restoredTiming, Service, windowMs, type Stretch, type Thresholds } from './service.ts'
import { laterOf, stillOut, unknownTiming, worstOf, type Timing } from './timing.ts'

/** Above this share of an outage in which the measuring stood still, its figures say nothing of the service. */
const stalledShare = 0.1

/** Service that has been there for so long has come back for good: what happens later is something else. */
export const settledMs = 30_000

/** What all incidents of a drill are measured from. */
export interface Scene {
  readonly account: Account
  /** By area that had load; without reads of lost orders, and without what the client shed. */
  readonly services: ReadonlyMap<Area, Service>
  readonly thresholds: Thresholds
  /** In order of their acks. */
  readonly acks: readonly AckedWrite[]
  readonly writes: Writes
  /** Writes that were sent, in order of that. */
  readonly sent: ReadonlyMap<Area | 'all', readonly ClientOperation[]>
  readonly load: { readonly fromMs: number; readonly toMs: number }
  /** After this time a client gives an operation up. */
  readonly timeoutMs: number
  /** Faults' rows and orders, in order of time. */
  readonly causes: readonly Cause[]
  /** Where faults that are not background ended. */
  readonly endsMs: readonly number[]
  /** In which the measuring stood still, or a client was late, in order of time. */
  readonly disturbed: readonly Span[]
  /** Epochs, and from when on each was in force. */
  readonly epochs: readonly { readonly epoch: number; readonly fromMs: number }[]
}

/** A loop of the harness that stands still, and a wall clock that is set, change nothing of what clients measure. */
function disturbedSpans(
  stalls: readonly Stall[],
  originNs: bigint,
  operations: readonly ClientOperation[],
): readonly Span[] {
  const late = operations.filter(
    ({ shed, startedMs, intendedMs }) => shed !== true && (startedMs ?? intendedMs) - intendedMs > lateFromMs,
  )
  return [
    ...stalls
      .filter(({ part, kind }) => part !== 'harness' && kind !== 'clock-step')
      .map(({ fromNs, toNs, ms }) => {
        const fromMs = sinceMs(originNs, fromNs)
        // The monotonic clock stands still while the machine sleeps.
        return { fromMs, toMs: Math.max(sinceMs(originNs, toNs), fromMs + ms) }
      }),
    ...late.map(({ intendedMs, startedMs }) => ({ fromMs: intendedMs, toMs: startedMs ?? intendedMs })),
  ].toSorted((left, right) => left.fromMs - right.fromMs)
}

function sentWrites(operations: readonly ClientOperation[]): readonly ClientOperation[] {
  return operations
    .filter(({ kind, shed }) => kind === 'write' && shed !== true)
    .toSorted((left, right) => left.sentMs - right.sentMs)
}

export function sceneOf(
  account: Account,
  served: readonly ClientOperation[],
  acks: readonly AckedWrite[],
  thresholds: Thresholds,
  rest: Pick<Scene, 'load' | 'timeoutMs' | 'causes' | 'endsMs'> & {
    readonly stalls: readonly Stall[]
    readonly originNs: bigint
    readonly epochBefore: number
    /** Epochs that controllers took. */
    readonly taken: readonly { readonly epoch: number; readonly atMs: number }[]
  },
): Scene {
  const { stalls, originNs, epochBefore, taken, ...more } = rest
  const used = areas.filter((area) => account.areas.has(area))
  const tried = served.filter(({ shed }) => shed !== true)
  const ofArea = (area: Area): readonly ClientOperation[] => tried.filter((each) => each.area === area)
  return {
    ...more,
    account,
    thresholds,
    acks,
    services: new Map(used.map((area) => [area, new Service(ofArea(area), thresholds)])),
    writes: writesOf(served),
    sent: new Map([
      ['all' as const, sentWrites(tried)],
      ...used.map((area) => [area, sentWrites(ofArea(area))] as const),
    ]),
    disturbed: disturbedSpans(stalls, originNs, account.operations),
    epochs: [
      { epoch: epochBefore, fromMs: Number.NEGATIVE_INFINITY },
      ...acks.map(({ epoch, doneMs }) => ({ epoch, fromMs: doneMs })),
      ...taken.map(({ epoch, atMs }) => ({ epoch, fromMs: atMs })),
    ],
  }
}

export interface AreaMeasured {
  readonly firstWrite: Timing
  readonly restored: Timing
  /** Up to where it was looked. */
  readonly horizonMs: number
}

export interface IncidentMeasured {
  readonly cause: Cause
  /** The t0 of the next fault or order, or the end of the load. */
  readonly untilMs: number
  readonly epoch: number
  readonly areas: ReadonlyMap<Area, AreaMeasured>
  readonly firstWrite: Timing
  /** The ack that it ends with; null where no epoch changed. */
  readonly firstAck: AckedWrite | null
  readonly restored: Timing
  readonly gap: Timing
  /** No ack ended it: the true one is longer. */
  readonly isGapOpen: boolean
}

/** The highest epoch that was taken, or acked under, by then. */
function epochAt({ epochs }: Scene, atMs: number): number {
  return epochs.reduce((highest, { epoch, fromMs }) => (fromMs <= atMs ? Math.max(highest, epoch) : highest), 0)
}

/** Up to where service must stay well once it is back, the first that is met counts. */
export function horizonsOf({ causes, endsMs, load }: Scene, t0Ms: number): readonly number[] {
  const later = [...endsMs, ...causes.map((each) => each.t0Ms)].filter((at) => at > t0Ms && at < load.toMs)
  return [...new Set([...later, load.toMs])].toSorted((left, right) => left - right)
}

/** How long of the span at least one of the others lasted. @param spans in order of their beginnings */
function coveredMs(spans: readonly Span[], within: Span): number {
  let total = 0
  let doneMs = within.fromMs
  for (const { fromMs, toMs } of spans) {
    const [beginMs, endMs] = [Math.max(fromMs, doneMs), Math.min(toMs, within.toMs)]
    if (endMs <= beginMs) continue
    total += endMs - beginMs
    doneMs = endMs
  }
  return total
}

/** Why nothing can be said of an outage that lasted until `toMs`; null: something can. */
function disturbance({ disturbed }: Scene, fromMs: number, toMs: number): string | null {
  const ms = coveredMs(disturbed, { fromMs, toMs })
  if (ms <= stalledShare * (toMs - fromMs)) return null
  const seconds = (value: number): string => `${(value / 1000).toFixed(2)} s`
  return `the machine or a client stood still or was late, or the WAN did not answer, for ${seconds(ms)} of ${seconds(toMs - fromMs)}`
}

interface Sight {
  readonly t0Ms: number
  /** Whether an epoch is above the one at t0, and came by this incident. */
  readonly isNew: (epoch: number) => boolean
}

/**
 * Where a write sent after t0 was acked under no new epoch before a later fault or order began, service was there by then, and what
 * moved it is that one's.
 */
function sightOf(scene: Scene, t0Ms: number, epoch: number): Sight {
  const servedMs = scene.acks
    .filter((each) => each.sentMs > t0Ms && each.epoch <= epoch)
    .reduce((earliest, { doneMs }) => Math.min(earliest, doneMs), Number.POSITIVE_INFINITY)
  const later = scene.causes.filter((each) => each.t0Ms > Math.max(t0Ms, servedMs)).map((each) => each.t0Ms)
  const newest = later.length === 0 ? Number.POSITIVE_INFINITY : epochAt(scene, Math.min(...later))
  return { t0Ms, isNew: (each) => each > epoch && each <= newest }
}

/** At the end of the load, what was under way then counts as well. */
const reaches = ({ load }: Scene, horizonMs: number): number =>
  horizonMs >= load.toMs ? Number.POSITIVE_INFINITY : horizonMs

function firstWriteOf(scene: Scene, area: Area | 'all', { t0Ms, isNew }: Sight, horizonMs: number): FirstWrite | null {
  const acks = area === 'all' ? scene.acks : scene.acks.filter((each) => each.area === area)
  return firstWrite(acks, scene.sent.get(area) ?? [], { t0Ms, untilMs: reaches(scene, horizonMs), isNew })
}

/** Whether an area sent writes once writes were acked again anywhere: only then it must have been acked one itself. */
function hasTried(scene: Scene, area: Area, since: AckedWrite, horizonMs: number): boolean {
  return (scene.sent.get(area) ?? []).some(({ sentMs, intendedMs }) => sentMs > since.doneMs && intendedMs <= horizonMs)
}

interface Back {
  readonly timing: Timing
  readonly horizonMs: number
}

/** What is looked at for one area and one horizon of an incident. */
interface Look {
  readonly scene: Scene
  readonly area: Area
  readonly sight: Sight
  readonly horizonMs: number
}

/** Null: writes go to a new epoch by then, and the area has no ack under it. */
function backBy({ scene, area, sight, horizonMs }: Look, stretch: Stretch): Back | null {
  const restored = restoredTiming(stretch, sight.t0Ms)
  const anywhere = firstWriteOf(scene, 'all', sight, horizonMs)
  if (anywhere === null) return { timing: restored, horizonMs }
  const own = firstWriteOf(scene, area, sight, horizonMs)
  if (own !== null) return { timing: laterOf(restored, own.timing), horizonMs }
  return hasTried(scene, area, anywhere.ack, horizonMs) ? null : { timing: restored, horizonMs }
}

/** Whether the area's writes were served in a span: one of them was acked in it, or none was sent. */
function areWritesServed({ sent }: Scene, area: Area, fromMs: number, toMs: number): boolean {
  const inside = (sent.get(area) ?? []).filter(({ sentMs }) => sentMs > fromMs && sentMs <= toMs)
  return inside.length === 0 || inside.some((each) => isAcked(each) && each.doneMs <= toMs)
}

/** Back for good well before the horizon: what comes later is no part of this outage. Null: it was not. */
function settledBy(look: Look, stretch: Stretch): Back | null {
  const { scene, area, sight } = look
  const endMs = Math.min(look.horizonMs, stretch.brokenByMs ?? Number.POSITIVE_INFINITY)
  if (stretch.byMs + settledMs >= endMs) return null
  const own = firstWriteOf(scene, area, sight, stretch.byMs + settledMs)
  const thereMs = Math.max(stretch.byMs, own?.ack.doneMs ?? stretch.byMs)
  const horizonMs = thereMs + settledMs
  if (horizonMs >= endMs || !areWritesServed(scene, area, thereMs, horizonMs)) return null
  return backBy({ ...look, horizonMs }, stretch)
}

/** By the first horizon up to which service was back, and stayed. */
function restoredIn(scene: Scene, area: Area, service: Service, sight: Sight): Back {
  const { t0Ms } = sight
  let looked = false
  for (const horizonMs of horizonsOf(scene, t0Ms)) {
    // What was under way when something else began tells nothing of this incident.
    const isCause = scene.causes.some((each) => each.t0Ms === horizonMs)
    const { stretches, isShort } = (isCause ? service.decidedBefore(horizonMs) : service).see(t0Ms, horizonMs)
    looked ||= !isShort
    const look = { scene, area, sight, horizonMs }
    for (const stretch of stretches) {
      const back = settledBy(look, stretch) ?? (stretch.brokenByMs === null ? backBy(look, stretch) : null)
      if (back !== null) return back
    }
  }
  return { timing: notBack(scene, service, t0Ms, looked), horizonMs: scene.load.toMs }
}

/** Out until its last bad operation, if that was among the last that a window could still hold. */
function notBack({ load }: Scene, service: Service, t0Ms: number, looked: boolean): Timing {
  const lastBadMs = service.lastBadMs(t0Ms, load.toMs)
  if (!looked || lastBadMs === null || load.toMs - lastBadMs > windowMs)
    return unknownTiming('too few operations until the load ended (a window of 3 s and 5 operations must fit)')
  return stillOut(lastBadMs - t0Ms)
}

/** Why a figure is unknown whose operations were intended in the span; null: nothing is missing there. */
function missingIn(scene: Scene, span: Span, area?: Area): string | null {
  const holes = holesIn(scene.account, span, area)
  return holes.length === 0 ? null : missingWords(scene.account, holes)
}

/** A write that is missing from before a gap may have been acked in it; a gap in which the measuring stood still may be its own. */
function doubtOfGap(scene: Scene, { fromMs, toMs }: Gap, area?: Area): string | null {
  return missingIn(scene, { fromMs: fromMs - scene.timeoutMs, toMs }, area) ?? disturbance(scene, fromMs, toMs)
}

/** An open one was at least so long; one that is closed says at most so much of the service. */
export function gapTiming(scene: Scene, gap: Gap | null, span: Span): Timing {
  if (gap === null) return nothingWritten(missingIn(scene, span))
  const doubt = doubtOfGap(scene, gap)
  if (doubt !== null) return unknownTiming(doubt)
  const { timing, open } = gap
  return open ? { ...timing, highMs: Number.POSITIVE_INFINITY } : timing
}

/**
 * The first ack under a new epoch; where no epoch changes the longest time without acks; else there was none.
 * @param isMoved writes went to a new epoch all the same: taken, or acked under in another area
 */
function firstWriteTiming(
  scene: Scene,
  { fromMs: t0Ms, toMs: reachMs }: Span,
  seen: { readonly found: FirstWrite | null; readonly gap: Gap | null; readonly isMoved: boolean },
  area?: Area,
): Timing {
  const { found, gap, isMoved } = seen
  if (found !== null) {
    const missing = missingIn(scene, { fromMs: t0Ms, toMs: found.ack.doneMs }, area)
    return missing === null ? found.timing : unknownTiming(missing)
  }
  if (gap === null) return nothingWritten(missingIn(scene, { fromMs: t0Ms, toMs: reachMs }, area))
  const doubt = doubtOfGap(scene, gap, area)
  if (doubt !== null) return unknownTiming(doubt)
  return isMoved || gap.open ? stillOut(gap.timing.ms ?? 0) : gap.timing
}

/** Whether an epoch above the one at t0 was taken, or acked under, by then. */
function isEpochNew({ epochs }: Scene, { t0Ms, isNew }: Sight, untilMs: number): boolean {
  return epochs.some((each) => isNew(each.epoch) && each.fromMs > t0Ms && each.fromMs <= untilMs)
}

/** By when an area was back is not known either where operations are missing before it. */
function withoutDoubt(scene: Scene, back: Back, area: Area, t0Ms: number): Back {
  const missing = missingIn(scene, { fromMs: t0Ms, toMs: back.horizonMs }, area)
  return missing === null ? back : { timing: unknownTiming(missing), horizonMs: scene.load.toMs }
}

export function measureIncident(scene: Scene, cause: Cause): IncidentMeasured {
  const { t0Ms } = cause
  const { load } = scene
  const epoch = epochAt(scene, t0Ms)
  const sight = sightOf(scene, t0Ms, epoch)
  const untilMs = scene.causes.find((each) => each.t0Ms > t0Ms)?.t0Ms ?? load.toMs
  const back = new Map(
    [...scene.services].map(([area, service]) => [
      area,
      withoutDoubt(scene, restoredIn(scene, area, service, sight), area, t0Ms),
    ]),
  )
  const reachMs = Math.max(t0Ms, ...[...back.values()].map(({ horizonMs }) => horizonMs))
  const span = { fromMs: t0Ms, toMs: reachMs }
  const gap = longestGap(scene.writes, t0Ms, reachMs, reachMs >= load.toMs)
  const found = firstWriteOf(scene, 'all', sight, reachMs)
  const worst = worstOf([...back.values()].map(({ timing }) => timing)) ?? unknownTiming('there was no load')
  const endMs = worst.unknown !== null ? null : worst.ms === null ? load.toMs : t0Ms + worst.ms
  const disturbed = endMs === null ? null : disturbance(scene, t0Ms, endMs)
  const sure = (timing: Timing): Timing => (disturbed === null ? timing : unknownTiming(disturbed))
  const perArea = [...back].map(([area, { timing, horizonMs }]): readonly [Area, AreaMeasured] => {
    const own = {
      found: firstWriteOf(scene, area, sight, reachMs),
      gap: longestGap(writesOf(scene.services.get(area)?.operations ?? []), t0Ms, reachMs, reachMs >= load.toMs),
      isMoved: found !== null,
    }
    return [area, { firstWrite: sure(firstWriteTiming(scene, span, own, area)), restored: sure(timing), horizonMs }]
  })
  return {
    cause,
    untilMs,
    epoch,
    areas: new Map(perArea),
    firstWrite: sure(firstWriteTiming(scene, span, { found, gap, isMoved: isEpochNew(scene, sight, reachMs) })),
    firstAck: found?.ack ?? null,
    restored: sure(worst),
    gap: sure(gapTiming(scene, gap, span)),
    isGapOpen: gap?.open === true,
  }
}
