// report.html of a drill: one file without any outside link and without scripts, for light and dark screens, narrow ones, and paper.
import type { FaultRecord, Journal } from '#protocol/journal.ts'
import { formatMs } from '../measure/objectives.ts'
import { clockOf } from './clock.ts'
import { renderAgain, renderEnvironment } from './environment-section.ts'
import { escapeMarkup } from './escape.ts'
import { renderPhases } from './gantt.ts'
import { renderLoadChart } from './load-chart.ts'
import { overNs } from './harness-words.ts'
import { renderAreas, renderCollection, renderIncidents } from './incidents-section.ts'
import { renderLosses, renderMoreFigures } from './losses.ts'
import { section, table, words } from './markup.ts'
import type { ReportInput } from './report-input.ts'
import { style } from './style.ts'
import { renderObjectives, renderSummary } from './summary.ts'
import { renderTimeline } from './timeline-list.ts'
import { renderTopology } from './topology-map.ts'

function blindText({ blindMs }: FaultRecord): string {
  return blindMs < 1000 ? '' : `; nobody could look for ${formatMs(blindMs)}`
}

function faults(journal: Journal): string {
  const clock = clockOf(journal)
  const inForce = (fault: FaultRecord): string => {
    const endNs = overNs(fault)
    if (fault.momentary) return `once, at ${formatMs(clock.secondsOf(fault.firstNs) * 1000)}`
    return endNs === null
      ? `from ${formatMs(clock.secondsOf(fault.firstNs) * 1000)} to the end of the drill`
      : clock.span(fault.firstNs, endNs)
  }
  return table({
    caption: `What was broken, with the proof that it was, and that it is no more; times from ${clock.zero}`,
    heads: ['fault', 'in force', 'took effect', 'healed'],
    rows: journal.faults.map((fault) => [
      words(
        `${fault.kind} of ${fault.target}${fault.background ? ' (background)' : fault.outside ? ' (not by this drill)' : ''}`,
      ),
      words(`${inForce(fault)}${fault.endedNs === null ? '' : ', and so ended early'}${blindText(fault)}`),
      words(fault.proof),
      words([fault.endedBy, fault.healProof ?? 'not healed by the drill'].filter((each) => each !== null).join('; ')),
    ]),
  })
}

function sections(input: ReportInput): readonly string[] {
  const { journal, events } = input
  const chart = renderLoadChart(input)
  const phases = renderPhases(journal)
  const topology = renderTopology(input)
  const incidents = renderIncidents(journal)
  return [
    renderObjectives(journal),
    ...(incidents === '' ? [] : [section('incidents', 'Incidents', incidents)]),
    ...(chart === '' ? [] : [section('saw', 'What clients and replicas saw', chart, renderCollection(journal))]),
    section('time', 'Where the time went', phases, renderAreas(journal), renderMoreFigures(journal)),
    ...(topology === '' ? [] : [section('topology', 'Topology', topology)]),
    section('loss', 'Lost, duplicated, divergent', renderLosses(journal)),
    ...(journal.faults.length === 0 ? [] : [section('faults', 'Faults', faults(journal))]),
    section('timeline', 'Timeline', renderTimeline(journal, events)),
    section('environment', 'Environment', renderEnvironment(journal)),
    section('again', 'Run the same again', renderAgain(journal)),
  ]
}

function pinned({ integrity }: ReportInput): string {
  if (integrity.manifestSha256 === null)
    return 'Recorded without a manifest: whether its files were changed can’t be told.'
  const state = integrity.changed.length === 0 ? 'every raw file is as the drill wrote it' : 'raw files were changed'
  return `SHA-256 of manifest.json, which pins every raw file: ${integrity.manifestSha256}; when this page was written, ${state}.`
}

export function renderHtml(input: ReportInput): string {
  const { journal } = input
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>${escapeMarkup(`${journal.verdict}: ${journal.title}`)}</title><style>${style}</style></head>
<body><main>
${renderSummary(input)}
${sections(input).join('\n')}
</main>
<footer><div>${escapeMarkup(`${journal.drill}. ${pinned(input)}`)}</div></footer>
</body>
</html>
`
}
