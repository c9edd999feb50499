// The timeline with the reason of each decision: the turning points at once, everything below, by source.
import type { Journal } from '#protocol/journal.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { sinceMs } from '../measure/history.ts'
import { clockOf } from './clock.ts'
import { escapeMarkup, flowingText } from './escape.ts'

const turningPoints = new Set([
  'suspect',
  'epoch-taken',
  'fenced',
  'promote',
  'promoted',
  'steered',
  'refused',
  'switchover',
  'drained',
  'attempt-ended',
  'agent-exported',
  'agent-rebuild',
])
const mostEvents = 3000

function isTurningPoint({ source, kind }: TimelineEvent): boolean {
  return source === 'harness' || turningPoints.has(kind)
}

function item(event: TimelineEvent, zeroNs: bigint): string {
  const seconds = sinceMs(zeroNs, event.atNs) / 1000
  const sign = seconds < 0 ? '−' : '+'
  const who = event.site === event.source ? event.source : `${event.source} ${event.site}`
  return `<li class="${event.source}"><time>${sign}${Math.abs(seconds).toFixed(3)} s</time><span class="who">${escapeMarkup(who)}</span><b>${escapeMarkup(event.kind)}</b><span class="why">${flowingText(event.reason)}</span></li>`
}

function filter(sources: readonly string[]): string {
  const boxes = sources.map(
    (source) => `<label><input type="checkbox" id="show-${source}" checked> ${escapeMarkup(source)}</label>`,
  )
  const rules = sources.map((source) => `.log:has(#show-${source}:not(:checked)) li.${source} { display: none }`)
  return `<style>${rules.join('\n')}</style><fieldset class="filter"><legend>Show</legend>${boxes.join('')}</fieldset>`
}

export function renderTimeline(journal: Journal, events: readonly TimelineEvent[]): string {
  if (events.length === 0) return '<p>No event was heard.</p>'
  const { zeroNs, zero } = clockOf(journal)
  const turning = events.filter(isTurningPoint)
  const sources = [...new Set(events.map((each) => each.source))]
  const rest =
    events.length > mostEvents ? `<p class="soft">and ${events.length - mostEvents} more in timeline.ndjson</p>` : ''
  const all = events.slice(0, mostEvents).map((event) => item(event, zeroNs))
  const list = `<ol class="events">${turning
    .slice(0, 200)
    .map((event) => item(event, zeroNs))
    .join('\n')}</ol>`
  return `<p class="soft">Seconds from ${zero}. What was seen, and what was therefore decided.</p>
${turning.length > 60 ? `<details open><summary>The ${turning.length} turning points</summary>${list}</details>` : list}
<details class="log"><summary>All ${events.length} events, by source</summary>${filter(sources)}<ol class="events">${all.join('\n')}</ol>${rest}</details>`
}
