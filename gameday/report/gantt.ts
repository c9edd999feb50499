// Phases as a Gantt chart: contiguous bars on an axis from t0, or from the order to fail back.
import type { Incident, IncidentCause, Journal, Phases } from '#protocol/journal.ts'
import { formatMs } from '../measure/objectives.ts'
import { ticksRow, xOf, type Axis } from './chart.ts'
import { escapeMarkup } from './escape.ts'
import { phaseNames } from './words.ts'

const meanings: Readonly<Record<(typeof phaseNames)[number], string>> = {
  detect: 'until the controller that won first suspected the primary',
  decide: 'until it had taken the epoch',
  fence: 'until nothing below that epoch could be acknowledged any more',
  promote: 'until the first commit of the new primary had its quorum',
  steer: 'until a client got its first ack',
  recover: 'until success rate and latency were back in bounds everywhere, to stay',
}

interface Span {
  readonly name: string
  readonly fromMs: number
  readonly toMs: number
  readonly isSum: boolean
}

function spansOf(phases: Phases): readonly Span[] {
  let fromMs = 0
  return phaseNames.flatMap((name) => {
    const lengthMs = phases[`${name}Ms`]
    if (lengthMs === null) return []
    const span = { name, fromMs, toMs: fromMs + lengthMs, isSum: false }
    fromMs = span.toMs
    return [span]
  })
}

function row(axis: Axis, { name, fromMs, toMs, isSum }: Span): string {
  const left = xOf(axis, fromMs / 1000) / 10
  const share = xOf(axis, toMs / 1000) / 10 - left
  return `<div class="row${isSum ? ' sum' : ''}" role="listitem"><div class="name">${escapeMarkup(name)}</div><div class="track"><div class="bar" style="left:${left.toFixed(2)}%;width:${share.toFixed(2)}%"></div></div><div class="value">${formatMs(toMs - fromMs)}</div></div>`
}

function gantt(caption: string, phases: Phases, sums: readonly Span[]): string {
  const spans = spansOf(phases)
  const rows = [...spans, ...sums]
  const axis = { fromS: 0, toS: Math.max(0.001, ...rows.map((each) => each.toMs / 1000)) * 1.02 }
  // The unit once, so that there is room for the numbers on narrow screens.
  const [unit, perS] = axis.toS < 2 ? ['ms', 1000] : ['s', 1]
  const label = (atS: number): string => `${Number((atS * perS).toFixed(3))}${atS === 0 ? ` ${unit}` : ''}`
  return `<figure class="gantt"><figcaption>${escapeMarkup(caption)}</figcaption>
<div role="list">${rows.map((each) => row(axis, each)).join('\n')}</div>
${ticksRow(axis, '', label)}
</figure>`
}

function sum(name: string, ms: number | null): readonly Span[] {
  return ms === null ? [] : [{ name, fromMs: 0, toMs: ms, isSum: true }]
}

interface Move {
  readonly title: string
  readonly caption: string
  readonly phases: Phases
  readonly sums: readonly Span[]
}

const orders: ReadonlySet<IncidentCause> = new Set(['switchover', 'failover', 'failback'])

function moveOf({ id, cause, t0, phases, firstWriteMs, restoredMs, longestGapMs }: Incident): Move {
  const begins = orders.has(cause) ? 'the order' : 'the first effect of the fault'
  return {
    title: `${cause === 'fault' ? 'The failover' : `The ${cause}`}: ${id}`,
    caption: `From ${begins} (t0, known to ${formatMs(t0.widthMs)}); phases are contiguous, and add up to ${restoredMs === null ? 'the first ack' : 'restored'}.`,
    phases,
    sums: [...sum('first write', firstWriteMs), ...sum('restored', restoredMs), ...sum('longest gap', longestGapMs)],
  }
}

/** Of journals of older versions, which knew one outage and one failback. */
function olderMoves({ rto, failback, t0, faults }: Journal): readonly Move[] {
  const isOrdered = faults.length === 0
  return [
    {
      title: isOrdered ? 'The move that was ordered' : 'The failover',
      caption: `From ${isOrdered ? 'the order' : 'the first effect of the fault'} (t0${t0 === null ? '' : `, known to ${formatMs(t0.widthMs)}`}); phases are contiguous, and add up to ${rto.restoredMs === null ? 'the first ack' : 'restored'}.`,
      phases: rto.phases,
      sums: [...sum('first write', rto.firstWriteMs), ...sum('restored', rto.restoredMs)],
    },
    {
      title: 'The failback',
      caption: 'From the order to the first ack under the new epoch.',
      phases: failback.phases,
      sums: sum('longest gap', failback.outageMs),
    },
  ]
}

/** Of incidents; the others' phases are in the journal. */
const mostMoves = 12

/** Empty if no epoch changed. */
export function renderPhases(journal: Journal): string {
  const moves = (journal.incidents.length > 0 ? journal.incidents.map(moveOf) : olderMoves(journal)).filter(
    ({ phases }) => spansOf(phases).length > 0,
  )
  if (moves.length === 0) return ''
  const shown = phaseNames.filter((name) => moves.some(({ phases }) => phases[`${name}Ms`] !== null))
  const list = shown.map((name) => `<dt>${name}</dt><dd>${meanings[name]}</dd>`)
  const rest =
    moves.length > mostMoves ? [`<p class="soft">and ${moves.length - mostMoves} more in journal.json</p>`] : []
  return [
    ...moves
      .slice(0, mostMoves)
      .flatMap(({ title, caption, phases, sums }) => [`<h3>${escapeMarkup(title)}</h3>`, gantt(caption, phases, sums)]),
    ...rest,
    `<details><summary>What the phases mean</summary><dl class="facts">${list.join('')}</dl></details>`,
  ].join('\n')
}
