// What figures are computed from: client operations in milliseconds since an origin, so that plain numbers keep nanosecond order.
import type { Operation } from '#protocol/operation.ts'
import type { Area } from '#protocol/sites.ts'

/** One client operation. Times in ms since the drill's origin. */
export interface ClientOperation {
  readonly area: Area
  readonly kind: 'write' | 'read'
  readonly key: string
  readonly intendedMs: number
  /** When the client turned to it; absent: its intended time, or recorded by a version that did not say. */
  readonly startedMs?: number
  /** The intended time where it was never sent (shed). */
  readonly sentMs: number
  readonly doneMs: number
  readonly outcome: 'ok' | 'failed' | 'unknown'
  readonly status: number | null
  readonly orderId: string | null
  readonly region: string | null
  readonly epoch: number | null
  /** Never tried by the client, since too many were under way. */
  readonly shed?: boolean
}

/** A write that the client got a success for. */
export interface AckedWrite extends ClientOperation {
  readonly orderId: string
  readonly epoch: number
}

/** Milliseconds from `originNs` to `atNs`; exact to the nanosecond over months. */
export function sinceMs(originNs: bigint, atNs: string | bigint): number {
  return Number(BigInt(atNs) - originNs) / 1e6
}

/** Those of one instant stay in the order in which they were heard. */
export function inOrderOfTime<Timed extends { readonly atNs: string }>(events: readonly Timed[]): readonly Timed[] {
  return events.toSorted((left, right) => {
    const apart = BigInt(left.atNs) - BigInt(right.atNs)
    return apart < 0n ? -1 : apart > 0n ? 1 : 0
  })
}

export function toClientOperation(operation: Operation, originNs: bigint): ClientOperation {
  const intendedMs = sinceMs(originNs, operation.intendedNs)
  const startedMs = operation.startedNs === null ? intendedMs : sinceMs(originNs, operation.startedNs)
  return {
    area: operation.area,
    kind: operation.kind,
    key: operation.key,
    intendedMs,
    startedMs,
    sentMs: operation.sentNs === null ? intendedMs : sinceMs(originNs, operation.sentNs),
    doneMs: sinceMs(originNs, operation.doneNs),
    outcome: operation.outcome,
    status: operation.status,
    orderId: operation.orderId,
    region: operation.region,
    epoch: operation.epoch,
    shed: operation.shed,
  }
}

/**
 * When it was decided how the operation went: it was done, or had taken longer than the steady-state hypothesis allows. What goes wrong
 * belongs to the incident in which that was: one that hung before a fault is not that fault's, one that was well under way until then is.
 */
export function decidedMs({ intendedMs, doneMs }: ClientOperation, p99Ms: number): number {
  return Math.min(doneMs, intendedMs + p99Ms)
}

/** Operations that went wrong in a span: intended before `untilMs`, decided from `fromMs` on and before `nextMs`. */
export function failuresIn(
  operations: readonly ClientOperation[],
  { fromMs, untilMs, nextMs }: { readonly fromMs: number; readonly untilMs: number; readonly nextMs: number },
  p99Ms: number,
): number {
  return operations.filter((each) => {
    const atMs = decidedMs(each, p99Ms)
    return each.outcome !== 'ok' && each.intendedMs < untilMs && atMs >= fromMs && atMs < nextMs
  }).length
}

export function isAcked(operation: ClientOperation): operation is AckedWrite {
  return (
    operation.kind === 'write' && operation.outcome === 'ok' && operation.orderId !== null && operation.epoch !== null
  )
}

/** In order of their acks. */
export function ackedWrites(operations: readonly ClientOperation[]): readonly AckedWrite[] {
  return operations.filter(isAcked).toSorted((left, right) => left.doneMs - right.doneMs)
}
