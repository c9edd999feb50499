// From a drill's record to its journal. Pure: the same record gives the same journal.
import {
  exitCodes,
  noPhases,
  type Check,
  type EpochSeen,
  type FaultRecord,
  type Journal,
  type ObjectiveResult,
  type Phases,
} from '#protocol/journal.ts'
import { areas, type Region } from '#protocol/sites.ts'
import { duplicates } from './duplicates.ts'
import { epochsOf, type Span } from './epochs.ts'
import { judgeExpectations } from './expectations.ts'
import { allLeaves } from '../method.ts'
import { parameterValues } from '../parameters.ts'
import { epochChangedIn, firstWrite, type OutageSpan } from './first-write.ts'
import { longestGapMs } from './gaps.ts'
import { ackedWrites, sinceMs, toClientOperation, type AckedWrite, type ClientOperation } from './history.ts'
import {
  notMeasured,
  postgresLoss,
  refusedButPresent,
  regionalLoss,
  type LossReport,
  type RegionalLossReport,
} from './loss.ts'
import { divergentOrders, duplicatedEvents, thrownAway } from './items.ts'
import { machineLoadOf } from './machine.ts'
import { judgeObjectives, mustBeZero, verdictOf } from './objectives.ts'
import { phasesOf } from './phases.ts'
import type { DrillRecord, StepTaken } from './record.ts'
import { notBeforeFirstWrite, restored, restoredWindowMs, type Restored, type Thresholds } from './restored.ts'
import { sharedEpochs, splitBrain } from './split-brain.ts'
import { staleReads } from './stale-reads.ts'

/** Restarted controllers may take a fresh epoch for the same region; so long after their return it is the fault's doing. */
const afterProcessKillMs = 10_000

interface History {
  readonly operations: readonly ClientOperation[]
  readonly acks: readonly AckedWrite[]
}

/** The fault that t0 is taken from: the first that is no background; without any, the first ordered change. */
function measuredFault(record: DrillRecord): FaultRecord | null {
  return record.faults.find((fault) => !fault.background) ?? record.faults[0] ?? null
}

function t0Of(record: DrillRecord): { readonly ns: bigint; readonly widthMs: number } | null {
  const fault = measuredFault(record)
  if (fault !== null) return { ns: BigInt(fault.firstNs), widthMs: sinceMs(BigInt(fault.firstNs), fault.lastNs) }
  const action = record.steps.find((step) => step.action !== null)
  return action === undefined ? null : { ns: BigInt(action.fromNs), widthMs: 0 }
}

/** What t0 answers for ends with the next ordered change or heal (of a background fault aside), else with the load. */
function spanOf(record: DrillRecord, history: History, t0Ns: bigint): OutageSpan {
  const t0Ms = sinceMs(record.originNs, t0Ns)
  const loadEndMs = sinceMs(record.originNs, record.load?.toNs ?? record.endNs)
  const measured = measuredFault(record)
  const isAside = (id: string | undefined): boolean =>
    record.faults.some((fault) => fault.id === id && fault.background && fault.id !== measured?.id)
  const healOf = new Map(allLeaves(record.runbook).map((leaf) => [leaf.at, leaf.step.heal]))
  const next = record.steps
    .filter((step) => (step.kind === 'heal' && !isAside(healOf.get(step.at))) || step.action !== null)
    .filter((step) => BigInt(step.fromNs) > t0Ns)
    .map((step) => sinceMs(record.originNs, step.fromNs))
  return { t0Ms, untilMs: Math.min(loadEndMs, ...next), epoch: epochAt(record, history, t0Ms) }
}

/** The highest epoch that anything was acked under by then. */
function epochAt(record: DrillRecord, history: History, atMs: number): number {
  const seen = history.acks.filter((ack) => ack.doneMs <= atMs).map((ack) => ack.epoch)
  return seen.reduce((highest, each) => Math.max(highest, each), record.epochBefore?.epoch ?? 0)
}

function spansOfActions(record: DrillRecord): readonly Span[] {
  return record.steps
    .filter((step) => step.action !== null)
    .map((step) => ({
      fromMs: sinceMs(record.originNs, step.fromNs),
      toMs: sinceMs(record.originNs, step.toNs),
    }))
}

function spansOfFaults(record: DrillRecord): readonly Span[] {
  return record.faults
    .filter((fault) => !fault.background)
    .map((fault) => ({
      fromMs: sinceMs(record.originNs, fault.firstNs),
      toMs:
        sinceMs(record.originNs, fault.healedNs ?? record.endNs) +
        (fault.kind === 'process-kill' ? afterProcessKillMs : 0),
    }))
}

const noInterval = { incident: null, firstWriteResolutionMs: null, resolutionMs: null, stillOutMs: null }

interface Rto {
  readonly journal: Journal['rto']
  readonly restored: Restored
}

function measureRto(record: DrillRecord, history: History, span: OutageSpan | null): Rto {
  const thresholds = thresholdsOf(record)
  const nothing: Restored = { ms: null, why: 'short' }
  if (span === null) {
    const phases = phasesOf([], 0n, 0, null, null)
    return { journal: { firstWriteMs: null, restoredMs: null, areas: {}, phases, ...noInterval }, restored: nothing }
  }
  const changed = epochChangedIn(history.acks, span)
  const used = areas.filter((area) => record.runbook.load.from.includes(area))
  const perArea = new Map(
    used.map((area) => [
      area,
      measureArea(
        history.acks.filter((ack) => ack.area === area),
        history.operations.filter((each) => each.area === area),
        { span, changed, thresholds },
      ),
    ]),
  )
  const all = [...perArea.values()].map((each) => each.restored)
  const worst =
    all.find((each) => each.why === 'broken') ??
    all.find((each) => each.why === 'short') ??
    all.reduce((left, right) => ((right.ms ?? 0) > (left.ms ?? 0) ? right : left), all[0] ?? nothing)
  const first = firstWrite(history.acks, span, changed)
  return {
    journal: {
      firstWriteMs: first.ms,
      restoredMs: worst.ms,
      areas: Object.fromEntries(
        [...perArea].map(([area, each]) => [
          area,
          { firstWriteMs: each.firstWriteMs, restoredMs: each.restored.ms, resolutionMs: null, stillOutMs: null },
        ]),
      ),
      phases: phasesOf(record.events, record.originNs, span.t0Ms, first.ack, worst.ms),
      ...noInterval,
    },
    restored: worst,
  }
}

interface AreaRto {
  readonly firstWriteMs: number | null
  readonly restored: Restored
}

function measureArea(
  acks: readonly AckedWrite[],
  operations: readonly ClientOperation[],
  {
    span,
    changed,
    thresholds,
  }: { readonly span: OutageSpan; readonly changed: boolean; readonly thresholds: Thresholds },
): AreaRto {
  const firstWriteMs = firstWrite(acks, span, changed).ms
  const seen = restored(operations, span.t0Ms, span.untilMs, thresholds)
  const writes = operations.some(
    (each) => each.kind === 'write' && each.intendedMs >= span.t0Ms && each.intendedMs < span.untilMs,
  )
  return { firstWriteMs, restored: changed && writes ? notBeforeFirstWrite(seen, firstWriteMs) : seen }
}

function thresholdsOf(record: DrillRecord): Thresholds {
  const hypothesis = record.runbook['steady-state-hypothesis']
  return { successRate: hypothesis['success-rate'], p99Ms: hypothesis.p99 }
}

/** The failback's own gap and failures: from its order to the next step's end, or to the end of the load. */
function measureFailback(record: DrillRecord, history: History): Journal['failback'] {
  const index = record.steps.findIndex((step) => step.action === 'failback')
  const step = record.steps[index]
  if (step === undefined || step.failed !== null) return { outageMs: null, failed: null, phases: noPhases }
  const next: StepTaken | undefined = record.steps[index + 1]
  const fromMs = sinceMs(record.originNs, step.fromNs)
  const loadEndMs = sinceMs(record.originNs, record.load?.toNs ?? record.endNs)
  const toMs = Math.min(loadEndMs, next === undefined ? loadEndMs : sinceMs(record.originNs, next.toNs))
  const inside = history.operations.filter((each) => each.intendedMs >= fromMs && each.intendedMs <= toMs)
  return {
    outageMs: longestGapMs(
      history.acks.map((ack) => ack.doneMs),
      fromMs,
      toMs,
    ),
    failed: inside.filter((each) => each.outcome !== 'ok').length,
    phases: failbackPhases(record, history, fromMs, toMs),
  }
}

/** From the order to the first ack under the epoch that it brought. */
function failbackPhases(record: DrillRecord, history: History, fromMs: number, untilMs: number): Phases {
  const span = { t0Ms: fromMs, untilMs, epoch: epochAt(record, history, fromMs) }
  return phasesOf(record.events, record.originNs, fromMs, firstWrite(history.acks, span, true).ack, null)
}

interface Losses {
  readonly postgres: LossReport
  readonly kafka: RegionalLossReport
  readonly redis: RegionalLossReport
  readonly refused: readonly string[] | null
}

function measureLosses(record: DrillRecord, history: History, t0Ms: number | null): Losses {
  const { postgres, kafka, redis } = record.finalReads
  const ids = <Value extends { readonly orderIds: ReadonlySet<string> }>(
    byRegion: ReadonlyMap<Region, Value> | null,
  ): ReadonlyMap<Region, ReadonlySet<string>> | null =>
    byRegion === null ? null : new Map([...byRegion].map(([region, each]) => [region, each.orderIds]))
  return {
    postgres: postgresLoss(history.acks, postgres?.ids ?? null, t0Ms),
    kafka: regionalLoss(history.acks, ids(kafka), t0Ms),
    redis: regionalLoss(history.acks, ids(redis), t0Ms),
    refused: postgres === null ? null : refusedButPresent(history.operations, postgres.keys),
  }
}

function measureDuplicates(record: DrillRecord): Journal['duplicates'] {
  const { kafka, redis } = record.finalReads
  const inRegions = [...new Set([...(kafka?.keys() ?? []), ...(redis?.keys() ?? [])])]
  const counted = duplicates(
    inRegions.map((region) => ({
      eventIds: kafka?.get(region)?.eventIds ?? [],
      applied: redis?.get(region)?.applied ?? null,
    })),
  )
  return { delivered: kafka === null ? null : counted.delivered, appliedTwice: counted.appliedTwice }
}

interface Figures {
  readonly history: History
  readonly t0: { readonly ns: bigint; readonly widthMs: number } | null
  readonly span: OutageSpan | null
  readonly rto: Rto
  readonly longestMs: number | null
  readonly losses: Losses
  readonly split: { readonly count: number | null; readonly ms: number | null }
  readonly duplicated: Journal['duplicates']
  readonly epochs: readonly EpochSeen[]
  readonly falseFailovers: number | null
  readonly failback: Journal['failback']
}

/** That a lost order is not found is the truth: it counts as loss, once, and not as outage for as long as somebody asks for it. */
function withoutReadsOf(
  lostIds: readonly string[],
  operations: readonly ClientOperation[],
): readonly ClientOperation[] {
  const lost = new Set(lostIds)
  return operations.filter((each) => !(each.kind === 'read' && each.status === 404 && lost.has(each.key)))
}

function computeFigures(record: DrillRecord): Figures {
  const operations = record.operations.map((each) => toClientOperation(each, record.originNs))
  const history: History = { operations, acks: ackedWrites(operations) }
  const t0 = t0Of(record)
  const span = t0 === null ? null : spanOf(record, history, t0.ns)
  const losses = measureLosses(record, history, span?.t0Ms ?? null)
  const served = { ...history, operations: withoutReadsOf(losses.postgres.lostIds, operations) }
  const ackTimes = history.acks.map((ack) => ack.doneMs)
  const epochs = epochsOf(record.epochBefore, record.events, record.originNs, {
    ordered: spansOfActions(record),
    faults: spansOfFaults(record),
  })
  return {
    history,
    t0,
    span,
    rto: measureRto(record, served, span),
    longestMs: longestGapMs(ackTimes, ackTimes[0] ?? 0, ackTimes.at(-1) ?? 0),
    losses,
    split: history.acks.length === 0 ? { count: null, ms: null } : splitBrain(history.acks),
    duplicated: measureDuplicates(record),
    epochs,
    // Without a single event nobody was listened to.
    falseFailovers: record.events.length === 0 ? null : epochs.filter((each) => each.cause === 'false').length,
    failback: measureFailback(record, served),
  }
}

function judgedObjectives(record: DrillRecord, figures: Figures): readonly ObjectiveResult[] {
  const { rto, losses, failback } = figures
  return judgeObjectives(record.runbook.objectives, {
    firstWriteMs: rto.journal.firstWriteMs,
    restoredMs: rto.journal.restoredMs,
    brokenToTheEnd: rto.restored.why === 'broken',
    longestGapMs: figures.longestMs,
    failbackOutageMs: failback.outageMs,
    failbackFailed: failback.failed,
    stores: { postgres: losses.postgres.loss, kafka: losses.kafka.loss, redis: losses.redis.loss },
  })
}

function checksOf(record: DrillRecord, figures: Figures): readonly Check[] {
  const { history, losses } = figures
  const loadRan = history.operations.length > 0
  const lost = mustBeZero('acked writes survive', losses.postgres.loss.lostCount, 'acked writes that are gone')
  const shared = history.acks.length === 0 ? null : sharedEpochs(history.acks).length
  return [
    {
      name: 'load ran',
      status: loadRan ? 'pass' : 'unknown',
      reason: `${history.operations.length} operations, ${history.acks.length} acked writes`,
    },
    mustBeZero('no split brain', figures.split.count, 'writes acked under an epoch that was over'),
    mustBeZero('one region per epoch', shared, 'epochs in which more than one region acked'),
    ...(record.runbook.topology.commit === 'quorum' ? [lost] : []),
    mustBeZero('refused writes stay away', losses.refused?.length ?? null, 'refused writes that were done'),
    mustBeZero('events applied once', figures.duplicated.appliedTwice, 'events applied twice'),
    mustBeZero('no false failover', figures.falseFailovers, 'epochs that neither a fault nor an order explains'),
    ...(record.interruption === null
      ? []
      : [{ name: 'drill complete', status: 'unknown' as const, reason: record.interruption }]),
    ...record.checks,
  ]
}

/** The part of the journal that is for people and for reports. */
function forPeople(record: DrillRecord, { t0, span, losses, history }: Figures) {
  return {
    drill: record.drill,
    title: record.runbook.title,
    startedAt: record.startedAt,
    originNs: record.originNs.toString(),
    durationMs: sinceMs(record.originNs, record.endNs),
    topology: { ...record.runbook.topology },
    parameters: parameterValues(record.runbook),
    thresholds: { ...thresholdsOf(record), windowMs: restoredWindowMs },
    t0: t0 === null ? null : { ns: t0.ns.toString(), widthMs: t0.widthMs },
    loadNs: record.load === null ? null : { from: record.load.fromNs.toString(), to: record.load.toNs.toString() },
    restoredUntilNs: span === null ? null : (record.originNs + BigInt(Math.round(span.untilMs * 1e6))).toString(),
    staleReads: history.operations.length === 0 ? null : staleReads(history.operations),
    wanBytes: record.wanBytes,
    faults: [...record.faults],
    steps: record.steps.map(({ at, title, kind, fromNs, toNs, failed }) => ({ at, title, kind, fromNs, toNs, failed })),
    lost: {
      postgres: [...losses.postgres.lostIds],
      kafka: [...losses.kafka.missing],
      redis: [...losses.redis.missing],
    },
    duplicated: duplicatedEvents(record.finalReads.kafka),
    divergent: divergentOrders(history.acks, record.finalReads),
    refusedButPresent: [...(losses.refused ?? [])],
    exports: thrownAway(record),
    command: record.command,
    environment: record.environment,
    machineLoad: record.samples.length === 0 ? null : machineLoadOf(record.samples),
    interruption: record.interruption,
  }
}

export function measure(record: DrillRecord): Journal {
  const figures = computeFigures(record)
  const { history, losses } = figures
  const objectives = [...judgedObjectives(record, figures), ...judgeExpectations(record, history.operations)]
  const checks = [...checksOf(record, figures)]
  const verdict = verdictOf(objectives, checks)
  const count = (outcome: ClientOperation['outcome']): number =>
    history.operations.filter((each) => each.outcome === outcome).length
  return {
    schemaVersion: 1,
    verdict,
    exitCode: exitCodes[verdict],
    runbook: record.runbookName,
    seed: record.seed,
    world: record.world,
    objectives,
    epochs: [...figures.epochs],
    rto: figures.rto.journal,
    outage: { longestMs: figures.longestMs, resolutionMs: null, open: false },
    failback: figures.failback,
    rpo: {
      postgres: losses.postgres.loss,
      kafka: losses.kafka.loss,
      redis: losses.redis.loss,
      objects: notMeasured,
    },
    splitBrain: figures.split,
    requests: { ok: count('ok'), failed: count('failed'), unknown: count('unknown') },
    duplicates: figures.duplicated,
    falseFailovers: figures.falseFailovers,
    incidents: [],
    unknown: {},
    atLeast: {},
    collection: {},
    stalls: [],
    checks,
    ...forPeople(record, figures),
  }
}
