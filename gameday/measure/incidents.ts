// Each incident's own figures: when service and writes came back, area by area, and the longest time without acks.
import type { Stall } from '#protocol/journal.ts'
import { areas, type Area } from '#protocol/sites.ts'
import type { Cause } from './causes.ts'
import { holesIn, missingWords, type Account, type Hole } from './collection.ts'
import { firstWrite, type FirstWrite } from './first-write.ts'
import { longestGap, nothingWritten, writesOf, type Gap, type Writes } from './gaps.ts'
import { sinceMs, type AckedWrite, type ClientOperation } from './history.ts'
import { restoredTiming, Service, type Thresholds } from './service.ts'
import { laterOf, measured, stillOut, unknownTiming, worstOf, type Timing } from './timing.ts'

/** Above this share of an outage in which the measuring stood still, its figures say nothing of the service. */
const stalledShare = 0.1

/** What all incidents of a drill are measured from. */
export interface Scene {
  readonly account: Account
  /** By area that had load; reads of lost orders are left out. */
  readonly services: ReadonlyMap<Area, Service>
  /** In order of their acks. */
  readonly acks: readonly AckedWrite[]
  readonly writes: Writes
  readonly sent: ReadonlyMap<Area | 'all', readonly number[]>
  readonly load: { readonly fromMs: number; readonly toMs: number }
  /** Faults' rows and orders, in order of time. */
  readonly causes: readonly Cause[]
  /** Where faults that are not background ended. */
  readonly endsMs: readonly number[]
  readonly stalls: readonly { readonly fromMs: number; readonly toMs: number }[]
  readonly epochBefore: number
}

export function sceneOf(
  account: Account,
  served: readonly ClientOperation[],
  acks: readonly AckedWrite[],
  thresholds: Thresholds,
  rest: Pick<Scene, 'load' | 'causes' | 'endsMs' | 'epochBefore'> & {
    readonly stalls: readonly Stall[]
    readonly originNs: bigint
  },
): Scene {
  const { stalls, originNs, ...more } = rest
  const sentOf = (area: Area | null): readonly number[] =>
    served
      .filter((each) => each.kind === 'write' && (area === null || each.area === area))
      .map(({ sentMs }) => sentMs)
      .toSorted((left, right) => left - right)
  const used = areas.filter((area) => account.areas.has(area))
  return {
    ...more,
    account,
    acks,
    services: new Map(
      used.map((area) => [
        area,
        new Service(
          served.filter((each) => each.area === area),
          thresholds,
        ),
      ]),
    ),
    writes: writesOf(served),
    sent: new Map([['all' as const, sentOf(null)], ...used.map((area) => [area, sentOf(area)] as const)]),
    // A loop of the harness that stands still, and a wall clock that is set, change nothing of what clients measure.
    stalls: stalls
      .filter(({ part, kind }) => part !== 'harness' && kind !== 'clock-step')
      .map(({ fromNs, toNs }) => ({ fromMs: sinceMs(originNs, fromNs), toMs: sinceMs(originNs, toNs) })),
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
}

/** The highest epoch that anything was acked under by then. */
function epochAt(scene: Scene, atMs: number): number {
  return scene.acks.reduce(
    (highest, { doneMs, epoch }) => (doneMs <= atMs ? Math.max(highest, epoch) : highest),
    scene.epochBefore,
  )
}

/** Up to where service must stay well once it is back, the first that is met counts. */
export function horizonsOf({ causes, endsMs, load }: Scene, t0Ms: number): readonly number[] {
  const later = [...endsMs, ...causes.map((each) => each.t0Ms)].filter((at) => at > t0Ms && at < load.toMs)
  return [...new Set([...later, load.toMs])].toSorted((left, right) => left - right)
}

function overlapMs(
  spans: readonly { readonly fromMs: number; readonly toMs: number }[],
  fromMs: number,
  toMs: number,
): number {
  return spans.reduce((sum, span) => sum + Math.max(0, Math.min(span.toMs, toMs) - Math.max(span.fromMs, fromMs)), 0)
}

/** Why the span says nothing of the service; null: it does. */
function disturbance(scene: Scene, area: Area | null, fromMs: number, toMs: number): string | null {
  const late = [...scene.account.areas]
    .filter(([each]) => area === null || each === area)
    .flatMap(([, { holes }]) => holes)
    .filter(({ kind }) => kind !== 'missing')
  for (const [who, spans] of [
    ['the machine', scene.stalls],
    ['the client', late],
  ] as const) {
    const ms = overlapMs(spans, fromMs, toMs)
    if (ms > stalledShare * (toMs - fromMs))
      return `${who} itself stood still or was late for ${(ms / 1000).toFixed(2)} s of ${((toMs - fromMs) / 1000).toFixed(2)} s`
  }
  return null
}

function withoutDoubt(scene: Scene, timing: Timing, area: Area, t0Ms: number, horizonMs: number): Timing {
  const holes = holesIn(scene.account, { fromMs: t0Ms, toMs: horizonMs }, area)
  const lost = holes.length === 0 ? null : missingWords(scene.account, holes)
  if (lost !== null) return unknownTiming(lost)
  const disturbed = timing.ms === null ? null : disturbance(scene, area, t0Ms, t0Ms + timing.highMs)
  return disturbed === null ? timing : unknownTiming(disturbed)
}

interface Sight {
  readonly t0Ms: number
  readonly epoch: number
}

function firstWriteOf(scene: Scene, area: Area | 'all', { t0Ms, epoch }: Sight, untilMs: number): FirstWrite | null {
  const acks = area === 'all' ? scene.acks : scene.acks.filter((each) => each.area === area)
  return firstWrite(acks, scene.sent.get(area) ?? [], { t0Ms, untilMs, epoch })
}

function writesIn(service: Service, fromMs: number, toMs: number): boolean {
  return service.operations.slice(service.indexAt(fromMs), service.indexAt(toMs)).some(({ kind }) => kind === 'write')
}

/** By the first horizon up to which service was back, and stayed. */
function restoredIn(scene: Scene, area: Area, service: Service, sight: Sight): { timing: Timing; horizonMs: number } {
  const { t0Ms } = sight
  let looked = false
  for (const horizonMs of horizonsOf(scene, t0Ms)) {
    const seen = service.see(t0Ms, horizonMs)
    looked ||= seen.kind !== 'short'
    if (seen.kind !== 'restored') continue
    const restored = restoredTiming(seen, t0Ms)
    const isMoved = firstWriteOf(scene, 'all', sight, horizonMs) !== null && writesIn(service, t0Ms, horizonMs)
    if (!isMoved) return { timing: restored, horizonMs }
    const first = firstWriteOf(scene, area, sight, horizonMs)
    if (first !== null) return { timing: laterOf(restored, first.timing), horizonMs }
  }
  const horizonMs = scene.load.toMs
  return { horizonMs, timing: looked ? stillOut(horizonMs - t0Ms) : unknownTiming(tooShort) }
}

const tooShort = 'too few operations until the load ended (a window of 3 s and 5 operations must fit)'

/** What a gap says of the return of writes where no epoch changed. */
function timingOfGap(scene: Scene, gap: Gap | null, area: Area | null): Timing {
  if (gap === null) return nothingWritten
  const holes = holesIn(scene.account, gap, area ?? undefined)
  if (holes.length > 0) return unknownTiming(missingWords(scene.account, holes) ?? '')
  return gap.open ? { ...stillOut(gap.timing.ms ?? 0), lowMs: gap.timing.lowMs } : gap.timing
}

function firstWriteTiming(
  scene: Scene,
  area: Area | null,
  sight: Sight,
  { found, gap }: { readonly found: FirstWrite | null; readonly gap: Gap | null },
): Timing {
  if (found === null) return timingOfGap(scene, gap, area)
  const holes: readonly Hole[] = holesIn(
    scene.account,
    { fromMs: sight.t0Ms, toMs: found.ack.doneMs },
    area ?? undefined,
  )
  if (holes.length > 0) return unknownTiming(missingWords(scene.account, holes) ?? '')
  return found.timing
}

/** Of a gap that was still open, how long it was; else its length. */
export function gapTiming(scene: Scene, gap: Gap | null): Timing {
  if (gap === null) return nothingWritten
  const holes = holesIn(scene.account, gap)
  if (holes.length > 0) return unknownTiming(missingWords(scene.account, holes) ?? '')
  return gap.open ? measured(gap.timing.ms ?? 0, gap.timing.lowMs, gap.timing.ms ?? 0) : gap.timing
}

export function measureIncident(scene: Scene, cause: Cause): IncidentMeasured {
  const { t0Ms } = cause
  const sight: Sight = { t0Ms, epoch: epochAt(scene, t0Ms) }
  const untilMs = scene.causes.find((each) => each.t0Ms > t0Ms)?.t0Ms ?? scene.load.toMs
  const restored = new Map(
    [...scene.services].map(([area, service]) => [area, restoredIn(scene, area, service, sight)]),
  )
  // Where service was not back by the next cause, what it is measured by goes on beyond.
  const reachMs = Math.max(...[...restored.values()].map(({ horizonMs }) => horizonMs), t0Ms)
  const gapUntilMs = Math.max(untilMs, reachMs)
  const isEndOfLoad = gapUntilMs >= scene.load.toMs
  const gap = longestGap(scene.writes, t0Ms, gapUntilMs, isEndOfLoad)
  const found = firstWriteOf(scene, 'all', sight, reachMs)
  const perArea = [...restored].map(([area, { timing, horizonMs }]): readonly [Area, AreaMeasured] => {
    const own = found === null ? null : firstWriteOf(scene, area, sight, horizonMs)
    const service = scene.services.get(area)
    const ownGap =
      found === null && service !== undefined
        ? longestGap(writesOf(service.operations), t0Ms, gapUntilMs, isEndOfLoad)
        : null
    const isWritten = service !== undefined && writesIn(service, t0Ms, horizonMs)
    const firstTiming =
      found !== null && own === null
        ? isWritten
          ? stillOut(horizonMs - t0Ms)
          : nothingWritten
        : firstWriteTiming(scene, area, sight, { found: own, gap: ownGap })
    return [area, { firstWrite: firstTiming, restored: withoutDoubt(scene, timing, area, t0Ms, horizonMs), horizonMs }]
  })
  return {
    cause,
    untilMs,
    epoch: sight.epoch,
    areas: new Map(perArea),
    firstWrite: firstWriteTiming(scene, null, sight, { found, gap }),
    firstAck: found?.ack ?? null,
    restored: worstOf(perArea.map(([, each]) => each.restored)) ?? unknownTiming('there was no load'),
    gap: gapTiming(scene, gap),
  }
}
