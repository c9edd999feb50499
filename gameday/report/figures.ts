// A figure as people read it: what it is with its resolution, or that it is unknown and why. Every kind of report asks here.
import type { AreaRto, Incident, Journal } from '#protocol/journal.ts'
import { formatMeasured, formatMs } from '../measure/objectives.ts'
import { nameOfFigure } from './figure-names.ts'
import { storeNames } from '../measure/record.ts'

export interface Figure {
  readonly text: string
  /** Null: it is known. */
  readonly why: string | null
}

/** Figures that have no reason of their own, since another one is missing. */
const twins: readonly (readonly [RegExp, string])[] = [
  [/windowMs$/, 'lostCount'],
  [/splitBrain\.ms$/, 'splitBrain.count'],
  [/resolutionMs$/i, 'restoredMs'],
]

/** The path itself, then what it is a part of: `rto.areas.na.restoredMs`, `rto.areas.na`, `rto.areas`, `rto`. */
function lineage(path: string): readonly string[] {
  const parts = path.split('.')
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('.'))
}

/** Why a figure is unknown; null: the journal gives no reason. */
export function reasonOf(journal: Journal, path: string): string | null {
  const twin = twins.flatMap(([pattern, other]) => (pattern.test(path) ? [path.replace(pattern, other)] : []))
  const index = journal.incidents.findIndex(({ id }) => id === journal.rto.incident)
  // The headline is that of one incident.
  const own = path.startsWith('rto.') && index >= 0 ? [path.replace(/^rto/, `incidents[${index}]`)] : []
  const candidates = [path, ...twin, ...own].flatMap(lineage)
  return candidates.flatMap((each) => journal.unknown[each] ?? [])[0] ?? null
}

/** Where a figure is null and nothing says why: a journal of this version then has none to give. */
function without(journal: Journal): Figure {
  const isOlder = journal.loadNs !== null && Object.keys(journal.collection).length === 0
  return isOlder
    ? { text: 'not known', why: 'recorded by an older version, which gave no reasons' }
    : { text: 'none', why: 'there was none in this drill' }
}

export function figureOf(
  journal: Journal,
  path: string,
  value: number | null,
  format: (value: number) => string = String,
): Figure {
  if (value !== null) return { text: format(value), why: null }
  const why = reasonOf(journal, path)
  if (why === null) return without(journal)
  const least = journal.atLeast[path]
  return { text: least === undefined ? 'unknown' : `unknown, at least ${format(least)}`, why }
}

/** @param path of what has `restoredMs`: `rto`, `rto.areas.na`, `incidents[0]` */
export function restoredOf(
  journal: Journal,
  path: string,
  { restoredMs, resolutionMs, stillOutMs }: Omit<AreaRto, 'firstWriteMs'>,
  isShort = false,
): Figure {
  if (stillOutMs !== null)
    return {
      text: `still out ${isShort ? '' : 'when the load ended, '}after ${formatMs(stillOutMs)}`,
      why: null,
    }
  const format = (value: number): string =>
    formatMeasured(value, resolutionMs, isShort ? 'eitherWayShort' : 'eitherWay')
  return figureOf(journal, `${path}.restoredMs`, restoredMs, format)
}

/** @param what of it is said right after its length */
export function longestGapOf(journal: Journal, what = ''): Figure {
  const { longestMs, resolutionMs, open } = journal.outage
  const least = (value: number): string =>
    resolutionMs === null ? '' : `, in which a write waited for at least ${formatMs(value - resolutionMs)}`
  return figureOf(
    journal,
    'outage.longestMs',
    longestMs,
    (value) => `${formatMs(value)}${what}${open ? ', still going on when the load ended' : ''}${least(value)}`,
  )
}

/** What all stores lost, one after another; `0` where none lost anything. */
export function lostOf(journal: Journal, path: string, rpo: Incident['rpo']): Figure {
  const each = storeNames.map((store) => {
    const { lostCount, windowMs } = rpo[store]
    const format = (value: number): string =>
      value === 0 || windowMs === null ? String(value) : `${value} (${formatMs(windowMs)})`
    return { store, isZero: lostCount === 0, ...figureOf(journal, `${path}.${store}.lostCount`, lostCount, format) }
  })
  const [first] = each
  const why = each.find((one) => one.why !== null)?.why ?? null
  if (first !== undefined && each.every(({ text }) => text === first.text)) return { text: first.text, why }
  return { text: each.flatMap(({ store, isZero, text }) => (isZero ? [] : [`${store} ${text}`])).join(', '), why }
}

/** `1200 ok, 3 failed, 1 unknown`, or that it is unknown what became of them. */
export function requestsOf(journal: Journal): Figure {
  const { ok, failed, unknown } = journal.requests
  if (ok === null || failed === null || unknown === null) return figureOf(journal, 'requests.ok', null)
  return { text: `${ok} ok, ${failed} failed, ${unknown} unknown`, why: null }
}

/** A reason, and the names of all figures that it is the reason of. */
export interface Unknown {
  readonly reason: string
  readonly figures: readonly string[]
}

export function unknownOf(journal: Journal): readonly Unknown[] {
  const byReason = Map.groupBy(Object.entries(journal.unknown), ([, reason]) => reason)
  return [...byReason].map(([reason, entries]) => ({
    reason,
    figures: [...new Set(entries.map(([path]) => nameOfFigure(journal, path)))],
  }))
}
