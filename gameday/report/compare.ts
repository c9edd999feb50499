// Drills or designs side by side: n, min, median and max of each figure for each group, and their dots on one axis. Pure.
import { withoutSuccess, type Journal } from '#protocol/journal.ts'
import { distribution, renderTable, type Distribution } from '../bench/distribution.ts'
import { formatMs } from '../measure/objectives.ts'
import { escapeMarkup } from './escape.ts'
import { reasonOf } from './figures.ts'
import { figure, section, table, words } from './markup.ts'
import { style } from './style.ts'
import { phaseNames } from './words.ts'

export interface Group {
  readonly name: string
  readonly drills: readonly Journal[]
  /** One sentence for each file of a drill that is not as the drill wrote it. */
  readonly changed: readonly string[]
}

interface FigureKind {
  readonly name: string
  /** Where the journal keeps it, and why it is unknown. */
  readonly path: string
  readonly isMs: boolean
  readonly of: (journal: Journal) => number | null
  /** How far it may be from the truth, ms. */
  readonly resolutionOf?: (journal: Journal) => number | null
  /** The truth can only be less than what was seen. */
  readonly isUpperEnd?: true
}

/** Of the failback with the longest. */
function failbackGapResolution({ incidents, failback }: Journal): number | null {
  const worst = incidents.find(({ cause, longestGapMs }) => cause === 'failback' && longestGapMs === failback.outageMs)
  return worst?.longestGapResolutionMs ?? null
}

const kinds: readonly FigureKind[] = [
  {
    name: 'RTO first write',
    path: 'rto.firstWriteMs',
    isMs: true,
    of: ({ rto }) => rto.firstWriteMs,
    resolutionOf: ({ rto }) => rto.firstWriteResolutionMs,
    isUpperEnd: true,
  },
  {
    name: 'RTO restored',
    path: 'rto.restoredMs',
    isMs: true,
    of: ({ rto }) => rto.restoredMs,
    resolutionOf: ({ rto }) => rto.resolutionMs,
  },
  ...phaseNames.map((phase): FigureKind => ({
    name: `phase ${phase}`,
    path: `rto.phases.${phase}Ms`,
    isMs: true,
    of: ({ rto }) => rto.phases[`${phase}Ms`],
  })),
  {
    name: 'longest gap',
    path: 'outage.longestMs',
    isMs: true,
    of: ({ outage }) => outage.longestMs,
    resolutionOf: ({ outage }) => outage.resolutionMs,
    isUpperEnd: true,
  },
  {
    name: 'failback gap',
    path: 'failback.outageMs',
    isMs: true,
    of: ({ failback }) => failback.outageMs,
    resolutionOf: failbackGapResolution,
    isUpperEnd: true,
  },
  { name: 'failback failed', path: 'failback.failed', isMs: false, of: ({ failback }) => failback.failed },
  { name: 'lost, Postgres', path: 'rpo.postgres.lostCount', isMs: false, of: ({ rpo }) => rpo.postgres.lostCount },
  { name: 'RPO window, Postgres', path: 'rpo.postgres.windowMs', isMs: true, of: ({ rpo }) => rpo.postgres.windowMs },
  { name: 'lost, Kafka', path: 'rpo.kafka.lostCount', isMs: false, of: ({ rpo }) => rpo.kafka.lostCount },
  { name: 'lost, Redis', path: 'rpo.redis.lostCount', isMs: false, of: ({ rpo }) => rpo.redis.lostCount },
  { name: 'split brain', path: 'splitBrain.count', isMs: false, of: ({ splitBrain }) => splitBrain.count },
  { name: 'failed or unknown', path: 'requests.failed', isMs: false, of: withoutSuccess },
]

/** Drills that have no number of a figure, and so are not in its n. */
interface NotKnown {
  readonly unknown: number
  /** Service did not come back: worse than any number. */
  readonly stillOut: number
}

export interface ComparedFigure {
  readonly figure: string
  readonly unit: 'ms' | 'count'
  /** Null: known of no drill of the group. */
  readonly groups: Readonly<Record<string, Distribution | null>>
  readonly notKnown: Readonly<Record<string, NotKnown>>
  readonly values: Readonly<Record<string, readonly number[]>>
  /** The largest of the group, ms; null: it has none. */
  readonly resolutions: Readonly<Record<string, number | null>>
  /** The truth can only be less than what was seen: by the resolution at most. */
  readonly isUpperEnd: boolean
  /**
   * True if the ranges of two groups, of at least three values each and widened by their resolutions, don't overlap: more than chance
   * may be at work.
   */
  readonly differs: boolean
}

const noneUnknown: NotKnown = { unknown: 0, stillOut: 0 }

/** Of fewer values, ranges that don't overlap say nothing. */
const leastRuns = 3

function notKnownOf(journals: readonly Journal[], { path, of }: FigureKind): NotKnown {
  const isStillOut = ({ rto }: Journal): boolean => path === 'rto.restoredMs' && rto.stillOutMs !== null
  const without = journals.filter((each) => of(each) === null)
  return {
    stillOut: without.filter(isStillOut).length,
    unknown: without.filter((each) => !isStillOut(each) && reasonOf(each, path) !== null).length,
  }
}

interface Range {
  readonly n: number
  readonly min: number
  readonly max: number
}

function apart(ranges: readonly Range[]): boolean {
  const known = ranges.filter((each) => each.n >= leastRuns)
  return known.some((left) => known.some((right) => left.max < right.min))
}

function compareFigure(kind: FigureKind, groups: readonly Group[]): ComparedFigure | null {
  const isUpperEnd = kind.isUpperEnd === true
  const byGroup = groups.map(({ name, drills }) => {
    const resolutions = drills.flatMap((each) => kind.resolutionOf?.(each) ?? [])
    return {
      name,
      seen: distribution(drills.map(kind.of)),
      values: drills.map(kind.of).filter((each) => each !== null),
      notKnown: notKnownOf(drills, kind),
      resolution: resolutions.length === 0 ? null : Math.max(...resolutions),
    }
  })
  if (byGroup.every(({ seen, notKnown }) => seen === null && notKnown.unknown + notKnown.stillOut === 0)) return null
  const record = <Value>(of: (group: (typeof byGroup)[number]) => Value): Readonly<Record<string, Value>> =>
    Object.fromEntries(byGroup.map((group) => [group.name, of(group)]))
  const ranges = byGroup.flatMap(({ seen, resolution }) =>
    seen === null
      ? []
      : [{ n: seen.n, min: seen.min - (resolution ?? 0), max: seen.max + (isUpperEnd ? 0 : (resolution ?? 0)) }],
  )
  return {
    figure: kind.name,
    unit: kind.isMs ? 'ms' : 'count',
    groups: record(({ seen }) => seen),
    notKnown: record(({ notKnown }) => notKnown),
    values: record(({ values }) => values),
    resolutions: record(({ resolution }) => resolution),
    isUpperEnd,
    differs: apart(ranges),
  }
}

export function compareGroups(groups: readonly Group[]): readonly ComparedFigure[] {
  return kinds.map((kind) => compareFigure(kind, groups)).filter((each) => each !== null)
}

function shown(value: number, unit: ComparedFigure['unit']): string {
  return unit === 'ms' ? formatMs(value) : String(value)
}

/** `2 unknown, 1 still out`; empty where all are known. */
export function notKnownText({ unknown, stillOut }: NotKnown): string {
  return [...(unknown === 0 ? [] : [`${unknown} unknown`]), ...(stillOut === 0 ? [] : [`${stillOut} still out`])].join(
    ', ',
  )
}

const heads = ['n', 'min', 'median', 'max', 'doubt', 'not in n'] as const

function doubtText(resolution: number | null, isUpperEnd: boolean): string {
  if (resolution === null) return ''
  return `${isUpperEnd ? '-' : '±'} ${formatMs(resolution)}`
}

function cells({ groups, notKnown, resolutions, isUpperEnd, unit }: ComparedFigure, group: string): readonly string[] {
  const seen = groups[group] ?? null
  const rest = [doubtText(resolutions[group] ?? null, isUpperEnd), notKnownText(notKnown[group] ?? noneUnknown)]
  return seen === null
    ? ['0', '-', '-', '-', ...rest]
    : [String(seen.n), shown(seen.min, unit), shown(seen.median, unit), shown(seen.max, unit), ...rest]
}

export function verdictsText({ drills }: Group): string {
  const count = (verdict: Journal['verdict']): number => drills.filter((each) => each.verdict === verdict).length
  return `${count('pass')} of ${drills.length} passed, ${count('fail')} failed, ${count('unknown')} unknown`
}

/** Objectives by how often each was met. */
function objectivesOf({ drills }: Group): readonly string[] {
  const names = [...new Set(drills.flatMap((each) => each.objectives.map(({ name }) => name)))]
  return names.map((name) => {
    const all = drills.flatMap((each) => each.objectives.filter((objective) => objective.name === name))
    return `${name} met in ${all.filter(({ status }) => status === 'met').length} of ${all.length}`
  })
}

export function compareScreen(groups: readonly Group[], compared: readonly ComparedFigure[]): string {
  const rows = compared.flatMap((each) =>
    groups.map((group, index) => [
      index === 0 ? `${each.differs ? '* ' : '  '}${each.figure}` : '',
      group.name,
      ...cells(each, group.name),
    ]),
  )
  return [
    ...groups.map((group) => `${group.name}: ${[verdictsText(group), ...objectivesOf(group)].join('; ')}`),
    ...groups.flatMap(({ changed }) => changed.map((each) => `! ${each}`)),
    '',
    renderTable([['  figure', 'group', ...heads], ...rows]),
    '',
    '* the ranges of two groups of at least three do not overlap, even with their doubt (±: either way; -: the truth can only be less)',
  ].join('\n')
}

function dots({ figure: name, groups, values, unit }: ComparedFigure): string {
  const most = Math.max(1, ...Object.values(values).flat())
  const rows = Object.entries(values).map(([group, all]) => {
    const median = groups[group]?.median ?? null
    const marks = all.map(
      (value) => `<circle cx="${(10 + (value / most) * 980).toFixed(1)}" cy="12" r="5" class="dot"/>`,
    )
    const line = median === null ? '' : `<path class="median" d="M${(10 + (median / most) * 980).toFixed(1)} 1V23"/>`
    const label = `${group}: ${all.length} values, median ${median === null ? 'unknown' : shown(median, unit)}`
    return `<div class="row"><div class="name">${escapeMarkup(group)}</div><svg viewBox="0 0 1000 24" role="img" aria-label="${escapeMarkup(label)}">${marks.join('')}${line}</svg></div>`
  })
  return `<figure><figcaption>${escapeMarkup(`${name}, 0 to ${shown(most, unit)}; the line is the median`)}</figcaption>${rows.join('\n')}</figure>`
}

function stacked(groups: readonly Group[], compared: readonly ComparedFigure[]): string {
  const medians = groups.map((group) => ({
    group: group.name,
    parts: phaseNames.map(
      (phase) => compared.find((each) => each.figure === `phase ${phase}`)?.groups[group.name]?.median ?? 0,
    ),
  }))
  const most = Math.max(1, ...medians.map(({ parts }) => parts.reduce((sum, each) => sum + each, 0)))
  const rows = medians.map(({ group, parts }) => {
    let left = 0
    const bars = parts.map((part, index) => {
      const from = left
      left += (part / most) * 100
      return `<div class="bar epoch" style="left:${from.toFixed(2)}%;width:${((part / most) * 100).toFixed(2)}%" title="${phaseNames[index]} ${formatMs(part)}">${phaseNames[index]}</div>`
    })
    return `<div class="row lane"><div class="name">${escapeMarkup(group)}</div><div class="track">${bars.join('')}</div></div>`
  })
  return `<figure><figcaption>Median of each phase, one after another; the whole width is ${formatMs(most)}.</figcaption>${rows.join('\n')}</figure>`
}

/** A plot of each figure that was measured; those that are always 0 have no distribution to show. */
function distributions(compared: readonly ComparedFigure[]): readonly string[] {
  const figures = compared.filter((each) => !each.figure.startsWith('phase '))
  const seen = ({ values }: ComparedFigure): readonly number[] => Object.values(values).flat()
  const hasSpread = (each: ComparedFigure): boolean => seen(each).some((value) => value !== 0)
  const zeros = figures.filter((each) => seen(each).length > 0 && !hasSpread(each)).map((each) => each.figure)
  return [
    ...figures.filter(hasSpread).map(dots),
    zeros.length === 0 ? '' : `<p class="soft">${escapeMarkup(`0 in every drill: ${zeros.join(', ')}`)}</p>`,
  ]
}

export function compareHtml(groups: readonly Group[], compared: readonly ComparedFigure[]): string {
  const rows = compared.flatMap((each) =>
    groups.map((group) => [
      words(each.figure),
      words(group.name),
      ...cells(each, group.name).map(figure),
      words(each.differs ? 'apart' : ''),
    ]),
  )
  const title = groups.map((group) => group.name).join(' against ')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeMarkup(title)}</title><style>${style}
.row > svg { width: 100%; height: auto; min-height: 14px } .dot { fill: var(--blue); fill-opacity: .55 } .median { stroke: var(--ink); stroke-width: 2 } .row > .name { overflow-wrap: anywhere; line-height: 1.2 } .row { margin: .35rem 0; grid-template-columns: 8rem minmax(0, 1fr) }</style></head>
<body><main><h1>${escapeMarkup(title)}</h1>
${groups.map((group) => `<p>${escapeMarkup(`${group.name}: ${[verdictsText(group), ...objectivesOf(group)].join('; ')}`)}</p>`).join('\n')}
${groups.flatMap(({ changed }) => changed.map((each) => `<p class="alert bad">${escapeMarkup(each)}</p>`)).join('\n')}
${section('phases', 'Phases', stacked(groups, compared))}
${section('plots', 'Distributions', ...distributions(compared))}
${section('figures', 'Figures', table({ caption: 'Apart: the ranges of two groups of at least three do not overlap, even with their doubt (±: either way; -: the truth can only be less).', heads: ['figure', 'group', ...heads, ''], rows }))}
</main></body></html>
`
}
