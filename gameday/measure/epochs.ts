// Every epoch of a drill and what caused it. One that nobody ordered, and no fault explains, is a false failover.
import type { EpochSeen } from '#protocol/journal.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { sinceMs } from './history.ts'

export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

export interface EpochCauses {
  /** The runbook's actions: switchover, failover, failback. */
  readonly ordered: readonly Span[]
  /** Faults, from their first effect until they were shown to be healed. Background faults explain nothing. */
  readonly faults: readonly Span[]
}

/**
 * When it was decided to take an epoch: with the suspicion that its taker acted on. Between the two lies the compare-and-swap,
 * which may wait for etcd's election, and so outlast the fault.
 */
function decidedNs(events: readonly TimelineEvent[], taken: TimelineEvent): bigint {
  const takenNs = BigInt(taken.atNs)
  const last = events.findLast(
    ({ kind, site, atNs }) =>
      (kind === 'suspect' || kind === 'suspicion-ended') && site === taken.site && BigInt(atNs) <= takenNs,
  )
  return last?.kind === 'suspect' ? BigInt(last.atNs) : takenNs
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
  const within = (spans: readonly Span[], atMs: number): boolean =>
    spans.some((span) => atMs >= span.fromMs && atMs <= span.toMs)
  const primaryOf = (epoch: number): string | null => {
    const event = events.find((each) => each.kind === 'promoted' && each.epoch === epoch)
    const region = event?.detail?.['region']
    return typeof region === 'string' ? region : (event?.site ?? null)
  }
  const seen = new Map<number, EpochSeen>()
  if (before !== null) seen.set(before.epoch, { ...before, atNs: null, cause: 'before' })
  for (const event of events) {
    if (event.kind !== 'epoch-taken' || event.epoch === undefined || seen.has(event.epoch)) continue
    if (before !== null && event.epoch < before.epoch) continue
    const atMs = sinceMs(originNs, event.atNs)
    const decidedMs = sinceMs(originNs, decidedNs(events, event).toString())
    const isOrdered = within(causes.ordered, atMs)
    const hasFault = within(causes.faults, atMs) || within(causes.faults, decidedMs)
    const cause = isOrdered ? 'ordered' : hasFault ? 'fault' : 'false'
    seen.set(event.epoch, { epoch: event.epoch, region: primaryOf(event.epoch), atNs: event.atNs, cause })
  }
  return [...seen.values()].toSorted((left, right) => left.epoch - right.epoch)
}
