// Stop loss: whether a drill's clients see something that its runbook set a limit to. Pure.
import type { AbortConditions } from '#protocol/runbook.ts'
import type { Area } from '#protocol/sites.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { toClientOperation, type ClientOperation } from './measure/history.ts'
import { formatMs } from './measure/objectives.ts'
import { percentile } from './measure/service.ts'
import type { EndedSince } from './steadiness.ts'

/** Operations younger than this may still be under way. */
const underWayMs = 1000

export interface AbortView {
  readonly endedSince: EndedSince
  readonly events: readonly TimelineEvent[]
  readonly areas: readonly Area[]
  /** When the load began. */
  readonly fromNs: bigint
  readonly nowNs: bigint
  readonly epochBefore: number
}

export interface Reached {
  readonly condition: keyof AbortConditions
  /** What was seen, and the limit. */
  readonly reason: string
}

/** @returns the first condition that is met, or null */
export function reachedLimit(conditions: AbortConditions, view: AbortView): Reached | null {
  const rate = conditions['success-rate']
  const { p99, epochs, 'no-acks-for': silenceMs } = conditions
  const reasons: readonly (readonly [keyof AbortConditions, string | null])[] = [
    ['success-rate', rate === undefined ? null : lowRate(rate, view)],
    ['p99', p99 === undefined ? null : slow(p99, view)],
    ['no-acks-for', silenceMs === undefined ? null : silent(silenceMs, view)],
    ['epochs', epochs === undefined ? null : manyEpochs(epochs, view)],
  ]
  for (const [condition, reason] of reasons) if (reason !== null) return { condition, reason }
  return null
}

/** The conditions in words, as they stand in the runbook. */
export function limitsOf(conditions: AbortConditions): readonly string[] {
  const { 'success-rate': rate, p99, epochs, 'no-acks-for': silenceMs } = conditions
  return [
    ...(rate === undefined ? [] : [`success-rate ${rate.text}`]),
    ...(p99 === undefined ? [] : [`p99 ${p99.text}`]),
    ...(silenceMs === undefined ? [] : [`no-acks-for ${formatMs(silenceMs)}`]),
    ...(epochs === undefined ? [] : [`epochs > ${epochs}`]),
  ]
}

/** Times are in ms from now, so below 0. */
function endedWithin({ endedSince, nowNs }: AbortView, ms: number): readonly ClientOperation[] {
  const sinceNs = nowNs - BigInt(Math.ceil(ms * 1e6))
  return endedSince(sinceNs).map((each) => toClientOperation(each, nowNs))
}

/** The last whole span of `forMs`, by area; empty until the load has run for so long. */
function recent(view: AbortView, forMs: number): readonly (readonly [Area, readonly ClientOperation[]])[] {
  if (msSince(view.fromNs, view.nowNs) < forMs + underWayMs) return []
  const inside = endedWithin(view, forMs + underWayMs).filter(
    ({ intendedMs }) => intendedMs >= -forMs - underWayMs && intendedMs < -underWayMs,
  )
  return view.areas.map((area) => [area, inside.filter((each) => each.area === area)] as const)
}

function lowRate(
  { text, below, forMs }: { readonly text: string; readonly below: number; readonly forMs: number },
  view: AbortView,
): string | null {
  for (const [area, operations] of recent(view, forMs)) {
    const succeeded = operations.filter((each) => each.outcome === 'ok').length
    if (operations.length > 0 && succeeded / operations.length < below)
      return `${area}: ${succeeded} of ${operations.length} operations succeeded in ${formatMs(forMs)} (limit ${text})`
  }
  return null
}

function slow(
  { text, aboveMs, forMs }: { readonly text: string; readonly aboveMs: number; readonly forMs: number },
  view: AbortView,
): string | null {
  for (const [area, operations] of recent(view, forMs)) {
    const latencies = operations.flatMap((each) => (each.outcome === 'ok' ? [each.doneMs - each.intendedMs] : []))
    const p99 = percentile(latencies, 0.99)
    // Where nothing succeeded, nothing was fast enough.
    if (operations.length > 0 && (p99 === null || p99 > aboveMs))
      return `${area}: p99 ${p99 === null ? 'of nothing: no operation succeeded' : formatMs(p99)} in ${formatMs(forMs)} (limit ${text})`
  }
  return null
}

function silent(silenceMs: number, view: AbortView): string | null {
  const sinceLoadMs = msSince(view.fromNs, view.nowNs)
  if (sinceLoadMs < silenceMs) return null
  if (endedWithin(view, silenceMs).some((each) => isAck(each) && each.doneMs > -silenceMs)) return null
  // Only now is the last ack of matter, and so the whole list.
  const sinceAckMs = endedWithin(view, sinceLoadMs).reduce(
    (least, each) => (isAck(each) ? Math.min(least, -each.doneMs) : least),
    sinceLoadMs,
  )
  return `no write was acked for ${formatMs(sinceAckMs)} (limit ${formatMs(silenceMs)})`
}

function isAck({ kind, outcome }: ClientOperation): boolean {
  return kind === 'write' && outcome === 'ok'
}

function manyEpochs(most: number, view: AbortView): string | null {
  const taken = new Set(
    view.events.flatMap(({ kind, epoch }) =>
      kind === 'epoch-taken' && epoch !== undefined && epoch > view.epochBefore ? [epoch] : [],
    ),
  )
  return taken.size > most ? `${taken.size} epochs were taken (limit > ${most})` : null
}

function msSince(fromNs: bigint, nowNs: bigint): number {
  return Number(nowNs - fromNs) / 1e6
}
