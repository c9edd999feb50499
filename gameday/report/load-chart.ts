// What clients and replicas saw over time: lanes for primary, faults and orders; below them, on the same axis, success rate and
// latency of each client area, and the WAL lag of each standby.
import type { Journal } from '#protocol/journal.ts'
import { nearestRegion, regions, type Area } from '#protocol/sites.ts'
import { sinceMs } from '../measure/history.ts'
import { formatMs } from '../measure/objectives.ts'
import { gridPath, laneRows, linePath, panelRows, ticksRow, xOf, type Axis, type Bar, type Lane } from './chart.ts'
import { escapeMarkup } from './escape.ts'
import type { ReportInput } from './report-input.ts'
import { lagBytes, slicesOf } from './series.ts'
import { bytesText, percent } from './words.ts'

interface Frame {
  readonly axis: Axis
  readonly secondsOf: (ns: string) => number
  readonly fromNs: bigint
  readonly toNs: bigint
  /** Fault windows and marks of epochs, for every panel. */
  readonly behind: string
}

const latencyTicks = [10, 100, 1000, 10_000]
const lagTicks = [1e3, 1e6, 1e9]

/** A logarithmic scale: `least` and below is the bottom. */
function onLog(value: number, least: number, most: number): number {
  return Math.log10(Math.min(Math.max(value, least), most) / least) / Math.log10(most / least)
}

function frameOf(journal: Journal, loadNs: { readonly from: string; readonly to: string }): Frame {
  const zeroNs = BigInt(journal.t0?.ns ?? loadNs.from)
  const secondsOf = (ns: string): number => sinceMs(zeroNs, ns) / 1000
  const axis = { fromS: secondsOf(loadNs.from), toS: secondsOf(loadNs.to) }
  const shades = journal.faults.map((fault) => {
    const from = xOf(axis, secondsOf(fault.firstNs))
    const to = fault.healedNs === null ? 1000 : xOf(axis, secondsOf(fault.healedNs))
    const kind = fault.background ? ' background' : ''
    return `<rect class="shade${kind}" x="${from.toFixed(1)}" y="0" width="${Math.max(1, to - from).toFixed(1)}" height="100"/><path class="edge${kind}" d="M${from.toFixed(1)} 0V100M${to.toFixed(1)} 0V100"/>`
  })
  const marks = journal.epochs.flatMap(({ atNs }) =>
    atNs === null ? [] : [`<path class="mark" d="M${xOf(axis, secondsOf(atNs)).toFixed(1)} 0V100"/>`],
  )
  return {
    axis,
    secondsOf,
    fromNs: BigInt(loadNs.from),
    toNs: BigInt(loadNs.to),
    behind: [...shades, ...marks].join(''),
  }
}

function lanesOf(journal: Journal, { axis, secondsOf }: Frame): readonly Lane[] {
  const epochs = journal.epochs.map((epoch, index): Bar => {
    const nextNs = journal.epochs[index + 1]?.atNs ?? null
    return {
      fromS: epoch.atNs === null ? axis.fromS : secondsOf(epoch.atNs),
      toS: nextNs === null ? axis.toS : secondsOf(nextNs),
      kind: 'epoch',
      text: epoch.region ?? '?',
      more: `epoch ${epoch.epoch}`,
    }
  })
  const faults = journal.faults.map((fault): Bar => ({
    fromS: secondsOf(fault.firstNs),
    toS: fault.healedNs === null ? axis.toS : secondsOf(fault.healedNs),
    kind: fault.background ? 'background' : 'fault',
    text: `${fault.kind} of ${fault.target}`,
    ...(fault.background ? { more: '(background)' } : {}),
  }))
  const orders = journal.steps
    .filter((step) => step.kind === 'action')
    .map((step): Bar => ({
      fromS: secondsOf(step.fromNs),
      toS: secondsOf(step.toNs),
      kind: 'order',
      text: step.title,
    }))
  return [
    { name: 'Primary', bars: epochs },
    { name: 'Faults', bars: faults },
    { name: 'Orders', bars: orders },
  ].filter((lane) => lane.bars.length > 0)
}

function areaPanels({ journal, operations }: ReportInput, area: Area, frame: Frame): string {
  const { axis, fromNs, toNs, behind } = frame
  const own = operations.filter((each) => each.area === area)
  const ok = own.filter((each) => each.outcome === 'ok').length
  const slices = slicesOf(own, fromNs, toNs).map((slice) => ({ ...slice, atS: slice.atS + axis.fromS }))
  const rate = slices.map(({ atS, successRate }) => ({ atS, value: successRate }))
  const worst = Math.min(1, ...slices.flatMap(({ successRate }) => (successRate === null ? [] : [successRate])))
  const { firstWriteMs, restoredMs } = journal.rto.areas[area] ?? { firstWriteMs: null, restoredMs: null }
  const told =
    journal.t0 === null
      ? ''
      : `, first write after ${formatMs(firstWriteMs)}, ${restoredMs === null ? 'not seen restored' : `restored after ${formatMs(restoredMs)}`}`
  const latency = (value: number | null): number | null =>
    value === null ? null : onLog(value, latencyTicks[0] ?? 1, latencyTicks.at(-1) ?? 1)
  const bound = (100 * (1 - onLog(journal.thresholds.p99Ms, 10, 10_000))).toFixed(1)
  const slowest = Math.max(0, ...slices.map(({ p99Ms }) => p99Ms ?? 0))
  return [
    panelRows({
      head: {
        text: `From ${area}`,
        more: `near region ${nearestRegion[area]}: ${ok} of ${own.length} succeeded${told}`,
      },
      isTall: false,
      ticks: [
        { at: 0, text: '0 %' },
        { at: 1, text: '100 %' },
      ],
      body: `${gridPath(axis, [])}${behind}<path class="line rate" d="${linePath(axis, rate)}"/>`,
      label: `Success rate from ${area} over time: ${percent(own.length === 0 ? null : ok / own.length, 1)} in all, ${percent(worst)} in the worst slice`,
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

function lagPanel({ samples }: ReportInput, { axis, secondsOf, behind }: Frame): string {
  if (samples.length === 0) return ''
  const level = (bytes: number): number => onLog(bytes, 100, 1e9)
  const lines = regions.map((region) => {
    const points = samples.map((sample) => {
      const bytes = lagBytes(sample, region)
      return { atS: secondsOf(sample.atNs), value: bytes === null ? null : level(bytes) }
    })
    return `<path class="line lag-${region}" d="${linePath(
      axis,
      points.filter(({ atS }) => atS >= axis.fromS && atS <= axis.toS),
    )}"/>`
  })
  const most = regions.map((region) => {
    const seen = samples.flatMap((sample) => lagBytes(sample, region) ?? [])
    return seen.length === 0 ? `${region} not seen as standby` : `${region} at most ${bytesText(Math.max(...seen))}`
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

function busyPanel({ samples }: ReportInput, { axis, secondsOf, behind }: Frame): string {
  const points = samples.map((sample) => ({ atS: secondsOf(sample.atNs), value: sample.machine.busyShare }))
  const inside = points.filter(({ atS }) => atS >= axis.fromS && atS <= axis.toS)
  const seen = inside.flatMap(({ value }) => value ?? [])
  if (seen.length === 0) return ''
  const mean = seen.reduce((sum, each) => sum + each, 0) / seen.length
  return panelRows({
    head: {
      text: 'The machine',
      more: `share of its processors in use: ${percent(mean)} on average, ${percent(Math.max(...seen))} at most`,
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
  return `<ul class="legend">${[
    sample(stroke('rate'), 'share that succeeded'),
    sample(stroke('p50'), 'median latency'),
    sample(stroke('p99'), 'p99 latency (the slowest, in a slice of fewer than 100)'),
    sample('<path class="floor" d="M1 6H25"/>', `bound of the steady state, p99 ${formatMs(journal.thresholds.p99Ms)}`),
    ...(hasSamples ? regions.map((region) => sample(stroke(`lag-${region}`), `WAL lag of ${region}`)) : []),
    ...(journal.faults.length > 0 ? [sample('<rect class="shade" width="26" height="12"/>', 'a fault lasts')] : []),
    sample('<path class="mark" d="M13 0V12"/>', 'an epoch is taken'),
  ].join('')}</ul>`
}

/** Empty if there was no load. */
export function renderLoadChart(input: ReportInput): string {
  const { journal, operations, samples } = input
  if (journal.loadNs === null) return ''
  const frame = frameOf(journal, journal.loadNs)
  const used = (Object.keys(nearestRegion) as Area[]).filter((area) => operations.some((each) => each.area === area))
  const zero =
    journal.t0 === null ? 'the load’s beginning' : journal.faults.length > 0 ? 'the fault (t0)' : 'the order (t0)'
  return `<figure class="chart"><figcaption>Seconds from ${zero}. Latency counts from the moment at which a request was due, on a logarithmic scale.</figcaption>
${legend(journal, samples.length > 0)}
${lanesOf(journal, frame)
  .map((lane) => laneRows(frame.axis, lane))
  .join('\n')}
${used.map((area) => areaPanels(input, area, frame)).join('\n')}
${lagPanel(input, frame)}
${busyPanel(input, frame)}
${ticksRow(frame.axis, 'seconds', String)}
</figure>`
}
