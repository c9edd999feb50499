// What clients and replicas saw over time: lanes for primary, faults and orders; below them, on the same axis, success rate and
// latency of each client area, and the WAL lag of each standby.
import type { Journal } from '#protocol/journal.ts'
import { areas, nearestRegion, regions, type Area } from '#protocol/sites.ts'
import { formatMs } from '../measure/objectives.ts'
import { gridPath, hatchPath, laneRows, linePath, panelRows, ticksRow, xOf } from './chart.ts'
import { frameOf, mostBars, type Frame } from './chart-frame.ts'
import { lanesOf } from './chart-lanes.ts'
import { escapeMarkup } from './escape.ts'
import { figureOf, restoredOf } from './figures.ts'
import type { AreaSeen } from './load-seen.ts'
import type { ReportInput } from './report-input.ts'
import { lagBytes } from './series.ts'
import { bytesText, percent } from './words.ts'

const latencyTicks = [10, 100, 1000, 10_000]
const lagTicks = [1e3, 1e6, 1e9]

function greatest(values: readonly number[]): number {
  return values.reduce((most, each) => Math.max(most, each), 0)
}

/** A logarithmic scale: `least` and below is the bottom. */
function onLog(value: number, least: number, most: number): number {
  return Math.log10(Math.min(Math.max(value, least), most) / least) / Math.log10(most / least)
}

/** Where operations of the area are missing, nothing is known of the service. */
function hatches({ collection }: Journal, area: Area, { axis, clock }: Frame): string {
  const missing = (collection[area]?.spans ?? []).filter((each) => each.kind === 'missing')
  return missing
    .slice(0, mostBars)
    .map(({ fromNs, toNs }) => {
      const fromX = xOf(axis, clock.secondsOf(fromNs))
      const toX = Math.max(fromX + 3, xOf(axis, clock.secondsOf(toNs)))
      return `<path class="hatch" d="${hatchPath(fromX, toX)}"/>`
    })
    .join('')
}

/** What is told of an area beside its name. */
function areaText(journal: Journal, area: Area, { all, ok }: AreaSeen): string {
  const missing = journal.collection[area]?.missing ?? 0
  const counts = `near region ${nearestRegion[area]}: ${ok} of ${all} succeeded${missing === 0 ? '' : `, ${missing} more are missing`}`
  const rto = journal.rto.areas[area]
  if (rto === undefined) return counts
  const path = `rto.areas.${area}`
  const first = figureOf(journal, `${path}.firstWriteMs`, rto.firstWriteMs, formatMs).text
  const of = journal.incidents.length > 1 && journal.rto.incident !== null ? `in ${journal.rto.incident}: ` : ''
  return `${counts}; ${of}first write ${first}, restored ${restoredOf(journal, path, rto, true).text}`
}

function areaPanels(journal: Journal, area: Area, seen: AreaSeen, frame: Frame): string {
  const { axis } = frame
  const behind = `${frame.behind}${hatches(journal, area, frame)}`
  const slices = seen.slices.map((slice) => ({ ...slice, atS: slice.atS + axis.fromS }))
  const rate = slices.map(({ atS, successRate }) => ({ atS, value: successRate }))
  const worst = Math.min(1, ...slices.flatMap(({ successRate }) => (successRate === null ? [] : [successRate])))
  const latency = (value: number | null): number | null =>
    value === null ? null : onLog(value, latencyTicks[0] ?? 1, latencyTicks.at(-1) ?? 1)
  const bound = (100 * (1 - onLog(journal.thresholds.p99Ms, 10, 10_000))).toFixed(1)
  const slowest = Math.max(0, ...slices.map(({ p99Ms }) => p99Ms ?? 0))
  return [
    panelRows({
      head: { text: `From ${area}`, more: areaText(journal, area, seen) },
      isTall: false,
      ticks: [
        { at: 0, text: '0 %' },
        { at: 1, text: '100 %' },
      ],
      body: `${gridPath(axis, [])}${behind}<path class="line rate" d="${linePath(axis, rate)}"/>`,
      label: `Success rate from ${area} over time: ${percent(seen.all === 0 ? null : seen.ok / seen.all, 1)} in all, ${percent(worst)} in the worst slice`,
    }),
    panelRows({
      head: null,
      isTall: true,
      ticks: latencyTicks.map((ms) => ({ at: latency(ms) ?? 0, text: ms < 1000 ? `${ms} ms` : `${ms / 1000} s` })),
      body: [
        gridPath(
          axis,
          latencyTicks.map((ms) => latency(ms) ?? 0),
        ),
        behind,
        `<path class="floor" d="M0 ${bound}H1000"/>`,
        `<path class="line p99" d="${linePath(
          axis,
          slices.map(({ atS, p99Ms }) => ({ atS, value: latency(p99Ms) })),
        )}"/>`,
        `<path class="line p50" d="${linePath(
          axis,
          slices.map(({ atS, p50Ms }) => ({ atS, value: latency(p50Ms) })),
        )}"/>`,
      ].join(''),
      label: `Latency of what succeeded from ${area} over time, median and p99: the slowest slice has a p99 of ${formatMs(slowest)}`,
    }),
  ].join('\n')
}

function lagPanel({ samples }: ReportInput, { axis, clock, behind }: Frame): string {
  if (samples.length === 0) return ''
  const level = (bytes: number): number => onLog(bytes, 100, 1e9)
  const lines = regions.map((region) => {
    const points = samples.map((sample) => {
      const bytes = lagBytes(sample, region)
      return { atS: clock.secondsOf(sample.atNs), value: bytes === null ? null : level(bytes) }
    })
    return `<path class="line lag-${region}" d="${linePath(
      axis,
      points.filter(({ atS }) => atS >= axis.fromS && atS <= axis.toS),
    )}"/>`
  })
  const most = regions.map((region) => {
    const seen = samples.flatMap((sample) => lagBytes(sample, region) ?? [])
    return seen.length === 0 ? `${region} not seen as standby` : `${region} at most ${bytesText(greatest(seen))}`
  })
  return panelRows({
    head: { text: 'WAL lag', more: `bytes that a standby had not replayed yet: ${most.join(', ')}` },
    isTall: true,
    ticks: [
      { at: 0, text: '≤ 100 B' },
      ...lagTicks.map((bytes) => ({ at: level(bytes), text: bytesText(bytes).replace('.0', '') })),
    ],
    body: `${gridPath(axis, lagTicks.map(level))}${behind}${lines.join('')}`,
    label: `WAL lag of each standby over time: ${most.join(', ')}`,
  })
}

function busyPanel({ samples }: ReportInput, { axis, clock, behind }: Frame): string {
  const points = samples.map((sample) => ({ atS: clock.secondsOf(sample.atNs), value: sample.machine.busyShare }))
  const inside = points.filter(({ atS }) => atS >= axis.fromS && atS <= axis.toS)
  const seen = inside.flatMap(({ value }) => value ?? [])
  if (seen.length === 0) return ''
  const mean = seen.reduce((sum, each) => sum + each, 0) / seen.length
  return panelRows({
    head: {
      text: 'The machine',
      more: `share of its processors in use: ${percent(mean)} on average, ${percent(greatest(seen))} at most`,
    },
    isTall: false,
    ticks: [
      { at: 0, text: '0 %' },
      { at: 1, text: '100 %' },
    ],
    body: `${gridPath(axis, [])}${behind}<path class="line lag-a" d="${linePath(axis, inside)}"/>`,
    label: `Share of the machine's processors in use over time: ${percent(mean)} on average`,
  })
}

function legend(journal: Journal, hasSamples: boolean): string {
  const sample = (shape: string, text: string): string =>
    `<li><svg viewBox="0 0 26 12" aria-hidden="true">${shape}</svg>${escapeMarkup(text)}</li>`
  const stroke = (kind: string): string => `<path class="line ${kind}" d="M1 6H25"/>`
  const isMissing = Object.values(journal.collection).some((each) => each.missing > 0)
  return `<ul class="legend">${[
    sample(stroke('rate'), 'share that succeeded'),
    sample(stroke('p50'), 'median latency'),
    sample(stroke('p99'), 'p99 latency (the slowest, in a slice of fewer than 100)'),
    sample('<path class="floor" d="M1 6H25"/>', `bound of the steady state, p99 ${formatMs(journal.thresholds.p99Ms)}`),
    ...(hasSamples ? regions.map((region) => sample(stroke(`lag-${region}`), `WAL lag of ${region}`)) : []),
    ...(journal.faults.length > 0 ? [sample('<rect class="shade" width="26" height="12"/>', 'a fault lasts')] : []),
    ...(journal.incidents.length > 0
      ? [
          sample(
            '<rect class="shade incident" x="4" width="22" height="12"/><path class="t0" d="M4 0V12"/>',
            `an incident: t0, until restored${journal.incidents.length > mostBars ? ` (the first ${mostBars})` : ''}`,
          ),
        ]
      : []),
    ...(isMissing
      ? [sample(`<path class="hatch" d="M1 12L7 0M9 12L15 0M17 12L23 0"/>`, 'operations are missing: nothing is known')]
      : []),
    sample('<path class="mark" d="M13 0V12"/>', 'an epoch is taken'),
  ].join('')}</ul>`
}

/** Empty if there was no load. */
export function renderLoadChart(input: ReportInput): string {
  const { journal, load, samples } = input
  if (journal.loadNs === null) return ''
  const frame = frameOf(journal, journal.loadNs)
  const panels = areas.flatMap((area) => {
    const seen = load.areas.get(area)
    return seen === undefined ? [] : [areaPanels(journal, area, seen, frame)]
  })
  return `<figure class="chart"><figcaption>Seconds from ${frame.clock.zero}. Latency counts from the moment at which a request was due, on a logarithmic scale.</figcaption>
${legend(journal, samples.length > 0)}
${lanesOf(journal, frame)
  .map((lane) => laneRows(frame.axis, lane))
  .join('\n')}
${panels.join('\n')}
${lagPanel(input, frame)}
${busyPanel(input, frame)}
${ticksRow(frame.axis, 'seconds', String)}
</figure>`
}
