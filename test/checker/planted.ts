// Faults of a record, planted in a generated history: each kind changes operations or final reads and tells what must be found.
import type { Region } from '#protocol/sites.ts'
import type { ClientTrouble, MadeOperation } from './history-operations.ts'
import { outageLength, type Draw, second, type HistoryPlan, type PlannedCause } from './history-plan.ts'

export const plantedKinds = [
  'missing span',
  'missing single',
  'missing tail',
  'twice',
  'late client',
  'shed',
  'reordered',
  'ties',
  'second incident worse',
  'endless outage',
  'lost before t0',
  'lost after t0',
  'split brain',
  'shared order ids',
  'refused but present',
  'event missing in one region',
  'event twice',
  'store not read',
  'fault ended early',
  'stalled',
  'unexplained outage',
  'outage long after',
  'fault from outside',
] as const
export type PlantedKind = (typeof plantedKinds)[number]

/** What the drill left, while it is made. Lines may hold an operation twice, and in any order. */
export interface Draft {
  readonly plan: HistoryPlan
  readonly operations: readonly MadeOperation[]
  /** By area and number: those that carry a planted fault and must stay. */
  readonly keep: Set<string>
  /** Ids that stores lack: in all of them, or in one region of one. */
  readonly lostEverywhere: Set<string>
  readonly lostIn: { readonly store: 'kafka' | 'redis'; readonly region: Region; readonly ids: Set<string> }
  readonly eventsTwice: { readonly region: Region; readonly count: number } | null
  readonly refusedKeys: Set<string>
  readonly unread: 'postgres' | 'kafka' | 'redis' | null
  readonly stalls: readonly { readonly from: number; readonly to: number }[]
}

/** What must be found of one planted fault: figures by name, in the words of the checker. */
export interface Planted {
  readonly kind: PlantedKind
  readonly count: number
  /** Of the incident to which a lost write belongs. */
  readonly cause?: PlannedCause
  /** From the oldest lost write's ack to the incident's t0 or the newest one's. */
  readonly window?: number
}

export interface Step {
  readonly draft: Draft
  readonly planted: Planted | null
}

export const placeOf = ({ area, seq }: MadeOperation): string => `${area}-${seq}`

interface MadeAck extends MadeOperation {
  readonly sent: number
  readonly orderId: string
  readonly epoch: number
}

export function isMadeAck(each: MadeOperation): each is MadeAck {
  return each.isWrite && each.outcome === 'ok' && each.orderId !== null
}

const nothing = (draft: Draft): Step => ({ draft, planted: null })

/** Late or shedding clients are part of how operations are made. */
export function drawTrouble(plan: HistoryPlan, kinds: ReadonlySet<PlantedKind>, draw: Draw): ClientTrouble {
  const area = draw.one(plan.areas)
  const from = Math.round(draw.between(0.1, 0.8) * plan.end)
  const span = { area, from, to: from + Math.round(draw.between(1, 6) * second) }
  return {
    late: kinds.has('late client') ? { ...span, by: Math.round(draw.between(150, 700) * 1e6) } : null,
    shed: kinds.has('shed') ? span : null,
  }
}

/** Who asks for a lost order once the epoch has changed is told that there is none. */
function notFound({ operations, lostEverywhere }: Draft, since: number): readonly MadeOperation[] {
  return operations.map((each) =>
    !each.isWrite && each.outcome === 'ok' && lostEverywhere.has(each.key) && (each.sent ?? 0) > since
      ? { ...each, outcome: 'failed' as const, status: 404 }
      : each,
  )
}

function lose(draft: Draft, kind: PlantedKind, draw: Draw): Step {
  const { plan, operations } = draft
  const acks = operations.filter((each) => isMadeAck(each))
  const moves = plan.causes.flatMap((cause, index) => {
    const next = plan.causes[index + 1]?.t0 ?? Infinity
    const epoch = plan.epochs.find(({ at }) => at > cause.t0 && at < next)
    const first =
      epoch === undefined
        ? Infinity
        : Math.min(...acks.filter((ack) => ack.epoch >= epoch.epoch).map(({ done }) => done))
    const old = acks.filter(
      (ack) =>
        epoch !== undefined &&
        ack.epoch < epoch.epoch &&
        ack.epoch === plan.epochs[plan.epochs.indexOf(epoch) - 1]?.epoch,
    )
    return first > cause.t0 && first < next ? [{ cause, old, first }] : []
  })
  const move = moves.length === 0 ? undefined : draw.one(moves)
  if (move === undefined) return nothing(draft)
  const { t0 } = move.cause
  const candidates = move.old.filter(({ done }) =>
    kind === 'lost before t0' ? done <= t0 && done > t0 - 3 * second : done > t0,
  )
  const lost = draw.some(candidates, draw.whole(1, 4))
  if (lost.length === 0) return nothing(draft)
  for (const each of lost) {
    draft.lostEverywhere.add(each.orderId)
    draft.keep.add(placeOf(each))
  }
  const times = lost.map(({ done }) => done)
  return {
    draft: { ...draft, operations: notFound(draft, move.first) },
    planted: { kind, count: lost.length, cause: move.cause, window: Math.max(t0, ...times) - Math.min(...times) },
  }
}

/** Some writes that were sent after an epoch's first ack are acked under the epoch before it. */
function splitBrain(draft: Draft, draw: Draw): Step {
  const { plan, operations } = draft
  const change = draw.one(plan.epochs)
  const before = plan.epochs[plan.epochs.indexOf(change) - 1]
  const [opening] = operations
    .filter((each) => isMadeAck(each))
    .filter((each) => each.epoch >= change.epoch)
    .sort((left, right) => left.done - right.done)
  if (before === undefined || opening === undefined) return nothing(draft)
  const first = opening.done
  const sentAfter = operations.filter(
    (each) => isMadeAck(each) && each.sent > first && !draft.lostEverywhere.has(each.orderId),
  )
  const chosen = new Set(draw.some(sentAfter, draw.whole(1, 3)).map((each) => placeOf(each)))
  if (chosen.size === 0) return nothing(draft)
  for (const place of [...chosen, placeOf(opening)]) draft.keep.add(place)
  const changed = operations.map((each) =>
    chosen.has(placeOf(each)) ? { ...each, epoch: before.epoch, region: before.region } : each,
  )
  return { draft: { ...draft, operations: changed }, planted: { kind: 'split brain', count: chosen.size } }
}

function shareIds(draft: Draft, draw: Draw): Step {
  const acks = draft.operations.filter((each) => isMadeAck(each) && !draft.lostEverywhere.has(each.orderId))
  const sharing = draw.some(acks, draw.whole(2, 3))
  const id = sharing[0]?.orderId
  if (sharing.length < 2 || id === undefined) return nothing(draft)
  const places = new Set(sharing.map((each) => placeOf(each)))
  for (const place of places) draft.keep.add(place)
  const operations = draft.operations.map((each) => (places.has(placeOf(each)) ? { ...each, orderId: id } : each))
  return { draft: { ...draft, operations }, planted: { kind: 'shared order ids', count: 1 } }
}

function refuse(draft: Draft, draw: Draw): Step {
  const refused = draft.operations.filter((each) => each.isWrite && each.outcome === 'failed' && !each.shed)
  const chosen = draw.some(refused, draw.whole(1, 2))
  if (chosen.length === 0) return nothing(draft)
  for (const each of chosen) {
    draft.refusedKeys.add(each.key)
    draft.keep.add(placeOf(each))
  }
  return { draft, planted: { kind: 'refused but present', count: chosen.length } }
}

function loseEvents(draft: Draft, draw: Draw): Step {
  const ids = draft.operations.flatMap((each) =>
    isMadeAck(each) && !draft.lostEverywhere.has(each.orderId) ? [each] : [],
  )
  const byId = Map.groupBy(ids, ({ orderId }) => orderId)
  const unshared = ids.filter(({ orderId }) => byId.get(orderId)?.length === 1)
  const chosen = draw.some(unshared, draw.whole(1, 3))
  if (chosen.length === 0) return nothing(draft)
  for (const each of chosen) {
    draft.lostIn.ids.add(each.orderId)
    draft.keep.add(placeOf(each))
  }
  return { draft, planted: { kind: 'event missing in one region', count: chosen.length } }
}

/** After all else that marks operations: what is missing is none of those. */
function lack(draft: Draft, kind: PlantedKind, draw: Draw): Step {
  const area = draw.one(draft.plan.areas)
  const all = draft.operations.filter((each) => each.area === area)
  const from = draw.whole(0, Math.max(0, all.length - 2))
  const wanted = {
    'missing span': all.slice(from, from + draw.whole(2, Math.max(2, Math.ceil(all.length / 8)))),
    'missing tail': all.slice(all.length - draw.whole(1, Math.max(1, Math.ceil(all.length / 6)))),
    'missing single': draw.some(all, draw.whole(1, 2)),
  }[kind as 'missing span' | 'missing tail' | 'missing single']
  const gone = new Set(wanted.map((each) => placeOf(each)).filter((place) => !draft.keep.has(place)))
  if (gone.size === 0) return nothing(draft)
  const operations = draft.operations.filter((each) => !gone.has(placeOf(each)))
  return { draft: { ...draft, operations }, planted: { kind, count: gone.size } }
}

/** The second line of some says something else than the first: only the first counts. */
function repeat(draft: Draft, draw: Draw): Step {
  const chosen = draw.some(draft.operations, draw.whole(1, 6))
  if (chosen.length === 0) return nothing(draft)
  const again = chosen.map((each) =>
    draw.chance(0.5) ? each : { ...each, outcome: 'unknown' as const, orderId: null, epoch: null, region: null },
  )
  return {
    draft: { ...draft, operations: [...draft.operations, ...again] },
    planted: { kind: 'twice', count: chosen.length },
  }
}

/** First lines stay first: those of one number keep their order. */
function reorder(draft: Draft, draw: Draw): Step {
  const shuffled = draft.operations
    .map((each) => ({ each, by: draw.share() }))
    .sort((left, right) => left.by - right.by)
  const inOrder = Map.groupBy(draft.operations, (each) => placeOf(each))
  const operations = shuffled.map(({ each }) => inOrder.get(placeOf(each))?.shift() ?? each)
  return { draft: { ...draft, operations }, planted: { kind: 'reordered', count: operations.length } }
}

/** So long that nothing can be said of the incident: the first half of its outage. */
function stall(draft: Draft, draw: Draw): Step {
  const isPlain = draft.plan.noise === 0 && draft.plan.successRate >= 99 && draft.plan.rate >= 10
  const sheds = draft.operations.some(({ shed }) => shed)
  const seen = draft.plan.causes.filter(
    (cause) =>
      isPlain &&
      !sheds &&
      cause.outages.every(({ writesOnly }) => !writesOnly) &&
      outageLength(draft.plan, cause) > second,
  )
  const cause = seen.length === 0 ? undefined : draw.one(seen)
  if (cause === undefined) return nothing(draft)
  const from = cause.t0 + 1e6
  const to = Math.round(from + Math.min(outageLength(draft.plan, cause), draft.plan.end - from) / 2)
  return { draft: { ...draft, stalls: [{ from, to }] }, planted: { kind: 'stalled', count: 1, cause } }
}

/** Kinds in the order in which they are planted; those that are absent here are part of the plan. */
const plants: Readonly<Partial<Record<PlantedKind, (draft: Draft, kind: PlantedKind, draw: Draw) => Step>>> = {
  'lost before t0': lose,
  'lost after t0': lose,
  'split brain': (draft, _, draw) => splitBrain(draft, draw),
  'shared order ids': (draft, _, draw) => shareIds(draft, draw),
  'refused but present': (draft, _, draw) => refuse(draft, draw),
  'event missing in one region': (draft, _, draw) => loseEvents(draft, draw),
  'event twice': (draft, _, draw) => {
    if (!draft.operations.some((each) => isMadeAck(each))) return nothing(draft)
    const count = draw.whole(1, 3)
    const eventsTwice = { region: draw.one(['a', 'b', 'c'] as const), count }
    return { draft: { ...draft, eventsTwice }, planted: { kind: 'event twice', count } }
  },
  'store not read': (draft, _, draw) => ({
    draft: { ...draft, unread: draw.one(['postgres', 'kafka', 'redis'] as const) },
    planted: { kind: 'store not read', count: 1 },
  }),
  stalled: (draft, _, draw) => stall(draft, draw),
  'missing span': lack,
  'missing single': lack,
  'missing tail': lack,
  twice: (draft, _, draw) => repeat(draft, draw),
  reordered: (draft, _, draw) => reorder(draft, draw),
}

export function plantAll(
  draft: Draft,
  kinds: ReadonlySet<PlantedKind>,
  draw: Draw,
): { draft: Draft; planted: readonly Planted[] } {
  let changed = draft
  const planted: Planted[] = []
  for (const [kind, plant] of Object.entries(plants) as [PlantedKind, NonNullable<(typeof plants)[PlantedKind]>][]) {
    if (!kinds.has(kind)) continue
    const step = plant(changed, kind, draw)
    changed = step.draft
    if (step.planted !== null) planted.push(step.planted)
  }
  return { draft: changed, planted }
}
