// report.html of a drill: one file without any outside link, for light and dark screens.
import type { Journal } from '#protocol/journal.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { sinceMs } from '../measure/history.ts'
import { formatMs } from '../measure/objectives.ts'
import { escapeMarkup } from './escape.ts'
import { renderPlot } from './plot.ts'
import type { ReportInput } from './report-input.ts'

const style = `
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1c1e; --soft: #6b6b70; --line: #dcdce0; --good: #1b7f4b; --bad: #b3261e;
  --doubt: #8a6100; --fault: #b3261e22; --background: #8a610022; --blue: #1f5fbf; }
@media (prefers-color-scheme: dark) { :root { --paper: #161618; --ink: #ececee; --soft: #9a9aa0; --line: #36363b; --good: #5fd39a;
  --bad: #ff8a80; --doubt: #e6b450; --fault: #ff8a8033; --background: #e6b45022; --blue: #7fb2ff; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
.pass, .met { color: var(--good) } .fail, .missed, .false { color: var(--bad) } .unknown { color: var(--doubt) }
td .pass, td .met, td .fail, td .missed, td .unknown { white-space: nowrap; font-weight: 600 } .soft { color: var(--soft) }
.wide { overflow-x: auto } .wide > svg { min-width: 680px } .wide > table { min-width: 620px }
.headline { display: flex; flex-wrap: wrap; gap: .75rem 2.5rem; margin: 1.25rem 0; padding: 0 }
.headline div { display: flex; flex-direction: column-reverse } .headline dt { color: var(--soft); font-size: .85rem }
.headline dd { margin: 0; font-size: 1.4rem; font-weight: 600; font-variant-numeric: tabular-nums }
.bar { display: block; height: .7rem; min-width: 1px; margin-top: .4rem; background: var(--blue); border-radius: 2px }
.ids { columns: 20rem; column-gap: 2rem; list-style: none; padding: 0; margin: 0; font-size: .85rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600 } td { overflow-wrap: anywhere } td.figure { white-space: nowrap } td.share { width: 50% }
svg { width: 100%; height: auto } svg text { fill: var(--soft); font-size: 11px }
.grid { stroke: var(--line) } rect.fault { fill: var(--fault) } rect.background { fill: var(--background) }
.mark { stroke: var(--soft); stroke-dasharray: 2 3 } .rate, .p50, .p99 { fill: none; stroke-width: 1.6; stroke: var(--blue) }
.rate { stroke: var(--good) } .p99 { stroke-dasharray: 4 3 }
`

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = heads.map((each) => `<th scope="col">${escapeMarkup(each)}</th>`).join('')
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n')
  return `<table><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table>`
}

function status(value: string): string {
  return `<span class="${escapeMarkup(value)}">${escapeMarkup(value)}</span>`
}

function count(value: number | null): string {
  return value === null ? 'not measured' : String(value)
}

function headline(journal: Journal): string {
  const { rto, rpo, splitBrain } = journal
  const pairs = [
    ['first write', formatMs(rto.firstWriteMs)],
    ['restored', formatMs(rto.restoredMs)],
    ['acked writes lost', count(rpo.postgres.lostCount)],
    ['split brain', count(splitBrain.count)],
  ].map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`)
  return `<dl class="headline">${pairs.join('')}</dl>`
}

/** One row for each phase, with a bar of its share. */
function phases(journal: Journal): string {
  const all = Object.entries(journal.rto.phases)
  const longestMs = Math.max(1, ...all.map(([, value]) => value ?? 0))
  const rows = all.map(([name, value]) => {
    const bar =
      value === null ? '' : `<span class="bar" style="width:${((value / longestMs) * 100).toFixed(1)}%"></span>`
    return `<tr><td class="figure">${name.replace(/Ms$/, '')}</td><td class="figure">${formatMs(value)}</td><td class="share">${bar}</td></tr>`
  })
  return `<table><tbody>\n${rows.join('\n')}\n</tbody></table>`
}

function figures(journal: Journal): string {
  const stores = Object.entries(journal.rpo).map(([name, loss]) => [
    escapeMarkup(name),
    count(loss.lostCount),
    formatMs(loss.windowMs),
  ])
  const areas = Object.entries(journal.rto.areas).map(([area, each]) => [
    escapeMarkup(area),
    formatMs(each.firstWriteMs),
    formatMs(each.restoredMs),
  ])
  const { requests } = journal
  return [
    '<h2>Recovery time</h2>',
    table(
      ['', 'first write', 'restored'],
      [['<strong>headline</strong>', formatMs(journal.rto.firstWriteMs), formatMs(journal.rto.restoredMs)], ...areas],
    ),
    `<p class="soft">Restored: the first ${journal.thresholds.windowMs / 1000} s in which at least ${(journal.thresholds.successRate * 100).toFixed(1)} % succeed with a p99 of at most ${formatMs(journal.thresholds.p99Ms)}, and every such window after it. Width of t0: ${journal.t0 === null ? 'no fault' : formatMs(journal.t0.widthMs)}.</p>`,
    '<h2>Phases</h2>',
    phases(journal),
    '<h2>Loss</h2>',
    table(['store', 'acked and lost', 'window'], stores),
    '<h2>More figures</h2>',
    table(
      ['figure', 'value'],
      [
        ['split brain', `${count(journal.splitBrain.count)} writes, ${formatMs(journal.splitBrain.ms)}`],
        ['longest gap without acks', formatMs(journal.outage.longestMs)],
        ['failback', `gap ${formatMs(journal.failback.outageMs)}, failed ${count(journal.failback.failed)}`],
        [
          'duplicates',
          `delivered ${count(journal.duplicates.delivered)}, applied twice ${count(journal.duplicates.appliedTwice)}`,
        ],
        ['requests', `${requests.ok} ok, ${requests.failed} failed, ${requests.unknown} unknown`],
        ['stale reads', count(journal.staleReads)],
        ['false failovers', count(journal.falseFailovers)],
        ['over the WAN', journal.wanBytes === null ? count(null) : `${(journal.wanBytes / 1e6).toFixed(1)} MB`],
      ],
    ),
  ].join('\n')
}

function lostOrders(journal: Journal): string {
  if (journal.lost.postgres.length === 0) return ''
  const ids = journal.lost.postgres.map((id) => `<li><code>${escapeMarkup(id)}</code></li>`)
  return `<h2>Acked orders that are gone from Postgres: ${ids.length}</h2>\n<ul class="ids">${ids.join('\n')}</ul>`
}

function timeline(journal: Journal, events: readonly TimelineEvent[]): string {
  const originNs = BigInt(journal.t0?.ns ?? journal.loadNs?.from ?? events[0]?.atNs ?? '0')
  const rows = events.map((event) => [
    `<span class="soft">${(sinceMs(originNs, event.atNs) / 1000).toFixed(3)}</span>`,
    escapeMarkup(`${event.source} ${event.site}`),
    escapeMarkup(event.kind),
    event.epoch === undefined ? '' : String(event.epoch),
    escapeMarkup(event.reason),
  ])
  const heads = ['s', 'who', 'what', 'epoch', 'why']
  return `<h2>Timeline</h2>\n<p class="soft">Seconds since t0.</p>\n<div class="wide">${table(heads, rows)}</div>`
}

export function renderHtml({ journal, operations, events }: ReportInput): string {
  const objectives = journal.objectives.map((each) => [
    escapeMarkup(each.name),
    escapeMarkup(each.demanded),
    escapeMarkup(each.measured),
    status(each.status),
  ])
  const checks = journal.checks.map((each) => [escapeMarkup(each.name), escapeMarkup(each.reason), status(each.status)])
  const faults = journal.faults.map((fault) => [
    escapeMarkup(`${fault.kind} of ${fault.target}`),
    escapeMarkup(fault.proof),
    escapeMarkup(fault.healProof ?? 'not healed by the drill'),
  ])
  const title = escapeMarkup(`${journal.title}: ${journal.verdict}`)
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>${style}</style></head>
<body>
<h1><span class="${journal.verdict}">${journal.verdict}</span> ${escapeMarkup(journal.title)}</h1>
<p class="soft">${escapeMarkup(`${journal.drill}, seed ${journal.seed}, world ${journal.world}, ${formatMs(journal.durationMs)}`)}</p>
${journal.interruption === null ? '' : `<p class="fail">Ended early: ${escapeMarkup(journal.interruption)}</p>`}
${headline(journal)}
<div class="wide">${renderPlot(journal, operations)}</div>
<h2>Objectives</h2>
${table(['objective', 'demanded', 'measured', ''], objectives)}
${figures(journal)}
<h2>Checks</h2>
${table(['check', 'seen', ''], checks)}
<h2>Faults</h2>
${table(['fault', 'took effect', 'healed'], faults)}
${lostOrders(journal)}
${timeline(journal, events)}
</body>
</html>
`
}
