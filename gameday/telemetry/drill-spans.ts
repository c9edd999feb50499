// The trace of one drill: its steps and its faults are the children.
import type { FaultRecord, Journal, StepRecord } from '#protocol/journal.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import type { SpanPlan } from './span-plan.ts'

export function drillSpan(journal: Journal, events: readonly TimelineEvent[], originNs: bigint): SpanPlan {
  const toNs = originNs + BigInt(Math.round(journal.durationMs * 1e6))
  const children = [...journal.steps.map(stepSpan), ...journal.faults.map((fault) => faultSpan(fault, toNs))].toSorted(
    (left, right) => Number(left.fromNs - right.fromNs),
  )
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
      'firedrill.objectives.missed': missed,
    },
    events: events.filter((event) => event.source === 'harness'),
    error: journal.verdict === 'pass' ? null : (journal.interruption ?? `verdict ${journal.verdict}`),
    children,
  }
}

/** What was not measured is absent. */
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

/** From its first effect until it was proven healed; one that never was lasts to the drill's end. */
function faultSpan(fault: FaultRecord, endNs: bigint): SpanPlan {
  return {
    name: `fault ${fault.kind}`,
    fromNs: BigInt(fault.firstNs),
    toNs: fault.healedNs === null ? endNs : BigInt(fault.healedNs),
    attributes: {
      'firedrill.fault.id': fault.id,
      'firedrill.fault.kind': fault.kind,
      'firedrill.fault.target': fault.target,
      'firedrill.fault.background': fault.background,
      'firedrill.fault.proof': fault.proof,
      'firedrill.fault.heal_proof': fault.healProof ?? '',
    },
    events: [],
    error: fault.healedNs === null ? 'not proven healed' : null,
    children: [],
  }
}
