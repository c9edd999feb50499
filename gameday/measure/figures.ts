// The figures of a drill, from its record: incidents, losses, epochs, counts. What they become in the journal is measure.ts's.
import { type EpochSeen, type Journal } from '#protocol/journal.ts'
import { regions, type Region } from '#protocol/sites.ts'
import { breakdownIncidents, healAftermathMs } from './breakdowns.ts'
import { causesOf, faultEnds, faultSpans, withOwnIds, type Cause } from './causes.ts'
import { outsideWords, unheardWords } from './checks.ts'
import { account, holesIn, missingWords, type Account } from './collection.ts'
import { duplicates } from './duplicates.ts'
import { epochsOf, type Span } from './epochs.ts'
import { aftermathMs, type Explaining } from './explanations.ts'
import { longestGap } from './gaps.ts'
import { ackedWrites, failuresIn, sinceMs, type AckedWrite, type ClientOperation } from './history.ts'
import { gapTiming, measureIncident, sceneOf, type IncidentMeasured, type Scene } from './incidents.ts'
import {
  postgresLoss,
  refusedButPresent,
  regionalLoss,
  unreadWords,
  type LossReport,
  type RegionalLossReport,
} from './loss.ts'
import { type Counted, type DemandedIncident, type DemandedStore } from './objectives.ts'
import type { DrillRecord } from './record.ts'
import { type Thresholds } from './service.ts'
import { type Timing } from './timing.ts'

export function thresholdsOf(record: DrillRecord): Thresholds {
  const hypothesis = record.runbook['steady-state-hypothesis']
  return { successRate: hypothesis['success-rate'], p99Ms: hypothesis.p99 }
}

function loadOf(record: DrillRecord): { readonly fromMs: number; readonly toMs: number } {
  const { load, originNs, endNs } = record
  return { fromMs: sinceMs(originNs, load?.fromNs ?? originNs), toMs: sinceMs(originNs, load?.toNs ?? endNs) }
}

function spansOfActions(record: DrillRecord): readonly Span[] {
  return record.steps
    .filter((step) => step.action !== null)
    .map((step) => ({ fromMs: sinceMs(record.originNs, step.fromNs), toMs: sinceMs(record.originNs, step.toNs) }))
}

/** From its first effect until it was shown to be healed; one that ended by itself, until then. */
function explainingFaults(record: DrillRecord): readonly Explaining[] {
  return record.faults
    .filter((fault) => !fault.background)
    .map((fault) => ({
      fault,
      fromMs: sinceMs(record.originNs, fault.firstNs),
      toMs: sinceMs(record.originNs, fault.endedNs ?? fault.healedNs ?? record.endNs) + aftermathMs(fault),
    }))
}

interface Losses {
  readonly postgres: LossReport
  readonly kafka: RegionalLossReport
  readonly redis: RegionalLossReport
  readonly refused: readonly string[] | null
}

function measureLosses(
  record: DrillRecord,
  operations: readonly ClientOperation[],
  acks: readonly AckedWrite[],
  causes: readonly Cause[],
): Losses {
  const { postgres, kafka, redis } = record.finalReads
  const ids = <Value extends { readonly orderIds: ReadonlySet<string> }>(
    byRegion: ReadonlyMap<Region, Value> | null,
  ): ReadonlyMap<Region, ReadonlySet<string>> | null =>
    byRegion === null ? null : new Map([...byRegion].map(([region, each]) => [region, each.orderIds]))
  return {
    postgres: postgresLoss(acks, postgres?.ids ?? null, causes),
    kafka: regionalLoss(acks, ids(kafka), causes),
    redis: regionalLoss(acks, ids(redis), causes),
    refused: postgres === null ? null : refusedButPresent(operations, postgres.keys),
  }
}

function measureDuplicates({ finalReads }: DrillRecord): Journal['duplicates'] {
  const { kafka, redis } = finalReads
  const counted = duplicates(
    regions.map((region) => ({
      eventIds: kafka?.get(region)?.eventIds ?? [],
      applied: redis?.get(region)?.applied ?? null,
    })),
  )
  const isRead = unreadWords(finalReads, 'kafka') === null
  return { delivered: isRead ? counted.delivered : null, appliedTwice: counted.appliedTwice }
}

/** That a lost order is not found is the truth: it counts as loss, once, and not as outage for as long as somebody asks for it. */
function withoutReadsOf(
  lostIds: readonly string[],
  operations: readonly ClientOperation[],
): readonly ClientOperation[] {
  const lost = new Set(lostIds)
  return operations.filter((each) => !(each.kind === 'read' && each.status === 404 && lost.has(each.key)))
}

/** What comes back from an outside fault disturbs for as long as what comes back from one of the drill's. */
function outsideIn(record: DrillRecord): Figures['doneFromOutside'] {
  const spans = faultSpans(record).filter(({ fault }) => fault.outside)
  return ({ fromMs, toMs }) => {
    const inside = spans.filter((each) => each.fromMs <= toMs && each.toMs + healAftermathMs >= fromMs)
    return inside.length === 0 ? null : inside.map(({ fault }) => outsideWords(record, fault)).join('; ')
  }
}

export interface Figures {
  readonly account: Account
  readonly operations: readonly ClientOperation[]
  readonly served: readonly ClientOperation[]
  readonly acks: readonly AckedWrite[]
  readonly scene: Scene
  /** In order of their t0. */
  readonly incidents: readonly IncidentMeasured[]
  readonly losses: Losses
  readonly longest: { readonly timing: Timing; readonly open: boolean; readonly disturbedBy: string | null }
  /** What somebody else did to the world in a span, and by what follows from it; null: nothing. */
  readonly doneFromOutside: (span: Span) => string | null
  readonly duplicated: Journal['duplicates']
  readonly epochs: readonly EpochSeen[]
  readonly falseFailovers: Counted
  /** Why counts over all operations are unknown; null: nothing is missing. */
  readonly missing: string | null
  /** Why what a store lost is unknown: that, or a region that was not read. */
  readonly unsure: Readonly<Record<'postgres' | 'kafka' | 'redis', string | null>>
}

function measureIncidents(record: DrillRecord, scene: Scene): readonly IncidentMeasured[] {
  const ofCauses = scene.causes.map((cause) => measureIncident(scene, cause))
  const suspects = { ends: faultEnds(record), inForce: faultSpans(record), originNs: record.originNs }
  const all = [...ofCauses, ...breakdownIncidents(scene, ofCauses, suspects)]
  const sorted = all.toSorted((left, right) => left.cause.t0Ms - right.cause.t0Ms)
  const ids = withOwnIds(sorted.map(({ cause }) => cause))
  return sorted.map((each, index) => ({ ...each, cause: ids[index] ?? each.cause }))
}

/** Why an epoch may have come that nobody knows the cause of: writes were acked under it, and no event tells that it was taken. */
function untoldWords(record: DrillRecord, epochs: readonly EpochSeen[], acks: readonly AckedWrite[]): string | null {
  const acked = [...new Set(acks.map(({ epoch }) => epoch))].toSorted((left, right) => left - right)
  // The epoch in which the drill began was taken before it.
  const before = record.epochBefore?.epoch ?? acked[0] ?? 0
  const untold = acked.filter((each) => each !== before && !epochs.some(({ epoch }) => epoch === each))
  return untold.length === 0
    ? null
    : `writes were acked under epoch ${untold.join(', ')}, and no event says who took it`
}

function countFalseFailovers(record: DrillRecord, epochs: readonly EpochSeen[], acks: readonly AckedWrite[]): Counted {
  // Without a single event nobody was listened to.
  if (record.events.length === 0) return { count: null, atLeast: 0, unknown: 'no event of any controller was read' }
  const found = epochs.filter((each) => each.cause === 'false').length
  const unknown = unheardWords(record, found) ?? untoldWords(record, epochs, acks)
  return unknown === null ? { count: found, atLeast: found, unknown } : { count: null, atLeast: found, unknown }
}

export function computeFigures(record: DrillRecord): Figures {
  const accounted = account(record)
  const { operations } = accounted
  const acks = ackedWrites(operations)
  const load = loadOf(record)
  // What began when the load was over was seen by no client.
  const causes = causesOf(record).filter(({ t0Ms }) => t0Ms < load.toMs)
  const losses = measureLosses(record, operations, acks, causes)
  const served = withoutReadsOf(losses.postgres.lostIds, operations)
  const scene = sceneOf(accounted, served, acks, thresholdsOf(record), {
    load,
    timeoutMs: record.runbook.load.timeout,
    causes,
    endsMs: faultEnds(record)
      .filter(({ fault }) => !fault.background)
      .map(({ fromMs }) => fromMs),
    epochBefore: record.epochBefore?.epoch ?? 0,
    taken: record.events.flatMap(({ kind, epoch, atNs }) =>
      kind === 'epoch-taken' && epoch !== undefined ? [{ epoch, atMs: sinceMs(record.originNs, atNs) }] : [],
    ),
    stalls: record.stalls,
    originNs: record.originNs,
  })
  const gap = longestGap(scene.writes, load.fromMs, load.toMs, true)
  const epochs = epochsOf(record.epochBefore, record.events, record.originNs, {
    ordered: spansOfActions(record),
    faults: explainingFaults(record),
  })
  const missing = missingWords(accounted)
  const doneFromOutside = outsideIn(record)
  return {
    account: accounted,
    operations,
    served,
    acks,
    scene,
    incidents: measureIncidents(record, scene),
    losses,
    longest: {
      timing: gapTiming(scene, gap, scene.load),
      open: gap?.open ?? false,
      disturbedBy: gap === null ? null : doneFromOutside(gap),
    },
    doneFromOutside,
    duplicated: measureDuplicates(record),
    epochs,
    falseFailovers: countFalseFailovers(record, epochs, acks),
    missing,
    unsure: {
      postgres: missing,
      kafka: missing ?? unreadWords(record.finalReads, 'kafka'),
      redis: missing ?? unreadWords(record.finalReads, 'redis'),
    },
  }
}

/** What was found, which is all that there is only where nothing is missing. */
export function countedWith(missing: string | null, found: number | null, otherwise = 'not measured'): Counted {
  if (found === null) return { count: null, atLeast: 0, unknown: missing ?? otherwise }
  return missing === null
    ? { count: found, atLeast: found, unknown: null }
    : { count: null, atLeast: found, unknown: missing }
}

/** Of an incident: what was under way when the next one began belongs to that. */
export function failedIn(
  { account: accounted, served, scene }: Figures,
  { cause, untilMs }: IncidentMeasured,
): Counted {
  const { p99Ms } = scene.thresholds
  const nextMs = untilMs < scene.load.toMs ? untilMs : Number.POSITIVE_INFINITY
  const failed = failuresIn(served, { fromMs: cause.t0Ms, untilMs, nextMs }, p99Ms)
  const holes = holesIn(accounted, { fromMs: cause.t0Ms - p99Ms, toMs: untilMs })
  return countedWith(holes.length === 0 ? null : missingWords(accounted, holes), failed)
}

function demandedStore({ loss }: LossReport, missing: string | null, acks: number): DemandedStore {
  const none = acks === 0 ? 'no write was acked' : 'it was not read'
  const { count, atLeast, unknown } = countedWith(missing, loss.lostCount, none)
  return { lostCount: count, windowMs: count === null ? null : loss.windowMs, atLeast, unknown }
}

export function demandedStores({
  losses,
  unsure,
  acks,
}: Figures): Readonly<Record<'postgres' | 'kafka' | 'redis', DemandedStore>> {
  return {
    postgres: demandedStore(losses.postgres, unsure.postgres, acks.length),
    kafka: demandedStore(losses.kafka, unsure.kafka, acks.length),
    redis: demandedStore(losses.redis, unsure.redis, acks.length),
  }
}

export function demandedIncident(figures: Figures, incident: IncidentMeasured): DemandedIncident {
  const { cause, firstWrite, restored, gap } = incident
  const ofAreas = [...incident.areas.values()].map((each) => each.restored)
  return {
    id: cause.id,
    cause: cause.kind,
    refused: cause.refused,
    firstWrite,
    restored: ofAreas.length === 0 ? [restored] : ofAreas,
    gap,
    failed: failedIn(figures, incident),
    disturbedBy: figures.doneFromOutside({ fromMs: cause.t0Ms, toMs: cause.t0Ms + restored.highMs }),
  }
}
