// One screen that says how a drill went.
import type { Journal } from '#protocol/journal.ts'
import { renderTable } from '../bench/distribution.ts'
import { formatMeasured, formatMs } from '../measure/objectives.ts'
import { settledMs } from '../measure/incidents.ts'
import { clockOf } from './clock.ts'
import { figureOf, longestGapOf, requestsOf, restoredOf, unknownOf } from './figures.ts'
import { collectionTexts, endedEarlyText, outsideTexts, stallTexts } from './harness-words.ts'
import { incidentRows, worstText } from './incident-rows.ts'
import { storeNames } from '../measure/record.ts'
import { many, phaseNames, shortened, storeLabels } from './words.ts'

const mostIncidents = 20
const mostReasons = 8
const mostFigures = 6
const mostTitle = 40

const marks = { met: '+', missed: 'x', unknown: '?', pass: '+', fail: 'x' } as const

function row(name: string, text: string): string {
  return `  ${name.padEnd(18)} ${text}`
}

function firstWriteText(journal: Journal, path: string, ms: number | null, resolutionMs: number | null): string {
  return figureOf(journal, `${path}.firstWriteMs`, ms, (value) => formatMeasured(value, resolutionMs, 'less')).text
}

function areasText(journal: Journal): string {
  return Object.entries(journal.rto.areas)
    .map(([area, each]) => {
      const path = `rto.areas.${area}`
      return `${area} ${firstWriteText(journal, path, each.firstWriteMs, null)} / ${restoredOf(journal, path, each, true).text}`
    })
    .join('   ')
}

function phasesText(journal: Journal): string {
  const { rto } = journal
  const known = phaseNames.filter((name) => rto.phases[`${name}Ms`] !== null)
  if (known.length > 0) return known.map((name) => `${name} ${formatMs(rto.phases[`${name}Ms`])}`).join('  ')
  return figureOf(journal, 'rto.phases', null).text
}

function lossText(journal: Journal, store: (typeof storeNames)[number]): string {
  const { lostCount, windowMs } = journal.rpo[store]
  const window = figureOf(journal, `rpo.${store}.windowMs`, windowMs, formatMs).text
  const format = (count: number): string =>
    count === 0 || lostCount === null ? `${count} lost` : `${count} lost, window ${window}`
  return `${storeLabels[store]} ${figureOf(journal, `rpo.${store}.lostCount`, lostCount, format).text}`
}

function judgedRows(journal: Journal): readonly string[] {
  const troubles = journal.checks.filter((each) => each.status !== 'pass')
  return [
    ...journal.objectives.map((each) =>
      row(`${marks[each.status]} ${each.name}`, `${each.measured}  (${each.demanded}: ${each.status})`),
    ),
    ...troubles.map((each) => row(`${marks[each.status]} check`, `${each.name}: ${each.reason}`)),
    ...(troubles.length === 0 ? [row('+ checks', `all ${journal.checks.length} passed`)] : []),
  ]
}

function rtoRows(journal: Journal): readonly string[] {
  const { thresholds, rto } = journal
  const worst = [worstText(journal), 'worst area'].filter((each) => each !== '').join(', ')
  const hypothesis = `success ${(thresholds.successRate * 100).toFixed(1)} %, p99 ${formatMs(thresholds.p99Ms)}, over ${thresholds.windowMs / 1000} s, and so for ${settledMs / 1000} s or until the next heal or order`
  return [
    row('RTO first write', firstWriteText(journal, 'rto', rto.firstWriteMs, rto.firstWriteResolutionMs)),
    row('RTO restored', `${restoredOf(journal, 'rto', rto).text}  (${worst})`),
    row('restored means', hypothesis),
    ...(areasText(journal) === '' ? [] : [row('by area', areasText(journal))]),
    row('phases', phasesText(journal)),
    row('longest gap', longestGapOf(journal, ' without an ack').text),
  ]
}

/** Nothing where there are not several: the headline says all then. */
function incidentLines(journal: Journal): readonly string[] {
  const rows = incidentRows(journal)
  if (rows.length < 2) return []
  const shown = rows.slice(0, mostIncidents)
  const idOf = ({ incident }: (typeof rows)[number]): string => shortened(incident.id, mostTitle)
  const width = Math.max(...shown.map((each) => idOf(each).length))
  const cells = shown.map((each) => [
    `    ${idOf(each).padEnd(width)}  ${shortened(each.what, mostTitle)}`,
    each.at,
    each.firstWrite.text,
    each.restored.text,
    each.gap.text,
    each.lost.text,
  ])
  const heads = ['    incident', 't0', 'first write', 'restored', 'longest gap', 'lost']
  return [
    '',
    row('incidents', `${rows.length}; t0 from ${clockOf(journal).zero}, the rest from each one's t0`),
    ...renderTable([heads, ...cells]).split('\n'),
    ...(rows.length > mostIncidents ? [`    and ${rows.length - mostIncidents} more in journal.json`] : []),
    '',
  ]
}

function countRows(journal: Journal): readonly string[] {
  const { failback, splitBrain, duplicates, epochs } = journal
  const figure = (path: string, value: number | null): string => figureOf(journal, path, value).text
  const split =
    splitBrain.count === null || splitBrain.count === 0
      ? figure('splitBrain.count', splitBrain.count)
      : `${splitBrain.count} writes over ${figureOf(journal, 'splitBrain.ms', splitBrain.ms, formatMs).text}`
  const gap = figureOf(journal, 'failback.outageMs', failback.outageMs, formatMs).text
  const failed = figure('failback.failed', failback.failed)
  const isWithout = failback.outageMs === null && failback.failed === null && gap === failed
  return [
    row('failback', isWithout ? gap : `gap ${gap}, failed ${failed}`),
    row('RPO', storeNames.map((store) => lossText(journal, store)).join('   ')),
    row('split brain', split),
    row(
      'duplicates',
      `delivered ${figure('duplicates.delivered', duplicates.delivered)}, applied twice ${figure('duplicates.appliedTwice', duplicates.appliedTwice)}`,
    ),
    row('requests', `${requestsOf(journal).text}; stale reads ${figure('staleReads', journal.staleReads)}`),
    row(
      'epochs',
      epochs.map((each) => `${each.epoch} ${each.region ?? '?'} (${each.cause})`).join(', ') || 'none seen',
    ),
  ]
}

function unknownRows(journal: Journal): readonly string[] {
  const reasons = unknownOf(journal)
  const rest = reasons.length - mostReasons
  return [
    ...reasons.slice(0, mostReasons).map(({ reason, figures }) => {
      const more = figures.length > mostFigures ? ` and ${many(figures.length - mostFigures, 'more figure')}` : ''
      return row('? unknown', `${figures.slice(0, mostFigures).join(', ')}${more}: ${reason}`)
    }),
    ...(rest > 0 ? [row('? unknown', `and ${many(rest, 'more reason')} in journal.json`)] : []),
  ]
}

function harnessRows(journal: Journal): readonly string[] {
  return [
    ...collectionTexts(journal).map((text) => row('! operations', text)),
    ...journal.faults.flatMap((fault) => {
      const text = endedEarlyText(fault)
      return text === null ? [] : [row('! fault', text)]
    }),
    ...outsideTexts(journal).map((text) => row('! outside', text)),
    ...stallTexts(journal).map((text) => row('! stall', text)),
  ]
}

/** A text from a runbook or a machine must not move the cursor, nor turn the line around. */
function printable(line: string): string {
  return line.replaceAll(/[\n\r\t]+/g, ' ').replaceAll(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu, '\u{FFFD}')
}

/**
 * Plain text, about 25 lines of up to 110 characters where all went well.
 * @param changed a sentence for each file that is not as the drill wrote it
 */
export function renderScreen(journal: Journal, folder: string, changed: readonly string[] = []): string {
  return [
    '',
    `${journal.verdict.toUpperCase()}  ${journal.title} (${journal.runbook}, seed ${journal.seed}, world ${journal.world})`,
    ...changed.map((each) => row('! changed', each)),
    ...(journal.interruption === null ? [] : [row('Ended early', journal.interruption)]),
    '',
    ...judgedRows(journal),
    '',
    ...rtoRows(journal),
    ...incidentLines(journal),
    ...countRows(journal),
    ...unknownRows(journal),
    ...harnessRows(journal),
    '',
    row('Files', folder),
    row('Report', `${folder}/report.html`),
    '',
  ]
    .map(printable)
    .join('\n')
}
