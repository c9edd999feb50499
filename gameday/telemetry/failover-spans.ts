// One trace for each move of the primary role in a drill: its phases are the children, what was decided and why are the events.
import type { EpochSeen, Journal, Phases } from '#protocol/journal.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { overNs } from '../report/harness-words.ts'
import { type SpanPlan, withEvents } from './span-plan.ts'

export const phaseNames = ['detect', 'decide', 'fence', 'promote', 'steer', 'recover'] as const
type PhaseName = (typeof phaseNames)[number]
type Marks = readonly (readonly [PhaseName, bigint | null])[]

/** @param events in order of time */
export function failoverSpans(journal: Journal, events: readonly TimelineEvent[]): readonly SpanPlan[] {
  const decided = events.filter((event) => event.source === 'controller')
  const promotions = decided.filter((event) => event.kind === 'promoted' && event.epoch !== undefined)
  const measured = measuredMoves(journal, promotions)
  return promotions.flatMap((promoted, index) => {
    const epoch = promoted.epoch ?? 0
    const before = promotions.slice(0, index).at(-1) ?? null
    const move = { journal, decided, promoted, epoch, before }
    const outage = measured.get(epoch)
    const span = outage === undefined ? observedSpan(move) : measuredSpan(move, outage)
    return span === null ? [] : [withEvents(span, events.filter(isOfControlPlane))]
  })
}

function isOfControlPlane(event: TimelineEvent): boolean {
  return event.source === 'controller' || event.source === 'agent'
}

interface MoveSeen {
  readonly journal: Journal
  /** Controllers' events of the whole drill. */
  readonly decided: readonly TimelineEvent[]
  readonly promoted: TimelineEvent
  readonly epoch: number
  /** The promotion before this one. */
  readonly before: TimelineEvent | null
}

interface Outage {
  readonly fromNs: bigint
  readonly phases: Phases
}

/** What the journal has phases of: its incidents, or the one outage that older versions knew. */
function outagesOf({ incidents, t0, rto }: Journal): readonly Outage[] {
  const all =
    incidents.length > 0
      ? incidents.map((each) => ({ t0: each.t0, phases: each.phases }))
      : [{ t0, phases: rto.phases }]
  return all.flatMap(({ t0: begun, phases }) =>
    begun === null || Object.values(phases).every((ms) => ms === null) ? [] : [{ fromNs: BigInt(begun.ns), phases }],
  )
}

/** Each outage by its epoch: the first one that was promoted after its t0. Of two of one epoch, the one that began first. */
function measuredMoves(journal: Journal, promotions: readonly TimelineEvent[]): ReadonlyMap<number, Outage> {
  const found = new Map<number, Outage>()
  for (const outage of outagesOf(journal)) {
    const epoch = promotions.find((event) => BigInt(event.atNs) >= outage.fromNs)?.epoch
    if (epoch !== undefined && !found.has(epoch)) found.set(epoch, outage)
  }
  return found
}

/** From t0, with the very phases that the journal states: they end with *restored*. */
function measuredSpan(move: MoveSeen, { fromNs, phases }: Outage): SpanPlan {
  let sumMs = 0
  const marks = phaseNames.map((name): Marks[number] => {
    const lengthMs = phases[`${name}Ms`]
    if (lengthMs === null) return [name, null]
    sumMs += lengthMs
    return [name, fromNs + BigInt(Math.round(sumMs * 1e6))]
  })
  return planOf(move, fromNs, marks)
}

/** A move that the journal has no phases of, such as a failback: from the order or the first suspicion until clients were steered. */
function observedSpan(move: MoveSeen): SpanPlan | null {
  const { decided, epoch, promoted, before } = move
  const ofEpoch = decided.filter((event) => event.epoch === epoch && event.site === promoted.site)
  const at = (kind: string): bigint | null => {
    const event = ofEpoch.find((each) => each.kind === kind)
    return event === undefined ? null : BigInt(event.atNs)
  }
  const begun = beginning(move)
  const taken = at('epoch-taken')
  const fromNs = begun === null ? taken : BigInt(begun.atNs)
  if (fromNs === null || (before !== null && fromNs < BigInt(before.atNs))) return null
  return planOf(move, fromNs, [
    ['decide', taken],
    ['fence', at('fenced')],
    ['promote', BigInt(promoted.atNs)],
    ['steer', at('steered')],
  ])
}

/** The winner's order to switch over or its first suspicion, since the promotion before. */
function beginning({ decided, promoted, before }: MoveSeen): TimelineEvent | null {
  const sinceNs = before === null ? 0n : BigInt(before.atNs)
  const candidates = decided.filter(
    (event) =>
      event.site === promoted.site &&
      (event.kind === 'switchover' || event.kind === 'suspect') &&
      BigInt(event.atNs) > sinceNs &&
      BigInt(event.atNs) <= BigInt(promoted.atNs),
  )
  // What came to nothing before belongs to no move.
  const ended = decided.findLast(
    (event) =>
      event.kind === 'suspicion-ended' && event.site === promoted.site && BigInt(event.atNs) <= BigInt(promoted.atNs),
  )
  return candidates.find((event) => ended === undefined || BigInt(event.atNs) > BigInt(ended.atNs)) ?? null
}

/** Contiguous: each phase begins where the one before ended; a mark that nobody reported gives its time to the next. */
function planOf(move: MoveSeen, fromNs: bigint, marks: Marks): SpanPlan {
  const { journal, epoch, promoted, before } = move
  const seen = journal.epochs.find((each) => each.epoch === epoch)
  const isPlanned = beginning(move)?.kind === 'switchover'
  const attributes = {
    'firedrill.drill': journal.drill,
    'firedrill.runbook': journal.runbook,
    'firedrill.world': journal.world,
    'firedrill.epoch': epoch,
    'firedrill.cause': seen?.cause ?? 'unknown',
    'firedrill.region.from': regionBefore(journal.epochs, epoch) ?? regionOf(before) ?? '',
    'firedrill.region.to': regionOf(promoted) ?? seen?.region ?? '',
    'firedrill.controller': promoted.site,
    'firedrill.faults': journal.faults
      .filter((fault) => BigInt(fault.firstNs) <= BigInt(promoted.atNs) && isUnhealedAt(overNs(fault), fromNs))
      .map((fault) => `${fault.kind} of ${fault.target}`),
  }
  let previousNs = fromNs
  const children = marks.flatMap(([name, markNs]): readonly SpanPlan[] => {
    if (markNs === null) return []
    const begunNs = previousNs
    previousNs = markNs > begunNs ? markNs : begunNs
    const own = { 'firedrill.epoch': epoch, 'firedrill.phase': name }
    return [{ name, fromNs: begunNs, toNs: previousNs, attributes: own, events: [], error: null, children: [] }]
  })
  const name = isPlanned ? 'switchover' : 'failover'
  const error = seen?.cause === 'false' ? 'neither a fault nor an order explains it' : null
  return { name, fromNs, toNs: previousNs, attributes, events: [], error, children }
}

function isUnhealedAt(healedNs: string | null, atNs: bigint): boolean {
  return healedNs === null || BigInt(healedNs) >= atNs
}

function regionOf(promoted: TimelineEvent | null): string | null {
  const region = promoted?.detail?.['region']
  return typeof region === 'string' ? region : null
}

function regionBefore(epochs: readonly EpochSeen[], epoch: number): string | null {
  return epochs.filter((each) => each.epoch < epoch && each.region !== null).at(-1)?.region ?? null
}
