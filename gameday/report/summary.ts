// The head of a report: verdict, the story in short, the figures that people ask for, what must be known before trusting them.
import { withoutSuccess, type Journal } from '#protocol/journal.ts'
import { formatMeasured, formatMs } from '../measure/objectives.ts'
import { escapeMarkup } from './escape.ts'
import { figureOf, restoredOf, type Figure } from './figures.ts'
import { collectionTexts, endedEarlyText, outsideTexts, stallTexts } from './harness-words.ts'
import { worstText } from './incident-rows.ts'
import { section, state, table, words } from './markup.ts'
import type { ReportInput } from './report-input.ts'
import { storyOf } from './story.ts'
import { busyMachine } from './words.ts'

const signs = { pass: '✓', fail: '✕', unknown: '?' } as const

function alerts({ journal, integrity }: ReportInput): readonly string[] {
  const busy = busyMachine(journal)
  const operations = collectionTexts(journal)
  const ended = journal.faults.flatMap((fault) => endedEarlyText(fault) ?? [])
  return [
    ...integrity.changed.map((each) => ({ kind: 'bad', text: `${each}. This page shows the files as they are now.` })),
    ...(journal.interruption === null ? [] : [{ kind: 'bad', text: `Ended early: ${journal.interruption}` }]),
    ...ended.map((text) => ({ kind: 'bad', text: `A fault did not last: ${text}.` })),
    ...outsideTexts(journal).map((text) => ({ kind: 'bad', text: `Somebody else had a hand in it: ${text}.` })),
    ...(operations.length === 0
      ? []
      : [{ kind: '', text: `Not every operation is there as planned: ${operations.join('. ')}.` }]),
    ...stallTexts(journal).map((text) => ({ kind: '', text: `The measuring was held up: ${text}.` })),
    ...(busy === null ? [] : [{ kind: '', text: busy }]),
  ].map(({ kind, text }) => `<p class="alert ${kind}">${escapeMarkup(text)}</p>`)
}

interface Tile extends Figure {
  readonly name: string
}

/** The number stands large, how sure it is beside its name. */
function timeTile(name: string, { text, why }: Figure): Tile {
  const [value = text, ...rest] = text.split(', ')
  return { name: [name, ...rest].join(', '), text: value, why }
}

function tilesOf(journal: Journal): readonly Tile[] {
  const { rto, rpo, requests, splitBrain } = journal
  const failed = withoutSuccess(journal)
  const all = failed === null || requests.ok === null ? null : requests.ok + failed
  const number = (value: number): string => value.toLocaleString('en-US')
  const worst = worstText(journal)
  return [
    timeTile(
      'first write acknowledged after',
      figureOf(journal, 'rto.firstWriteMs', rto.firstWriteMs, (value) =>
        formatMeasured(value, rto.firstWriteResolutionMs, 'less'),
      ),
    ),
    timeTile(`restored in the worst area after${worst === '' ? '' : ` (${worst})`}`, restoredOf(journal, 'rto', rto)),
    {
      name: 'acknowledged writes lost',
      ...figureOf(journal, 'rpo.postgres.lostCount', rpo.postgres.lostCount, number),
    },
    {
      name: `requests without success${all === null ? '' : `, of ${number(all)}`}`,
      ...figureOf(journal, 'requests.failed', failed, number),
    },
    { name: 'writes in split brain', ...figureOf(journal, 'splitBrain.count', splitBrain.count, number) },
  ]
}

function tiles(journal: Journal): string {
  const items = tilesOf(journal).map(({ name, text, why }) => {
    const told = why === null ? name : `${name}: ${why}`
    const isWord = why !== null || !/^\d/.test(text)
    return `<div><dt>${escapeMarkup(told)}</dt><dd${isWord ? ' class="none"' : ''}>${escapeMarkup(text)}</dd></div>`
  })
  return `<dl class="tiles">${items.join('')}</dl>`
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
