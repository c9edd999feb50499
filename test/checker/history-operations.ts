// The operations that clients see of a plan: what each sent, when it was answered, and under which epoch.
import type { Operation } from '#protocol/operation.ts'
import type { Area } from '#protocol/sites.ts'
import type { Span } from './collected.ts'
import { Draw, second, type EpochPlanned, type HistoryPlan, type Outage } from './history-plan.ts'

/** An operation while its history is made: as `Operation`, with times as numbers. */
export interface MadeOperation {
  readonly area: Area
  readonly seq: number
  readonly isWrite: boolean
  readonly key: string
  readonly intended: number
  readonly started: number
  readonly sent: number | null
  readonly done: number
  readonly outcome: Operation['outcome']
  readonly status: number | null
  readonly orderId: string | null
  readonly region: string | null
  readonly epoch: number | null
  readonly shed: boolean
}

/** Spans in which an area's client itself is late, or sheds. */
export interface ClientTrouble {
  readonly late: (Span & { readonly area: Area; readonly by: number }) | null
  readonly shed: (Span & { readonly area: Area }) | null
}

interface Answer {
  readonly done: number
  readonly outcome: Operation['outcome']
  readonly status: number | null
  /** When it was accepted; null: it was not. */
  readonly accepted: number | null
}

export function inside(at: number, span: Span): boolean {
  return at >= span.from && at < span.to
}

export function epochAt(epochs: readonly EpochPlanned[], at: number): EpochPlanned {
  return epochs.findLast((each) => each.at <= at) as EpochPlanned
}

function answerIn(outage: Outage, sent: number, timeout: number, draw: Draw): Answer {
  const waited = outage.to + Math.round(draw.between(2, 30) * 1e6)
  if (outage.mode === 'fail')
    return { done: sent + Math.round(draw.between(2, 60) * 1e6), outcome: 'failed', status: 503, accepted: null }
  if (outage.mode === 'hang' || waited - sent >= timeout)
    return { done: sent + timeout, outcome: 'unknown', status: null, accepted: null }
  return { done: waited, outcome: 'ok', status: 201, accepted: outage.to }
}

function answerTo(plan: HistoryPlan, outages: readonly Outage[], sent: number, isWrite: boolean, draw: Draw): Answer {
  const outage = outages.find((each) => inside(sent, each) && (isWrite || !each.writesOnly))
  if (outage !== undefined) return answerIn(outage, sent, plan.timeout, draw)
  const latency = Math.round(draw.between(5, 60) * 1e6)
  const accepted = sent + latency / 2
  const cut = outages.some((each) => inside(accepted, each) && (isWrite || !each.writesOnly))
  if (cut) return { done: sent + plan.timeout, outcome: 'unknown', status: null, accepted: null }
  if (draw.chance(plan.noise)) {
    const slow = Math.round(draw.between(100, 1200) * 1e6)
    if (draw.chance(0.5)) return { done: sent + slow, outcome: 'failed', status: 503, accepted: null }
    return { done: sent + slow, outcome: 'ok', status: 201, accepted }
  }
  return { done: sent + latency, outcome: 'ok', status: isWrite ? 201 : 200, accepted }
}

/** What the area sees of all outages, with those that nothing explains. */
function outagesOf({ causes, breakdown, aftermath }: HistoryPlan, area: Area): readonly Outage[] {
  const known = causes.flatMap(({ outages }) => outages).filter((each) => each.area === area)
  const others = [breakdown, aftermath].filter((span) => span !== null)
  return [...known, ...others.map((span): Outage => ({ ...span, area, mode: 'fail', writesOnly: false }))]
}

function makeOperation(
  plan: HistoryPlan,
  outages: readonly Outage[],
  trouble: ClientTrouble,
  draw: Draw,
  at: { readonly area: Area; readonly seq: number; readonly intended: number; readonly readable: readonly string[] },
): MadeOperation {
  const { area, seq, intended, readable } = at
  const isRead = draw.chance(plan.reads) && (readable.length > 0 || plan.reads === 1)
  const kind = { isWrite: !isRead, key: isRead ? draw.one([...readable, 'seeded']) : `drill-${area}-${seq}` }
  const common = { area, seq, ...kind, intended, region: null, epoch: null, orderId: null, shed: false }
  const lateBy = trouble.late?.area === area && inside(intended, trouble.late) ? trouble.late.by : 0
  if (trouble.shed?.area === area && inside(intended, trouble.shed))
    return { ...common, started: intended, sent: null, done: intended, outcome: 'failed', status: null, shed: true }
  const started = intended + 50_000 + lateBy
  const sent = started + Math.round(draw.between(0.05, 1) * 1e6)
  const answer = answerTo(plan, outages, sent, kind.isWrite, draw)
  const { outcome, status } = answer
  const seen = { ...common, started, sent, done: Math.ceil(answer.done / plan.grid) * plan.grid, outcome, status }
  if (isRead || answer.accepted === null) return seen
  const { epoch, region } = epochAt(plan.epochs, answer.accepted)
  return { ...seen, epoch, region, orderId: `order-${area}-${seq}` }
}

function makeArea(plan: HistoryPlan, area: Area, trouble: ClientTrouble): readonly MadeOperation[] {
  const draw = new Draw(plan.seed, 10 + plan.areas.indexOf(area))
  const outages = outagesOf(plan, area)
  const perSecond = plan.rate / plan.areas.length
  const made: MadeOperation[] = []
  const readable: string[] = []
  let at = 0
  for (;;) {
    at += (-Math.log(1 - draw.share()) / perSecond) * second
    const intended = Math.round(at / plan.grid) * plan.grid
    if (intended >= plan.end) return made
    const operation = makeOperation(plan, outages, trouble, draw, { area, seq: made.length, intended, readable })
    made.push(operation)
    if (operation.orderId !== null && operation.done < intended + second) readable.push(operation.orderId)
    if (readable.length > 3) readable.shift()
  }
}

export function makeOperations(plan: HistoryPlan, trouble: ClientTrouble): readonly MadeOperation[] {
  return plan.areas.flatMap((area) => makeArea(plan, area, trouble))
}

export function toLine(each: MadeOperation, origin: bigint): Operation {
  const ns = (at: number): string => (origin + BigInt(Math.round(at))).toString()
  return {
    area: each.area,
    seq: each.seq,
    kind: each.isWrite ? 'write' : 'read',
    key: each.key,
    intendedNs: ns(each.intended),
    startedNs: ns(each.started),
    sentNs: each.sent === null ? null : ns(each.sent),
    doneNs: ns(each.done),
    outcome: each.outcome,
    status: each.status,
    orderId: each.orderId,
    region: each.region,
    epoch: each.epoch,
    reason: null,
    shed: each.shed,
  }
}
