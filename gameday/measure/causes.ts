// What began an outage: rows of faults, and orders. And what may have ended one: heals, and faults that ended by themselves.
import type { FaultRecord, IncidentCause } from '#protocol/journal.ts'
import { allLeaves, methodLeaves, type Leaf } from '../method.ts'
import { titleOf } from '../titles.ts'
import { sinceMs } from './history.ts'
import type { DrillRecord } from './record.ts'

export interface Cause {
  readonly id: string
  readonly kind: IncidentCause
  readonly title: string
  readonly t0Ns: bigint
  readonly t0Ms: number
  /** How wide the first fault's own effect was. */
  readonly widthMs: number
  /** The order was refused. */
  readonly refused: boolean
}

/** Leaves of fault steps that follow one another in one branch. */
function rowsOf(leaves: readonly Leaf[]): readonly (readonly Leaf[])[] {
  const rows: Leaf[][] = []
  for (const leaf of leaves) {
    if (leaf.step.fault === undefined) continue
    const row = rows.at(-1)
    if (row !== undefined && leaf.before?.fault !== undefined && leaf.before === row.at(-1)?.step) row.push(leaf)
    else rows.push([leaf])
  }
  return rows
}

function faultCauses(record: DrillRecord): readonly Cause[] {
  const counted = record.faults.filter(({ background }) => !background)
  const injected = new Map(counted.filter(({ outside }) => !outside).map((fault) => [fault.id, fault]))
  const rows = rowsOf(methodLeaves(record.runbook)).map((row) =>
    row.flatMap(({ step }) => injected.get(step.fault?.id ?? '') ?? []),
  )
  const inRows = new Set(rows.flat().map(({ id }) => id))
  const alone = counted.filter(({ id, outside }) => outside || !inRows.has(id)).map((fault) => [fault])
  return [...rows, ...alone].flatMap((row) => {
    const [first] = row.toSorted((left, right) => (BigInt(left.firstNs) < BigInt(right.firstNs) ? -1 : 1))
    if (first === undefined) return []
    const t0Ns = BigInt(first.firstNs)
    return [
      {
        id: row.map(({ id }) => id).join('+'),
        kind: first.outside ? ('outside' as const) : ('fault' as const),
        title: row
          .map(({ kind, target, outside }) => `${kind} of ${target}${outside ? ', not by this drill' : ''}`)
          .join(', '),
        t0Ns,
        t0Ms: sinceMs(record.originNs, t0Ns),
        widthMs: sinceMs(t0Ns, first.lastNs),
        refused: false,
      },
    ]
  })
}

function orderCauses(record: DrillRecord): readonly Cause[] {
  const stepAt = new Map(allLeaves(record.runbook).map((leaf) => [leaf.at, leaf.step]))
  return record.steps.flatMap(({ at, action, fromNs, title, failed }) => {
    if (action === null) return []
    const step = stepAt.get(at)
    const t0Ns = BigInt(fromNs)
    return [
      {
        id: action,
        kind: action,
        title: step === undefined ? title : titleOf(step),
        t0Ns,
        t0Ms: sinceMs(record.originNs, t0Ns),
        widthMs: 0,
        refused: failed !== null,
      },
    ]
  })
}

/** A second one of the same name is called `failback-2`. */
export function withOwnIds<Named extends { readonly id: string }>(all: readonly Named[]): readonly Named[] {
  const seen = new Map<string, number>()
  return all.map((each) => {
    const count = (seen.get(each.id) ?? 0) + 1
    seen.set(each.id, count)
    return count === 1 ? each : { ...each, id: `${each.id}-${count}` }
  })
}

/** In order of time. */
export function causesOf(record: DrillRecord): readonly Cause[] {
  const all = [...faultCauses(record), ...orderCauses(record)]
  return withOwnIds(all.toSorted((left, right) => left.t0Ms - right.t0Ms))
}

export interface FaultEnd {
  readonly fault: FaultRecord
  /** When its heal began, or it ended by itself. */
  readonly fromMs: number
  /** When that was shown. */
  readonly toMs: number
}

export interface FaultSpan {
  readonly fault: FaultRecord
  /** Its first effect. */
  readonly fromMs: number
  /** When its heal began, or it ended by itself; the drill's end, if none of these was seen. */
  readonly toMs: number
}

/** Where each fault that is no background was in force, in order of their beginnings. */
export function faultSpans(record: DrillRecord): readonly FaultSpan[] {
  const ends = new Map(faultEnds(record).map(({ fault, fromMs }) => [fault, fromMs]))
  return record.faults
    .filter(({ background }) => !background)
    .map((fault) => ({
      fault,
      fromMs: sinceMs(record.originNs, fault.firstNs),
      toMs: ends.get(fault) ?? sinceMs(record.originNs, record.endNs),
    }))
    .toSorted((left, right) => left.fromMs - right.fromMs)
}

/** Of every fault that was over before the drill's end. */
export function faultEnds(record: DrillRecord): readonly FaultEnd[] {
  const leafOfHeal = new Map(
    allLeaves(record.runbook).flatMap(({ at, step }) => (step.heal === undefined ? [] : [[step.heal, at] as const])),
  )
  const at = (ns: string): number => sinceMs(record.originNs, ns)
  return record.faults.flatMap((fault) => {
    const step = record.steps.find((each) => each.at === leafOfHeal.get(fault.id))
    const began = fault.healBeganNs ?? step?.fromNs ?? fault.healedNs
    const ends = [began, fault.endedNs].filter((ns) => ns !== null)
    if (ends.length === 0) return []
    const fromMs = Math.min(...ends.map(at))
    return [{ fault, fromMs, toMs: Math.max(fromMs, fault.healedNs === null ? fromMs : at(fault.healedNs)) }]
  })
}
