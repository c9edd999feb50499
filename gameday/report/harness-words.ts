// What must be known of the measuring itself: operations that were not collected, faults that ended early, stalls. Pure.
import type { AreaCollection, FaultRecord, Journal, Stall } from '#protocol/journal.ts'
import { spanIntoLoad } from '../measure/checks.ts'
import { sinceMs } from '../measure/history.ts'
import { formatMs } from '../measure/objectives.ts'
import { clockOf, type Clock } from './clock.ts'
import { many } from './words.ts'

const mostSpans = 3
const mostStalls = 5

export const troubleKinds = ['missing', 'late', 'shed'] as const

/** `160 (from 12.10 s to 20.40 s)`, with the first three spans. */
export function spansText(
  { spans, ...counts }: AreaCollection,
  kind: (typeof troubleKinds)[number],
  { span }: Clock,
): string {
  const own = spans.filter((each) => each.kind === kind)
  const shown = own.slice(0, mostSpans).map(({ fromNs, toNs }) => span(fromNs, toNs))
  const rest = own.length > mostSpans ? [`${own.length - mostSpans} more`] : []
  return own.length === 0 ? String(counts[kind]) : `${counts[kind]} (${[...shown, ...rest].join(', ')})`
}

/** A sentence for each area of which operations are missing, late, shed or repeated. */
function areaTroubles(journal: Journal): readonly string[] {
  const clock = clockOf(journal)
  return Object.entries(journal.collection).flatMap(([area, each]) => {
    const parts = troubleKinds.flatMap((kind) => (each[kind] === 0 ? [] : [`${kind} ${spansText(each, kind, clock)}`]))
    const all = [...parts, ...(each.repeated === 0 ? [] : [`collected twice ${each.repeated}`])]
    return all.length === 0 ? [] : [`${area} ${all.join(', ')}${each.reason === null ? '' : `: ${each.reason}`}`]
  })
}

/** `planned 6000, collected 5840, missing 160`, then a sentence for each area. Empty: each was collected, once, as planned. */
export function collectionTexts(journal: Journal): readonly string[] {
  const troubles = areaTroubles(journal)
  if (troubles.length === 0) return []
  const sum = (of: (each: AreaCollection) => number): number =>
    Object.values(journal.collection).reduce((total, each) => total + of(each), 0)
  const kinds = troubleKinds.flatMap((kind) => {
    const total = sum((each) => each[kind])
    return total === 0 ? [] : [`${kind} ${total}`]
  })
  const totals = [`planned ${sum((each) => each.planned)}`, `collected ${sum((each) => each.collected)}`, ...kinds]
  return [`${totals.join(', ')}; times from ${clockOf(journal).zero}`, ...troubles]
}

/** When it was over: at its own end, or when it was proven healed. Null: at the end of the drill it was in force. */
export function overNs({ firstNs, momentary, endedNs, healedNs }: FaultRecord): string | null {
  return momentary ? firstNs : (endedNs ?? healedNs)
}

/** Null: it lasted until its own heal, as far as could be seen. */
export function endedEarlyText({ kind, target, firstNs, endedNs, endedBy, healBeganNs }: FaultRecord): string | null {
  if (endedNs === null) return null
  const early = healBeganNs === null ? '' : `, ${formatMs(sinceMs(BigInt(endedNs), healBeganNs))} before its heal began`
  return `${kind} of ${target} was over after ${formatMs(sinceMs(BigInt(firstNs), endedNs))}${early}: ${endedBy ?? 'nothing shows why'}`
}

/** What somebody else did to the world while the drill ran. */
export function outsideTexts(journal: Journal): readonly string[] {
  const { loadNs, originNs, faults } = journal
  const loadFromNs = BigInt(loadNs?.from ?? originNs ?? 0)
  return faults
    .filter(({ outside }) => outside)
    .map(
      (fault) =>
        `${fault.kind} of ${fault.target} (${fault.id}), ${spanIntoLoad(fault, loadFromNs)}, not by this drill`,
    )
}

/** Whether the WAN itself stands still can't be seen from outside. */
function stallWords({ part, kind }: Stall): string {
  const name = part === 'wan' ? 'WAN' : part
  if (kind === 'stall') return part === 'wan' ? `${name} did not answer for` : `${name} stood still for`
  return kind === 'suspend' ? `${name} slept for` : `${name} had its wall clock moved by`
}

/** The longest five. */
export function stallTexts(journal: Journal): readonly string[] {
  const clock = clockOf(journal)
  const longest = journal.stalls.toSorted((left, right) => Math.abs(right.ms) - Math.abs(left.ms))
  const rest = longest.length - mostStalls
  return [
    ...longest
      .slice(0, mostStalls)
      .map((stall) => `the ${stallWords(stall)} ${formatMs(stall.ms)}, ${clock.span(stall.fromNs, stall.toNs)}`),
    ...(rest > 0 ? [`and ${many(rest, 'shorter one')}`] : []),
  ]
}
