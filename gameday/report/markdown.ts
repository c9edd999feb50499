// A drill for a pull request or a chat: verdict, objectives, phases, loss, and how to get the same.
import type { Journal, Phases } from '#protocol/journal.ts'
import { formatMeasured, formatMs } from '../measure/objectives.ts'
import { clockOf } from './clock.ts'
import { figureOf, lostOf, requestsOf, restoredOf, unknownOf } from './figures.ts'
import { collectionTexts, endedEarlyText, outsideTexts, stallTexts } from './harness-words.ts'
import { incidentRows, worstText } from './incident-rows.ts'
import { phaseNames } from './words.ts'

const mostIncidents = 50
const mostReasons = 8

const marks = { met: '✅', missed: '❌', unknown: '❔', pass: '✅', fail: '❌' } as const

/** Text from a runbook or a machine: no table cell may be left by it, and no markup be made. */
function safe(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\\`*_{}[\]<>#|~]/g, (sign) => `\\${sign}`)
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return []
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line), '']
}

function phasesLine(phases: Phases): string {
  return phaseNames
    .flatMap((name) => (phases[`${name}Ms`] === null ? [] : [`${name} ${formatMs(phases[`${name}Ms`])}`]))
    .join(' → ')
}

/** Nothing where there are not several. */
function incidents(journal: Journal): readonly string[] {
  const rows = incidentRows(journal)
  if (rows.length < 2) return []
  const cells = ({ incident, what, at, firstWrite, restored, gap, failed, lost }: (typeof rows)[number]): string[] =>
    [incident.id, what, at, ...[firstWrite, restored, gap, failed, lost].map(({ text }) => text)].map(safe)
  const rest = rows.length > mostIncidents ? [`and ${rows.length - mostIncidents} more in journal.json`, ''] : []
  return [
    `**Incidents:** ${rows.length}; t0 from ${clockOf(journal).zero}`,
    '',
    ...table(
      ['incident', 'what', 't0', 'first write', 'restored', 'longest gap', 'failed', 'lost'],
      rows.slice(0, mostIncidents).map(cells),
    ),
    ...rest,
  ]
}

/** What a reader must know before the figures are trusted. */
function doubts(journal: Journal): readonly string[] {
  return [
    ...unknownOf(journal)
      .slice(0, mostReasons)
      .map(({ reason, figures }) => `**Unknown:** ${safe(`${figures.join(', ')}: ${reason}`)}`),
    ...collectionTexts(journal).map((text) => `**Operations:** ${safe(text)}`),
    ...journal.faults.flatMap((fault) => endedEarlyText(fault) ?? []).map((text) => `**Fault:** ${safe(text)}`),
    ...outsideTexts(journal).map((text) => `**Outside:** ${safe(text)}`),
    ...stallTexts(journal).map((text) => `**Stall:** ${safe(text)}`),
  ]
}

function figures(journal: Journal): readonly string[] {
  const { rto, failback } = journal
  const phases = phasesLine(rto.phases)
  const failbackPhases = phasesLine(failback.phases)
  const first = figureOf(journal, 'rto.firstWriteMs', rto.firstWriteMs, (value) =>
    formatMeasured(value, rto.firstWriteResolutionMs, 'less'),
  )
  const worst = [safe(worstText(journal)), 'worst area'].filter((each) => each !== '').join(', ')
  const split = figureOf(journal, 'splitBrain.count', journal.splitBrain.count)
  const gap = figureOf(journal, 'failback.outageMs', failback.outageMs, formatMs)
  return [
    `**RTO:** first write ${first.text}, restored ${restoredOf(journal, 'rto', rto).text} (${worst})`,
    ...(phases === '' ? [] : [`**Phases:** ${phases}`]),
    ...(failbackPhases === '' ? [] : [`**Failback:** ${failbackPhases}; gap ${gap.text}`]),
    `**Acked and lost:** ${lostOf(journal, 'rpo', journal.rpo).text}; split brain ${split.text}`,
    `**Requests:** ${requestsOf(journal).text}`,
  ]
}

function lines(journal: Journal, changed: readonly string[]): readonly string[] {
  const troubles = journal.checks.filter((each) => each.status !== 'pass')
  return [
    `### ${marks[journal.verdict]} ${safe(journal.title)}: ${journal.verdict}`,
    '',
    ...changed.flatMap((each) => [`**Changed:** ${safe(each)}`, '']),
    ...(journal.interruption === null ? [] : [`**Ended early:** ${safe(journal.interruption)}`, '']),
    ...table(
      ['', 'objective', 'demanded', 'measured'],
      journal.objectives.map((each) => [
        `${marks[each.status]} ${each.status}`,
        safe(each.name),
        safe(each.demanded),
        safe(each.measured),
      ]),
    ),
    `**Checks:** ${troubles.length === 0 ? `all ${journal.checks.length} passed` : ''}`.trimEnd(),
    ...troubles.map((each) => `- ${marks[each.status]} ${safe(each.name)}: ${safe(each.reason)}`),
    '',
    ...incidents(journal),
    ...figures(journal),
    ...doubts(journal),
    '',
    ...(journal.command === null ? [] : [`Run the same: \`${journal.command.replaceAll('`', "'")}\``, '']),
  ]
}

/** @param changed a sentence for each file that is not as the drill wrote it */
export function renderMarkdown(journal: Journal, changed: readonly string[] = []): string {
  // Two blanks end a line without ending its paragraph.
  return `${lines(journal, changed)
    .map((line) => (line.startsWith('**') ? `${line}  ` : line))
    .join('\n')
    .trimEnd()}\n`
}
