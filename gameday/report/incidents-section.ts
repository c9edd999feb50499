// What clients saw of each incident, area by area, and what became of the operations that were planned: tables of the report.
import type { AreaRto, Journal } from '#protocol/journal.ts'
import { settledMs } from '../measure/incidents.ts'
import { formatMs } from '../measure/objectives.ts'
import { clockOf } from './clock.ts'
import { flowingText } from './escape.ts'
import { figureOf, restoredOf, type Figure } from './figures.ts'
import { spansText } from './harness-words.ts'
import { incidentRows } from './incident-rows.ts'
import { figure, known, state, table, words, type Cell } from './markup.ts'

const mostIncidents = 200

/** With one incident alone the objectives themselves say it. */
function judged(journal: Journal): readonly (readonly Cell[])[] {
  return journal.objectives.flatMap(({ name, demanded, incidents }) =>
    incidents.length < 2
      ? []
      : incidents.map((each) => [
          words(each.id),
          words(name),
          words(demanded),
          words(each.measured),
          { html: state(each.status) },
        ]),
  )
}

/** Empty where there was none. */
export function renderIncidents(journal: Journal): string {
  const rows = incidentRows(journal)
  if (rows.length === 0) return ''
  const rest =
    rows.length > mostIncidents ? `<p class="soft">and ${rows.length - mostIncidents} more in journal.json</p>` : ''
  const list = table({
    caption: `Each incident by itself: t0 counts from ${clockOf(journal).zero}, everything else from that t0.`,
    heads: ['incident', 't0', 'first write', 'restored', 'longest gap', 'failed', 'lost', 'split brain'],
    rows: rows
      .slice(0, mostIncidents)
      .map(({ incident, what, at, firstWrite, restored, gap, failed, lost, splitBrain }) => [
        { html: `${flowingText(incident.id)} <small class="why">${flowingText(what)}</small>` },
        figure(at),
        ...[firstWrite, restored, gap, failed, lost, splitBrain].map(known),
      ]),
  })
  const objectives = judged(journal)
  if (objectives.length === 0) return `${list}${rest}`
  const each = table({
    caption: 'What is demanded of each incident',
    heads: ['incident', 'objective', 'demanded', 'measured', 'result'],
    rows: objectives,
  })
  return `${list}${rest}<details><summary>Objectives by incident</summary>${each}</details>`
}

interface AreaRow {
  readonly incident: string
  readonly area: string
  readonly firstWrite: Figure
  readonly restored: Figure
}

function areaRow(journal: Journal, incident: string, path: string, area: string, each: AreaRto): AreaRow {
  const where = `${path}.areas.${area}`
  return {
    incident,
    area,
    firstWrite: figureOf(journal, `${where}.firstWriteMs`, each.firstWriteMs, (value) => formatMs(value)),
    restored: restoredOf(journal, where, each, true),
  }
}

/** Empty where nothing was asked of any area. */
export function renderAreas(journal: Journal): string {
  const sources =
    journal.incidents.length > 0
      ? journal.incidents.map(({ id, areas }, index) => ({ id, areas, path: `incidents[${index}]` }))
      : [{ id: '', areas: journal.rto.areas, path: 'rto' }]
  const rows = sources
    .slice(0, mostIncidents)
    .flatMap(({ id, areas, path }) =>
      Object.entries(areas).map(([area, each]) => areaRow(journal, id, path, area, each)),
    )
  if (rows.length === 0) return ''
  const { thresholds } = journal
  const isSeveral = sources.length > 1
  return table({
    caption: `Recovery as each client area saw it. Restored: the first ${thresholds.windowMs / 1000} s in which at least ${(thresholds.successRate * 100).toFixed(1)} % succeed with a p99 of at most ${formatMs(thresholds.p99Ms)}, and every such window after it for ${settledMs / 1000} s, or until the next heal, fault or order.`,
    heads: [...(isSeveral ? ['incident'] : []), 'area', 'first write', 'restored'],
    rows: rows.map(({ incident, area, firstWrite, restored }) => [
      ...(isSeveral ? [words(incident)] : []),
      words(area),
      known(firstWrite),
      known(restored),
    ]),
  })
}

/** Empty in journals of versions that did not count them. */
export function renderCollection(journal: Journal): string {
  const clock = clockOf(journal)
  const rows = Object.entries(journal.collection).map(([area, each]) => [
    words(area),
    figure(String(each.planned)),
    known(
      each.sent === null
        ? { text: 'unknown', why: each.reason ?? 'the client did not say' }
        : { text: String(each.sent), why: null },
    ),
    figure(String(each.collected)),
    ...(['missing', 'late', 'shed'] as const).map((kind) => figure(spansText(each, kind, clock))),
    figure(String(each.repeated)),
    words(each.reason ?? ''),
  ])
  if (rows.length === 0) return ''
  return table({
    caption: `Operations by client area: those that the seed plans, and what became of them. Late and shed ones are the client’s doing; times count from ${clock.zero}.`,
    heads: ['area', 'planned', 'sent', 'collected', 'missing', 'late', 'shed', 'twice', 'why'],
    rows,
  })
}
