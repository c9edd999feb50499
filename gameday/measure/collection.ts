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
  operations: readonly ClientOperation[],
  seqs: readonly number[],
): Hole[] {
  const holes: Hole[] = []
  let lastSeq = Number.NEGATIVE_INFINITY
  for (const [index, each] of operations.entries()) {
    const seq = seqs[index] ?? 0
    const toMs = Math.max(each.intendedMs, each.startedMs ?? each.intendedMs)
    const before = holes.at(-1)
    if (before !== undefined && seq === lastSeq + 1)
      holes[holes.length - 1] = { ...before, toMs: Math.max(before.toMs, toMs), count: before.count + 1 }
    else holes.push({ area, kind, fromMs: each.intendedMs, toMs, count: 1 })
    lastSeq = seq
  }
  return holes
}

/** Runs of numbers that nobody collected. Their operations were intended between those of their neighbours. */
function missingHoles(
  area: Area,
  planned: number,
  collected: ReadonlyMap<number, ClientOperation>,
  load: { readonly fromMs: number; readonly toMs: number },
): Hole[] {
  const holes: Hole[] = []
  let fromMs = load.fromMs
  let count = 0
  for (let seq = 0; seq <= planned; seq += 1) {
    const each = collected.get(seq)
    if (each === undefined && seq < planned) {
      count += 1
      continue
    }
    if (count > 0) holes.push({ area, kind: 'missing', fromMs, toMs: each?.intendedMs ?? load.toMs, count })
    count = 0
    if (each !== undefined) fromMs = each.intendedMs
  }
  return holes
}

function accountOf(
  area: Area,
  record: DrillRecord,
  operations: readonly Operation[],
): [AreaAccount, ClientOperation[]] {
  const { load, originNs } = record
  const collected = new Map<number, ClientOperation>()
  const shedSeqs = new Set<number>()
  let repeated = 0
  for (const each of operations) {
    if (collected.has(each.seq)) repeated += 1
    else collected.set(each.seq, toClientOperation(each, originNs))
    if (each.shed) shedSeqs.add(each.seq)
  }
  const word = load?.areas[area]
  const planned = word?.planned ?? collected.size
  const inOrder = [...collected].toSorted(([left], [right]) => left - right)
  const late = inOrder.filter(
    ([seq, { startedMs, intendedMs }]) => !shedSeqs.has(seq) && (startedMs ?? intendedMs) - intendedMs > lateFromMs,
  )
  const shed = inOrder.filter(([seq]) => shedSeqs.has(seq))
  const span = {
    fromMs: sinceMs(originNs, load?.fromNs ?? originNs),
    toMs: sinceMs(originNs, load?.toNs ?? record.endNs),
  }
  const missing = missingHoles(area, planned, collected, span)
  const holes = [
    ...missing,
    ...spansOf(
      area,
      'late',
      late.map(([, each]) => each),
      late.map(([seq]) => seq),
    ),
    ...spansOf(
      area,
      'shed',
      shed.map(([, each]) => each),
      shed.map(([seq]) => seq),
    ),
  ]
  const account: AreaAccount = {
    planned,
    sent: word?.sent ?? null,
    collected: collected.size,
    missing: missing.reduce((sum, { count }) => sum + count, 0),
    repeated,
    late: late.length,
    shed: shed.length,
    reason: word?.reason ?? null,
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

/** `12 operations of na (client.na was restarted), 3 of eu`; null where none is missing. */
export function missingWords({ areas: accounts }: Account, among: readonly Hole[] | null = null): string | null {
  const parts = [...accounts].flatMap(([area, { missing, reason }]) => {
    const count =
      among === null ? missing : among.filter((each) => each.area === area).reduce((sum, each) => sum + each.count, 0)
    if (count === 0) return []
    return [`${count} operation${count === 1 ? '' : 's'} of ${area}${reason === null ? '' : ` (${reason})`}`]
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
