// The head of a report: verdict, the story in short, the figures that people ask for, what must be known before trusting them.
import { withoutSuccess, type Journal } from '#protocol/journal.ts'
import { formatMs } from '../measure/objectives.ts'
import { escapeMarkup } from './escape.ts'
import { section, state, table, words } from './markup.ts'
import type { ReportInput } from './report-input.ts'
import { storyOf } from './story.ts'
import { busyMachine, count, recoveryTime } from './words.ts'

const signs = { pass: '✓', fail: '✕', unknown: '?' } as const

function alerts({ journal, integrity }: ReportInput): readonly string[] {
  const busy = busyMachine(journal)
  return [
    ...integrity.changed.map((each) => ({ kind: 'bad', text: `${each}. This page shows the files as they are now.` })),
    ...(journal.interruption === null ? [] : [{ kind: 'bad', text: `Ended early: ${journal.interruption}` }]),
    ...(busy === null ? [] : [{ kind: '', text: busy }]),
  ].map(({ kind, text }) => `<p class="alert ${kind}">${escapeMarkup(text)}</p>`)
}

function tiles(journal: Journal): string {
  const { rto, rpo, requests, splitBrain } = journal
  const failed = withoutSuccess(journal)
  const all = failed === null || requests.ok === null ? null : requests.ok + failed
  const number = (value: number | null): string => value?.toLocaleString('en-US') ?? count(value)
  const figures: readonly (readonly [string, number | null, (value: number | null) => string])[] = [
    ['first write acknowledged after', rto.firstWriteMs, recoveryTime],
    ['restored in the worst area after', rto.restoredMs, recoveryTime],
    ['acknowledged writes lost', rpo.postgres.lostCount, number],
    [`requests without success, of ${number(all)}`, failed, number],
    ['writes in split brain', splitBrain.count, number],
  ]
  return `<dl class="tiles">${figures.map(([name, value, text]) => `<div><dt>${escapeMarkup(name)}</dt><dd${value === null ? ' class="none"' : ''}>${text(value)}</dd></div>`).join('')}</dl>`
}

export function renderSummary(input: ReportInput): string {
  const { journal } = input
  const meta = [
    `${new Date(journal.startedAt).toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    `runbook ${journal.runbook}`,
    `seed ${journal.seed}`,
    `world ${journal.world}`,
    `took ${formatMs(journal.durationMs)}`,
  ]
  return `<header><div class="top"><div><p class="eyebrow">firedrill: report of a game day</p>
<h1>${escapeMarkup(journal.title)}</h1>
<p class="meta">${meta.map((each) => `<span>${escapeMarkup(each)}</span>`).join('')}</p></div>
<p class="badge ${journal.verdict}"><span aria-hidden="true">${signs[journal.verdict]}</span> ${journal.verdict.toUpperCase()}</p></div>
<p class="story">${escapeMarkup(storyOf(journal))}</p>
${alerts(input).join('\n')}
${tiles(journal)}</header>`
}

export function renderObjectives(journal: Journal): string {
  const objectives = journal.objectives.map((each) => [
    words(each.name),
    words(each.demanded),
    words(each.measured),
    { html: state(each.status) },
  ])
  const checks = journal.checks.map((each) => [words(each.name), words(each.reason), { html: state(each.status) }])
  const troubles = journal.checks.filter((each) => each.status !== 'pass')
  const demanded =
    objectives.length === 0
      ? '<p>This runbook demands nothing.</p>'
      : table({
          caption: 'What the runbook demands',
          heads: ['objective', 'demanded', 'measured', 'result'],
          rows: objectives,
        })
  const checked = table({ caption: 'What every drill checks', heads: ['check', 'seen', 'result'], rows: checks })
  return section(
    'objectives',
    'Objectives',
    demanded,
    troubles.length === 0
      ? `<details><summary>All ${checks.length} checks passed</summary>${checked}</details>`
      : `<h3>Checks: ${troubles.length} of ${checks.length} did not pass</h3>${checked}`,
  )
}
