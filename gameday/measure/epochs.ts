// Every epoch of a drill and what caused it. One that nobody ordered, and no fault explains, is a false failover.
import type { EpochSeen } from '#protocol/journal.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { canMoveRole, type Explaining } from './explanations.ts'
import { sinceMs } from './history.ts'

export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

export interface EpochCauses {
  /** The runbook's actions: switchover, failover, failback. */
  readonly ordered: readonly Span[]
  /** Faults that are not background, from their first effect until they were shown to be healed, or ended by themselves. */
  readonly faults: readonly Explaining[]
}

/**
 * The suspicion that the taker of an epoch acted on: the compare-and-swap between the two may wait for etcd's election, and so
 * outlast the fault.
 */
function suspicionBehind(events: readonly TimelineEvent[], taken: TimelineEvent): TimelineEvent | null {
  const takenNs = BigInt(taken.atNs)
  const last = events.findLast(
    ({ kind, site, atNs }) =>
      (kind === 'suspect' || kind === 'suspicion-ended') && site === taken.site && BigInt(atNs) <= takenNs,
  )
  return last?.kind === 'suspect' ? last : null
}

/** The attempt that left an epoch behind that nobody holds: its compare-and-swap was done, but its answer did not come in time. */
function attemptBehind(events: readonly TimelineEvent[], suspicion: TimelineEvent | null): TimelineEvent | null {
  if (suspicion?.detail?.['rule'] !== 'orphan') return null
  return events.find(({ kind, epoch }) => kind === 'attempt-ended' && epoch === suspicion.epoch) ?? null
}

/**
 * @param before epoch and primary when the drill began; null if unknown
 * @param events in order of time
 */
export function epochsOf(
  before: { readonly epoch: number; readonly region: string | null } | null,
  events: readonly TimelineEvent[],
  originNs: bigint,
  causes: EpochCauses,
): readonly EpochSeen[] {
  const within = (spans: readonly Span[], event: TimelineEvent | null): boolean => {
    if (event === null) return false
    const atMs = sinceMs(originNs, event.atNs)
    return spans.some((span) => atMs >= span.fromMs && atMs <= span.toMs)
  }
  /** The primary of the highest epoch that was taken before. */
  const primaryBefore = (atNs: string): string | null => {
    const taken = events.findLast(
      (each) =>
        each.kind === 'epoch-taken' &&
        each.epoch !== undefined &&
        BigInt(each.atNs) < BigInt(atNs) &&
        primaryOf(each.epoch) !== null,
    )
    return taken?.epoch === undefined ? (before?.region ?? null) : primaryOf(taken.epoch)
  }
  const primaryOf = (epoch: number): string | null => {
    const event = events.find((each) => each.kind === 'promoted' && each.epoch === epoch)
    const region = event?.detail?.['region']
    return typeof region === 'string' ? region : (event?.site ?? null)
  }
  const isMoved = (event: TimelineEvent | null): boolean =>
    event !== null && canMoveRole(causes.faults, sinceMs(originNs, event.atNs), primaryBefore(event.atNs))
  const seen = new Map<number, EpochSeen>()
  if (before !== null) seen.set(before.epoch, { ...before, atNs: null, cause: 'before' })
  for (const event of events) {
    if (event.kind !== 'epoch-taken' || event.epoch === undefined || seen.has(event.epoch)) continue
    if (before !== null && event.epoch < before.epoch) continue
    const suspicion = suspicionBehind(events, event)
    const attempt = attemptBehind(events, suspicion)
    const isOrdered = within(causes.ordered, event) || within(causes.ordered, attempt)
    const hasFault = [event, suspicion, attempt].some(isMoved)
    const cause = isOrdered ? 'ordered' : hasFault ? 'fault' : 'false'
    seen.set(event.epoch, { epoch: event.epoch, region: primaryOf(event.epoch), atNs: event.atNs, cause })
  }
  return [...seen.values()].toSorted((left, right) => left.epoch - right.epoch)
}
