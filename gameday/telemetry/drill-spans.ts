// The trace of one drill: its steps, its faults and its incidents are the children.
import type { FaultRecord, Incident, Journal, StepRecord } from '#protocol/journal.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { reasonOf } from '../report/figures.ts'
import { endedEarlyText, overNs } from '../report/harness-words.ts'
import { storeNames } from '../measure/record.ts'
import type { SpanPlan } from './span-plan.ts'

export function drillSpan(journal: Journal, events: readonly TimelineEvent[], originNs: bigint): SpanPlan {
  const toNs = originNs + BigInt(Math.round(journal.durationMs * 1e6))
  const children = [
    ...journal.steps.map(stepSpan),
    ...journal.faults.map((fault) => faultSpan(fault, toNs)),
    ...journal.incidents.map((incident, index) => incidentSpan(journal, incident, index)),
  ].toSorted((left, right) => Number(left.fromNs - right.fromNs))
  const collected = Object.values(journal.collection)
  const missed = journal.objectives.filter((each) => each.status === 'missed').map((each) => each.name)
  return {
    name: `drill ${journal.runbook}`,
    fromNs: originNs,
    toNs,
    attributes: {
      'firedrill.drill': journal.drill,
      'firedrill.runbook': journal.runbook,
      'firedrill.world': journal.world,
      'firedrill.seed': journal.seed,
      'firedrill.verdict': journal.verdict,
      ...secondsAttribute('firedrill.rto.restored_seconds', journal.rto.restoredMs),
      ...secondsAttribute('firedrill.rto.first_write_seconds', journal.rto.firstWriteMs),
      ...secondsAttribute('firedrill.rto.resolution_seconds', journal.rto.resolutionMs),
      ...secondsAttribute('firedrill.rto.still_out_seconds', journal.rto.stillOutMs),
      ...(collected.length === 0
        ? {}
        : { 'firedrill.operations.missing': collected.reduce((sum, each) => sum + each.missing, 0) }),
      'firedrill.unknown': Object.keys(journal.unknown),
      'firedrill.objectives.missed': missed,
    },
    events: events.filter((event) => event.source === 'harness'),
    error: journal.verdict === 'pass' ? null : (journal.interruption ?? `verdict ${journal.verdict}`),
    children,
  }
}

/** What is unknown is absent. */
function secondsAttribute(name: string, ms: number | null): Readonly<Record<string, number>> {
  return ms === null ? {} : { [name]: ms / 1000 }
}

function stepSpan(step: StepRecord): SpanPlan {
  return {
    name: `step ${step.kind}`,
    fromNs: BigInt(step.fromNs),
    toNs: BigInt(step.toNs),
    attributes: { 'firedrill.step.kind': step.kind, 'firedrill.step.title': step.title },
    events: [],
    error: step.failed,
    children: [],
  }
}

/** From its first effect until it was over; one that never was lasts to the drill's end. */
function faultSpan(fault: FaultRecord, endNs: bigint): SpanPlan {
  const toNs = overNs(fault)
  const unhealed = fault.healedNs === null && !fault.momentary ? 'not proven healed' : null
  return {
    name: `fault ${fault.kind}`,
    fromNs: BigInt(fault.firstNs),
    toNs: toNs === null ? endNs : BigInt(toNs),
    attributes: {
      'firedrill.fault.id': fault.id,
      'firedrill.fault.kind': fault.kind,
      'firedrill.fault.target': fault.target,
      'firedrill.fault.background': fault.background,
      'firedrill.fault.proof': fault.proof,
      'firedrill.fault.heal_proof': fault.healProof ?? '',
    },
    events: [],
    error: endedEarlyText(fault) ?? unhealed,
    children: [],
  }
}

/** From t0 until service was restored; where that was not seen, or is unknown, to the end of the incident's own span. */
function incidentSpan(journal: Journal, incident: Incident, index: number): SpanPlan {
  const { id, cause, title, t0, restoredMs, stillOutMs } = incident
  const fromNs = BigInt(t0.ns)
  const lastedMs = restoredMs ?? stillOutMs
  const why = reasonOf(journal, `incidents[${index}].restoredMs`) ?? 'not seen restored'
  return {
    name: `incident ${cause}`,
    fromNs,
    toNs: lastedMs === null ? BigInt(incident.untilNs) : fromNs + BigInt(Math.round(lastedMs * 1e6)),
    attributes: {
      'firedrill.incident.id': id,
      'firedrill.incident.cause': cause,
      'firedrill.incident.title': title,
      ...secondsAttribute('firedrill.incident.first_write_seconds', incident.firstWriteMs),
      ...secondsAttribute('firedrill.incident.restored_seconds', restoredMs),
      ...secondsAttribute('firedrill.incident.resolution_seconds', incident.resolutionMs),
      ...secondsAttribute('firedrill.incident.still_out_seconds', stillOutMs),
      ...secondsAttribute('firedrill.incident.longest_gap_seconds', incident.longestGapMs),
      ...countAttribute('firedrill.incident.failed', incident.failed),
      ...countAttribute('firedrill.incident.split_brain', incident.splitBrain.count),
      ...Object.assign(
        {},
        ...storeNames.map((store) => countAttribute(`firedrill.incident.lost.${store}`, incident.rpo[store].lostCount)),
      ),
    },
    events: [],
    error: stillOutMs !== null ? 'still out when the load ended' : restoredMs === null ? why : null,
    children: [],
  }
}

function countAttribute(name: string, value: number | null): Readonly<Record<string, number>> {
  return value === null ? {} : { [name]: value }
}
