// A drill for a pull request or a chat: verdict, objectives, phases, loss, and how to get the same.
import type { Journal, Phases } from '#protocol/journal.ts'
import { formatMs } from '../measure/objectives.ts'
import { count, phaseNames, recoveryTime, storeNames } from './words.ts'

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

function lines(journal: Journal): readonly string[] {
  const { rto, rpo, splitBrain, requests, failback } = journal
  const troubles = journal.checks.filter((each) => each.status !== 'pass')
  const phases = phasesLine(rto.phases)
  const failbackPhases = phasesLine(failback.phases)
  const lost = storeNames.map((store) => `${store} ${count(rpo[store].lostCount)}`).join(', ')
  return [
    `### ${marks[journal.verdict]} ${safe(journal.title)}: ${journal.verdict}`,
    '',
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
    `**RTO:** first write ${recoveryTime(rto.firstWriteMs)}, restored ${recoveryTime(rto.restoredMs)} (worst area)`,
    ...(phases === '' ? [] : [`**Phases:** ${phases}`]),
    ...(failbackPhases === '' ? [] : [`**Failback:** ${failbackPhases}; gap ${formatMs(failback.outageMs)}`]),
    `**Acked and lost:** ${lost}; split brain ${count(splitBrain.count)}`,
    `**Requests:** ${requests.ok} ok, ${requests.failed} failed, ${requests.unknown} unknown`,
    '',
    ...(journal.command === null ? [] : [`Run the same: \`${journal.command.replaceAll('`', "'")}\``, '']),
  ]
}

export function renderMarkdown(journal: Journal): string {
  // Two blanks end a line without ending its paragraph.
  return `${lines(journal)
    .map((line) => (line.startsWith('**') ? `${line}  ` : line))
    .join('\n')
    .trimEnd()}\n`
}
