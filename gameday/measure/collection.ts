// What became of each planned operation: collected once, twice or never; late or shed by the client itself.
import type { AreaCollection } from '#protocol/journal.ts'
import type { Operation } from '#protocol/operation.ts'
import { areas, type Area } from '#protocol/sites.ts'
import { toClientOperation, type ClientOperation } from './history.ts'
import type { DrillRecord } from './record.ts'
import { sinceMs } from './history.ts'

/** The client turned to an operation so long after its intended time: its own lateness, which nobody may take for the service's. */
export const lateFromMs = 100
/** Above this share of an area's planned operations the load was not as planned. */
export const unplannedShare = 0.01

export interface Hole {
  readonly area: Area
  readonly kind: 'missing' | 'late' | 'shed'
  /** Its operations were intended in here. */
  readonly fromMs: number
  readonly toMs: number
  readonly count: number
}

export interface AreaAccount extends Omit<AreaCollection, 'spans'> {
  readonly holes: readonly Hole[]
}

export interface Account {
  /** Each operation once, of all areas. */
  readonly operations: readonly ClientOperation[]
  readonly areas: ReadonlyMap<Area, AreaAccount>
}

/** Successive operations of which the same holds, as spans. */
function spansOf(
  area: Area,
  kind: 'late' | 'shed',
  operations: readonly (readonly [seq: number, each: ClientOperation])[],
): Hole[] {
  const holes: Hole[] = []
  let lastSeq = Number.NEGATIVE_INFINITY
  for (const [seq, { intendedMs, startedMs = intendedMs }] of operations) {
    const toMs = Math.max(intendedMs, startedMs)
    const before = holes.at(-1)
    if (before !== undefined && seq === lastSeq + 1)
      holes[holes.length - 1] = { ...before, toMs: Math.max(before.toMs, toMs), count: before.count + 1 }
    else holes.push({ area, kind, fromMs: intendedMs, toMs, count: 1 })
    lastSeq = seq
  }
  return holes
}

interface LoadSpan {
  readonly fromMs: number
  readonly toMs: number
}

/** Runs of numbers that nobody collected. Their operations were intended between those of their neighbours. */
function missingHoles(
  area: Area,
  planned: number,
  inOrder: readonly (readonly [seq: number, each: ClientOperation])[],
  load: LoadSpan,
): Hole[] {
  const holes: Hole[] = []
  let fromMs = load.fromMs
  let next = 0
  const skip = (seq: number, toMs: number): void => {
    if (seq > next) holes.push({ area, kind: 'missing', fromMs, toMs, count: seq - next })
    next = seq + 1
    fromMs = toMs
  }
  for (const [seq, { intendedMs }] of inOrder) skip(seq, intendedMs)
  skip(planned, load.toMs)
  return holes
}

/** Its times are in the order in which such things happen, what was answered was sent, and an acked write has an order and an epoch. */
function isSound({ sentNs, outcome, kind, orderId, epoch }: Operation, each: ClientOperation): boolean {
  const { intendedMs, startedMs = intendedMs, doneMs } = each
  const sentMs = sentNs === null ? startedMs : each.sentMs
  const isInOrder = intendedMs <= startedMs && startedMs <= sentMs && sentMs <= doneMs
  if (outcome !== 'ok') return isInOrder
  return isInOrder && sentNs !== null && (kind !== 'write' || (orderId !== null && epoch !== null))
}

/** Each planned number once, by its first line that can be true. */
function collect(
  operations: readonly Operation[],
  originNs: bigint,
  planned: number,
  load: LoadSpan,
): {
  readonly collected: ReadonlyMap<number, ClientOperation>
  readonly repeated: number
  readonly outside: number
  readonly unsound: number
} {
  const collected = new Map<number, ClientOperation>()
  let [repeated, outside, unsound] = [0, 0, 0]
  for (const line of operations) {
    const each = toClientOperation(line, originNs)
    const isPlanned = line.seq >= 0 && line.seq < planned
    if (!isPlanned || each.intendedMs < load.fromMs || each.intendedMs >= load.toMs) outside += 1
    else if (!isSound(line, each)) unsound += 1
    else if (collected.has(line.seq)) repeated += 1
    else collected.set(line.seq, each)
  }
  return { collected, repeated, outside, unsound }
}

/** Nothing says how many operations the area was to send, so that whatever is in the record may be a part of them. */
function withoutPlan(area: Area, count: number, { fromMs, toMs }: LoadSpan): AreaAccount {
  return {
    planned: count,
    sent: null,
    collected: 0,
    missing: count,
    repeated: 0,
    outside: 0,
    late: 0,
    shed: 0,
    reason: 'the record does not say how many were planned',
    holes: [{ area, kind: 'missing', fromMs, toMs, count }],
  }
}

function accountOf(
  area: Area,
  record: DrillRecord,
  operations: readonly Operation[],
): [AreaAccount, ClientOperation[]] {
  const { load, originNs } = record
  const word = load?.areas[area]
  const span = {
    fromMs: sinceMs(originNs, load?.fromNs ?? originNs),
    toMs: sinceMs(originNs, load?.toNs ?? record.endNs),
  }
  if (word === undefined) return [withoutPlan(area, operations.length, span), []]
  const { planned, sent } = word
  const { collected, repeated, outside, unsound } = collect(operations, originNs, planned, span)
  const inOrder = [...collected].toSorted(([left], [right]) => left - right)
  const late = inOrder.filter(
    ([, { shed, startedMs, intendedMs }]) => shed !== true && (startedMs ?? intendedMs) - intendedMs > lateFromMs,
  )
  const shed = inOrder.filter(([, each]) => each.shed === true)
  const missing = missingHoles(area, planned, inOrder, span)
  const holes = [...missing, ...spansOf(area, 'late', late), ...spansOf(area, 'shed', shed)]
  const account: AreaAccount = {
    planned,
    sent,
    collected: collected.size,
    missing: missing.reduce((sum, { count }) => sum + count, 0),
    repeated,
    outside,
    late: late.length,
    shed: shed.length,
    reason: unsound === 0 ? word.reason : `${unsound} contradict themselves`,
    holes,
  }
  return [account, inOrder.map(([, each]) => each)]
}

/** Areas that had load, or are in the record all the same. */
export function account(record: DrillRecord): Account {
  const byArea = Map.groupBy(record.operations, ({ area }) => area)
  const used = areas.filter((area) => byArea.has(area) || record.load?.areas[area] !== undefined)
  const all = used.map((area) => [area, accountOf(area, record, byArea.get(area) ?? [])] as const)
  return {
    operations: all.flatMap(([, [, operations]]) => operations),
    areas: new Map(all.map(([area, [each]]) => [area, each])),
  }
}

/** Whether an operation may be missing that was intended in the span. */
export function holesIn(
  { areas: accounts }: Account,
  span: { readonly fromMs: number; readonly toMs: number },
  area?: Area,
): readonly Hole[] {
  return [...accounts]
    .filter(([each]) => area === undefined || each === area)
    .flatMap(([, { holes }]) => holes)
    .filter(({ kind, fromMs, toMs }) => kind === 'missing' && fromMs < span.toMs && toMs > span.fromMs)
}

/** Numbers and details are told once, with the operations. */
function shortCause(reason: string): string {
  return reason.split(/ \(|: /, 1)[0] ?? reason
}

/** `12 operations of na (client.na was restarted), 3 of eu`; null where none is missing. */
export function missingWords({ areas: accounts }: Account, among: readonly Hole[] | null = null): string | null {
  const parts = [...accounts].flatMap(([area, { missing, reason }]) => {
    const count =
      among === null ? missing : among.filter((each) => each.area === area).reduce((sum, each) => sum + each.count, 0)
    if (count === 0) return []
    return [
      `${count} operation${count === 1 ? '' : 's'} of ${area}${reason === null ? '' : ` (${shortCause(reason)})`}`,
    ]
  })
  return parts.length === 0 ? null : `not collected: ${parts.join(', ')}`
}

export function collectionOf(
  { areas: accounts }: Account,
  originNs: bigint,
): Readonly<Partial<Record<Area, AreaCollection>>> {
  const at = (ms: number): string => (originNs + BigInt(Math.round(ms * 1e6))).toString()
  return Object.fromEntries(
    [...accounts].map(([area, { holes, ...rest }]) => [
      area,
      {
        ...rest,
        spans: holes.map(({ kind, fromMs, toMs, count }) => ({ kind, fromNs: at(fromMs), toNs: at(toMs), count })),
      },
    ]),
  )
}
