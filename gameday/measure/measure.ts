// From a drill's record to its journal. Pure: the same record gives the same journal. What each figure means is in docs/measuring.md.
import {
  exitCodes,
  noPhases,
  type Check,
  type Incident,
  type IncidentCause,
  type Journal,
  type ObjectiveResult,
  type StoreLoss,
} from '#protocol/journal.ts'
import { allLeaves } from '../method.ts'
import { parameterValues } from '../parameters.ts'
import {
  eachOperationOnce,
  faultsInForce,
  loadAsPlanned,
  noUnexplainedOutage,
  recordedChecks,
  storesAgree,
  unrecorded,
} from './checks.ts'
import { collectionOf } from './collection.ts'
import { judgeExpectations } from './expectations.ts'
import { sinceMs, type ClientOperation } from './history.ts'
import { type IncidentMeasured } from './incidents.ts'
import { divergentOrders, duplicatedEvents, thrownAway } from './items.ts'
import { nothingKnown, notMeasured, sharedOrderIds } from './loss.ts'
import { machineLoadOf } from './machine.ts'
import {
  isOfDrill,
  judgeObjectives,
  mustBeNone,
  mustBeZero,
  verdictOf,
  type Counted,
  type DemandedStore,
} from './objectives.ts'
import { phasesOf } from './phases.ts'
import type { DrillRecord } from './record.ts'
import { windowMs } from './service.ts'
import { sharedEpochs, splitBrain, splitAcks } from './split-brain.ts'
import { staleReads } from './stale-reads.ts'
import { resolutionOf, unknownTiming, worstOf, type Timing } from './timing.ts'
import {
  computeFigures,
  countedWith,
  demandedIncident,
  demandedStores,
  failedIn,
  thresholdsOf,
  type Figures,
} from './figures.ts'

function judgedObjectives(record: DrillRecord, figures: Figures): readonly ObjectiveResult[] {
  const { scene, account: accounted, incidents } = figures
  const fewest = Math.min(...[...accounted.areas.values()].map(({ planned }) => planned))
  const lastsMs = scene.load.toMs - scene.load.fromMs
  return judgeObjectives(record.runbook.objectives, {
    incidents: incidents.map((each) => demandedIncident(figures, each)),
    longestGap: figures.longest.timing,
    longestGapDisturbedBy: figures.longest.disturbedBy,
    stores: demandedStores(figures),
    meanGapMs: Number.isFinite(fewest) && fewest > 0 ? lastsMs / fewest : null,
  })
}

/** Orders that a final primary does not have, though they may have been seen: lost, or thrown away in a rewind. */
function goneOrders(record: DrillRecord, lostIds: readonly string[]): ReadonlySet<string> {
  return new Set([...lostIds, ...thrownAway(record).flatMap(({ orderIds }) => orderIds)])
}

function checksOf(record: DrillRecord, figures: Figures): readonly Check[] {
  const { operations, acks, losses, missing, account: accounted, incidents } = figures
  const known = acks.length === 0 ? null : missing
  const ofAcks = (count: number): Counted =>
    acks.length === 0 ? { count: null, atLeast: 0, unknown: 'no write was acked' } : countedWith(known, count)
  const stores = demandedStores(figures)
  const lost = { count: stores.postgres.lostCount, atLeast: stores.postgres.atLeast, unknown: stores.postgres.unknown }
  const healed = new Set(allLeaves(record.runbook).flatMap(({ step }) => step.heal ?? []))
  return [
    {
      name: 'load ran',
      status: operations.length > 0 ? 'pass' : 'unknown',
      reason: `${operations.length} operations, ${acks.length} acked writes`,
    },
    loadAsPlanned(accounted),
    eachOperationOnce(accounted),
    mustBeNone('no split brain', ofAcks(splitBrain(acks).count), 'writes acked under an epoch that was over'),
    mustBeNone('one region per epoch', ofAcks(sharedEpochs(acks).length), 'epochs in which more than one region acked'),
    mustBeNone(
      'one order id per write',
      ofAcks(sharedOrderIds(acks).length),
      'order ids that acks of several writes name',
    ),
    ...(record.runbook.topology.commit === 'quorum'
      ? [mustBeNone('acked writes survive', lost, 'acked writes that are gone')]
      : []),
    mustBeNone(
      'refused writes stay away',
      countedWith(missing, losses.refused?.length ?? null),
      'refused writes that were done',
    ),
    mustBeZero('events applied once', figures.duplicated.appliedTwice, 'events applied twice'),
    mustBeNone('no false failover', figures.falseFailovers, 'epochs that neither a fault nor an order explains'),
    faultsInForce(record, healed),
    noUnexplainedOutage(record, incidents, record.runbook.objectives['unexplained-incidents'] ?? 0),
    ...storesAgree(
      record,
      record.runbook.topology.commit === 'async' ? goneOrders(record, losses.postgres.lostIds) : new Set(),
    ),
    ...(record.interruption === null
      ? []
      : [{ name: 'drill complete', status: 'unknown' as const, reason: record.interruption }]),
    ...recordedChecks(record),
    ...unrecorded(record),
  ]
}

/** Numbers with the reasons of those that are unknown, by their paths. */
class Reasons {
  readonly unknown: Record<string, string> = {}
  readonly atLeast: Record<string, number> = {}

  timing(path: string, timing: Timing): number | null {
    if (timing.unknown !== null) this.unknown[path] = timing.unknown
    return timing.ms
  }

  count(path: string, { count, atLeast, unknown }: Counted): number | null {
    if (count === null) {
      this.unknown[path] = unknown ?? 'not measured'
      if (atLeast > 0) this.atLeast[path] = atLeast
    }
    return count
  }

  store(path: string, { lostCount, windowMs, atLeast, unknown }: DemandedStore): StoreLoss {
    this.count(`${path}.lostCount`, { count: lostCount, atLeast, unknown })
    if (lostCount !== null && windowMs === null)
      this.unknown[`${path}.windowMs`] = 'no fault or order is known by which the writes were lost'
    return { lostCount, windowMs }
  }
}

function areasOf(incident: IncidentMeasured, path: string, reasons: Reasons): Incident['areas'] {
  return Object.fromEntries(
    [...incident.areas].map(([area, { firstWrite, restored }]) => [
      area,
      {
        firstWriteMs: reasons.timing(`${path}.areas.${area}.firstWriteMs`, firstWrite),
        restoredMs: reasons.timing(`${path}.areas.${area}.restoredMs`, restored),
        resolutionMs: resolutionOf(restored),
        stillOutMs: restored.stillOutMs,
      },
    ]),
  )
}

const ordered: ReadonlySet<IncidentCause> = new Set(['switchover', 'failover', 'failback'])

/** Of an incident whose first write is known; `restoredMs` null: the phases end with that. */
function phasesIn(
  record: DrillRecord,
  { cause, firstWrite, firstAck }: IncidentMeasured,
  restoredMs: number | null,
  path: string,
  reasons: Reasons,
): Incident['phases'] {
  const { events, originNs } = record
  const { phases, unknown } =
    firstWrite.unknown === null
      ? phasesOf(events, originNs, cause.t0Ms, firstAck, restoredMs, ordered.has(cause.kind))
      : { phases: noPhases, unknown: firstWrite.unknown }
  if (unknown !== null) reasons.unknown[`${path}.phases`] = unknown
  return phases
}

function incidentOf(
  record: DrillRecord,
  figures: Figures,
  incident: IncidentMeasured,
  path: string,
  reasons: Reasons,
): Incident {
  const { cause, untilMs, firstWrite, restored, gap, isGapOpen } = incident
  const { losses, missing, unsure, acks } = figures
  const split = splitAcks(acks).filter(({ doneMs }) => doneMs >= cause.t0Ms && doneMs < untilMs)
  const times = split.map(({ doneMs }) => doneMs)
  const splitCount = countedWith(missing, acks.length === 0 ? null : split.length, 'no write was acked')
  const lossOf = (name: 'postgres' | 'kafka' | 'redis'): StoreLoss => {
    const report = losses[name]
    const loss =
      report === nothingKnown || report.loss.lostCount === null
        ? notMeasured
        : (report.byIncident.get(cause.id) ?? { lostCount: 0, windowMs: 0 })
    const { count, atLeast, unknown } = countedWith(unsure[name], loss.lostCount, 'it was not read')
    return reasons.store(`${path}.rpo.${name}`, {
      lostCount: count,
      windowMs: count === null ? null : loss.windowMs,
      atLeast,
      unknown,
    })
  }
  return {
    id: cause.id,
    cause: cause.kind,
    title: cause.title,
    t0: { ns: cause.t0Ns.toString(), widthMs: cause.widthMs },
    untilNs: (record.originNs + BigInt(Math.round(untilMs * 1e6))).toString(),
    firstWriteMs: reasons.timing(`${path}.firstWriteMs`, firstWrite),
    firstWriteResolutionMs: resolutionOf(firstWrite),
    restoredMs: reasons.timing(`${path}.restoredMs`, restored),
    resolutionMs: resolutionOf(restored),
    stillOutMs: restored.stillOutMs,
    areas: areasOf(incident, path, reasons),
    phases: phasesIn(record, incident, restored.ms, path, reasons),
    longestGapMs: reasons.timing(`${path}.longestGapMs`, gap),
    longestGapResolutionMs: resolutionOf(gap),
    longestGapOpen: isGapOpen && gap.ms !== null,
    failed: reasons.count(`${path}.failed`, failedIn(figures, incident)),
    rpo: { postgres: lossOf('postgres'), kafka: lossOf('kafka'), redis: lossOf('redis') },
    splitBrain: {
      count: reasons.count(`${path}.splitBrain.count`, splitCount),
      ms: splitCount.count === null ? null : Math.max(0, ...times) - Math.min(...(times.length === 0 ? [0] : times)),
    },
  }
}

/** The worst of those that `rto` is demanded of; a drill of failbacks alone has none. */
function headlineOf(incidents: readonly IncidentMeasured[]): IncidentMeasured | null {
  const others = incidents.filter(({ cause }) => isOfDrill(cause.kind))
  const worst = worstOf(others.map(({ restored }) => restored))
  return others.find(({ restored }) => restored === worst) ?? null
}

function rtoOf(record: DrillRecord, incidents: readonly IncidentMeasured[], reasons: Reasons): Journal['rto'] {
  const worst = headlineOf(incidents)
  if (worst === null) {
    for (const path of ['rto.firstWriteMs', 'rto.restoredMs'])
      reasons.unknown[path] = 'there was no fault, switchover or failover'
    const nothing = { firstWriteResolutionMs: null, resolutionMs: null, stillOutMs: null, incident: null }
    return { firstWriteMs: null, restoredMs: null, areas: {}, phases: noPhases, ...nothing }
  }
  const others = incidents.filter(({ cause }) => isOfDrill(cause.kind))
  const firstWrite = worstOf(others.map((each) => each.firstWrite)) ?? unknownTiming('not measured')
  const { restored, cause } = worst
  return {
    firstWriteMs: reasons.timing('rto.firstWriteMs', firstWrite),
    restoredMs: reasons.timing('rto.restoredMs', restored),
    areas: areasOf(worst, 'rto', reasons),
    phases: phasesIn(record, worst, restored.ms, 'rto', reasons),
    incident: cause.id,
    firstWriteResolutionMs: resolutionOf(firstWrite),
    resolutionMs: resolutionOf(restored),
    stillOutMs: restored.stillOutMs,
  }
}

function failbackOf(record: DrillRecord, figures: Figures, reasons: Reasons): Journal['failback'] {
  const all = figures.incidents.filter(({ cause }) => cause.kind === 'failback')
  const done = all.filter(({ cause }) => !cause.refused)
  const worst = worstOf(done.map(({ gap }) => gap))
  const [first] = done
  if (worst === null || first === undefined || done.length < all.length) {
    const why = all.length === 0 ? 'there was no failback' : 'the order was refused'
    for (const path of ['failback.outageMs', 'failback.failed']) reasons.unknown[path] = why
    return { outageMs: null, failed: null, phases: noPhases }
  }
  const failed = done
    .map((each) => failedIn(figures, each))
    .reduce((left, right) => (right.atLeast > left.atLeast || right.count === null ? right : left))
  const shown = done.find(({ gap }) => gap === worst) ?? first
  return {
    outageMs: reasons.timing('failback.outageMs', worst),
    failed: reasons.count('failback.failed', failed),
    phases: phasesIn(record, shown, null, 'failback', reasons),
  }
}

/** The part of the journal that is for people and for reports. */
function forPeople(record: DrillRecord, { losses, operations, acks, incidents }: Figures) {
  const headline = headlineOf(incidents) ?? incidents[0]
  return {
    drill: record.drill,
    title: record.runbook.title,
    startedAt: record.startedAt,
    originNs: record.originNs.toString(),
    durationMs: sinceMs(record.originNs, record.endNs),
    topology: { ...record.runbook.topology },
    parameters: parameterValues(record.runbook),
    thresholds: { ...thresholdsOf(record), windowMs },
    t0: headline === undefined ? null : { ns: headline.cause.t0Ns.toString(), widthMs: headline.cause.widthMs },
    loadNs: record.load === null ? null : { from: record.load.fromNs.toString(), to: record.load.toNs.toString() },
    restoredUntilNs:
      headline === undefined ? null : (record.originNs + BigInt(Math.round(headline.untilMs * 1e6))).toString(),
    staleReads: operations.length === 0 ? null : staleReads(operations),
    wanBytes: record.wanBytes,
    faults: [...record.faults],
    steps: record.steps.map(({ at, title, kind, fromNs, toNs, failed }) => ({ at, title, kind, fromNs, toNs, failed })),
    lost: {
      postgres: [...losses.postgres.lostIds],
      kafka: [...losses.kafka.missing],
      redis: [...losses.redis.missing],
    },
    duplicated: duplicatedEvents(record.finalReads.kafka),
    divergent: divergentOrders(acks, record.finalReads),
    refusedButPresent: [...(losses.refused ?? [])],
    exports: thrownAway(record),
    command: record.command,
    environment: record.environment,
    machineLoad: record.samples.length === 0 ? null : machineLoadOf(record.samples),
    interruption: record.interruption,
  }
}

function requestsOf({ operations, missing }: Figures, reasons: Reasons): Journal['requests'] {
  const count = (outcome: ClientOperation['outcome']): number | null =>
    reasons.count(
      `requests.${outcome}`,
      countedWith(missing, operations.filter((each) => each.outcome === outcome).length),
    )
  return { ok: count('ok'), failed: count('failed'), unknown: count('unknown') }
}

export function measure(record: DrillRecord): Journal {
  const figures = computeFigures(record)
  const { account: accounted, operations, acks, longest, missing, incidents, duplicated } = figures
  const reasons = new Reasons()
  const objectives = [
    ...judgedObjectives(record, figures),
    ...judgeExpectations(record, accounted, operations, figures.doneFromOutside),
  ]
  const checks = [...checksOf(record, figures)]
  const verdict = verdictOf(objectives, checks)
  const stores = demandedStores(figures)
  const split = countedWith(missing, acks.length === 0 ? null : splitBrain(acks).count, 'no write was acked')
  for (const name of ['delivered', 'appliedTwice'] as const)
    if (duplicated[name] === null) reasons.unknown[`duplicates.${name}`] = 'Kafka or Redis was not read'
  return {
    schemaVersion: 1,
    verdict,
    exitCode: exitCodes[verdict],
    runbook: record.runbookName,
    seed: record.seed,
    world: record.world,
    objectives,
    epochs: [...figures.epochs],
    rto: rtoOf(record, incidents, reasons),
    outage: {
      longestMs: reasons.timing('outage.longestMs', longest.timing),
      resolutionMs: resolutionOf(longest.timing),
      open: longest.open,
    },
    failback: failbackOf(record, figures, reasons),
    rpo: {
      postgres: reasons.store('rpo.postgres', stores.postgres),
      kafka: reasons.store('rpo.kafka', stores.kafka),
      redis: reasons.store('rpo.redis', stores.redis),
      objects: notMeasured,
    },
    splitBrain: {
      count: reasons.count('splitBrain.count', split),
      ms: split.count === null ? null : splitBrain(acks).ms,
    },
    requests: requestsOf(figures, reasons),
    duplicates: duplicated,
    falseFailovers: reasons.count('falseFailovers', figures.falseFailovers),
    incidents: incidents.map((each, index) => incidentOf(record, figures, each, `incidents[${index}]`, reasons)),
    unknown: reasons.unknown,
    atLeast: reasons.atLeast,
    collection: collectionOf(accounted, record.originNs),
    stalls: [...record.stalls],
    checks,
    ...forPeople(record, figures),
  }
}
