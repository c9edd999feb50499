// One screen that says how a drill went.
import type { Journal, StoreLoss } from '#protocol/journal.ts'
import { formatMs } from '../measure/objectives.ts'
import { count, phaseNames, recoveryTime } from './words.ts'

function lossText(loss: StoreLoss): string {
  if (loss.lostCount === null) return 'not measured'
  return loss.lostCount === 0 ? '0 lost' : `${loss.lostCount} lost, window ${formatMs(loss.windowMs)}`
}

function areasText(journal: Journal): string {
  return Object.entries(journal.rto.areas)
    .map(([area, each]) => `${area} ${recoveryTime(each.firstWriteMs)} / ${recoveryTime(each.restoredMs)}`)
    .join('   ')
}

function phasesText(journal: Journal): string {
  const measured = phaseNames.filter((name) => journal.rto.phases[`${name}Ms`] !== null)
  return measured.map((name) => `${name} ${formatMs(journal.rto.phases[`${name}Ms`])}`).join('  ') || 'not measured'
}

const marks = { met: '+', missed: 'x', unknown: '?', pass: '+', fail: 'x' } as const

/** Plain text, about 25 lines of up to 110 characters. */
export function renderScreen(journal: Journal, folder: string): string {
  const { thresholds, requests, splitBrain, duplicates, failback } = journal
  const row = (name: string, text: string): string => `  ${name.padEnd(18)} ${text}`
  const hypothesis = `success ${(thresholds.successRate * 100).toFixed(1)} %, p99 ${formatMs(thresholds.p99Ms)}, over ${thresholds.windowMs / 1000} s`
  const troubles = journal.checks.filter((each) => each.status !== 'pass')
  return [
    '',
    `${journal.verdict.toUpperCase()}  ${journal.title} (${journal.runbook}, seed ${journal.seed}, world ${journal.world})`,
    ...(journal.interruption === null ? [] : [row('Ended early', journal.interruption)]),
    '',
    ...journal.objectives.map((each) =>
      row(`${marks[each.status]} ${each.name}`, `${each.measured}  (${each.demanded}: ${each.status})`),
    ),
    ...troubles.map((each) => row(`${marks[each.status]} check`, `${each.name}: ${each.reason}`)),
    ...(troubles.length === 0 ? [row('+ checks', `all ${journal.checks.length} passed`)] : []),
    '',
    row('RTO first write', recoveryTime(journal.rto.firstWriteMs)),
    row('RTO restored', `${recoveryTime(journal.rto.restoredMs)}  (${hypothesis}, worst area)`),
    ...(areasText(journal) === '' ? [] : [row('by area', areasText(journal))]),
    row('phases', phasesText(journal)),
    row('longest gap', formatMs(journal.outage.longestMs)),
    row('failback', `gap ${formatMs(failback.outageMs)}, failed ${count(failback.failed)}`),
    row(
      'RPO',
      `Postgres ${lossText(journal.rpo.postgres)}   Kafka ${lossText(journal.rpo.kafka)}   Redis ${lossText(journal.rpo.redis)}`,
    ),
    row(
      'split brain',
      splitBrain.count === null || splitBrain.count === 0
        ? count(splitBrain.count)
        : `${splitBrain.count} writes over ${formatMs(splitBrain.ms)}`,
    ),
    row('duplicates', `delivered ${count(duplicates.delivered)}, applied twice ${count(duplicates.appliedTwice)}`),
    row(
      'requests',
      `${requests.ok} ok, ${requests.failed} failed, ${requests.unknown} unknown; stale reads ${count(journal.staleReads)}`,
    ),
    row(
      'epochs',
      journal.epochs.map((each) => `${each.epoch} ${each.region ?? '?'} (${each.cause})`).join(', ') || 'none seen',
    ),
    '',
    row('Files', folder),
    row('Report', `${folder}/report.html`),
    '',
  ].join('\n')
}
