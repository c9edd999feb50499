// The report's plot as inline SVG: success rate above, latency below, fault windows shaded, marks for what happened.
import type { Journal } from '#protocol/journal.ts'
import type { Operation } from '#protocol/operation.ts'
import { sinceMs } from '../measure/history.ts'
import { escapeMarkup } from './escape.ts'
import { slicesOf, type Slice } from './series.ts'

const width = 960
const left = 64
const right = 16
const upper = { top: 28, height: 150 }
const lower = { top: 214, height: 150 }
const height = 404
const latencyTicksMs = [10, 30, 100, 300, 1000, 3000]

function line(
  slices: readonly Slice[],
  value: (slice: Slice) => number | null,
  x: (atS: number) => number,
  y: (value: number) => number,
): string {
  let pen = 'M'
  return slices
    .flatMap((slice) => {
      const seen = value(slice)
      if (seen === null) {
        pen = 'M'
        return []
      }
      const point = `${pen}${x(slice.atS).toFixed(1)} ${y(seen).toFixed(1)}`
      pen = 'L'
      return [point]
    })
    .join('')
}

function secondsTicks(lengthS: number): readonly number[] {
  const step = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600].find((each) => lengthS / each <= 12) ?? 7200
  return Array.from({ length: Math.floor(lengthS / step) + 1 }, (_, index) => index * step)
}

/** What the shades stand for. */
function shaded(journal: Journal): string {
  const names = journal.faults.map((fault) => `${fault.kind} of ${fault.target}`)
  return names.length === 0 ? '' : escapeMarkup(`; shaded: ${names.join(', ')}`)
}

/** Empty if there was no load. */
export function renderPlot(journal: Journal, operations: readonly Operation[]): string {
  if (journal.loadNs === null) return ''
  const fromNs = BigInt(journal.loadNs.from)
  const toNs = BigInt(journal.loadNs.to)
  const slices = slicesOf(operations, fromNs, toNs)
  const lengthS = Math.max(1, sinceMs(fromNs, toNs) / 1000)
  const x = (atS: number): number => left + (Math.min(Math.max(atS, 0), lengthS) / lengthS) * (width - left - right)
  const secondsOf = (ns: string): number => sinceMs(fromNs, ns) / 1000
  const yRate = (rate: number): number => upper.top + upper.height * (1 - rate)
  const yLatency = (ms: number): number => {
    const share = Math.log10(Math.min(Math.max(ms, 10), 3000) / 10) / Math.log10(300)
    return lower.top + lower.height * (1 - share)
  }
  const panels = [upper, lower]
  const shades = journal.faults.flatMap((fault) => {
    const start = x(secondsOf(fault.firstNs))
    const stop = x(fault.healedNs === null ? lengthS : secondsOf(fault.healedNs))
    const shade = fault.background ? 'background' : 'fault'
    return panels.map(
      (panel) =>
        `<rect class="${shade}" x="${start.toFixed(1)}" y="${panel.top}" width="${Math.max(1, stop - start).toFixed(1)}" height="${panel.height}"><title>${escapeMarkup(`${fault.kind} of ${fault.target}`)}</title></rect>`,
    )
  })
  const marks = journal.epochs.flatMap((epoch) => {
    if (epoch.atNs === null) return []
    const at = x(secondsOf(epoch.atNs)).toFixed(1)
    return [
      `<path class="mark" d="M${at} ${upper.top}V${lower.top + lower.height}"/>`,
      `<text x="${at}" y="${upper.top - 6}" text-anchor="middle">epoch ${epoch.epoch}</text>`,
    ]
  })
  const grid = [
    ...[0, 0.5, 1].map((rate) => ({ y: yRate(rate), text: `${rate * 100} %` })),
    ...latencyTicksMs.map((ms) => ({ y: yLatency(ms), text: ms < 1000 ? `${ms} ms` : `${ms / 1000} s` })),
  ].map(
    ({ y, text }) =>
      `<path class="grid" d="M${left} ${y.toFixed(1)}H${width - right}"/><text x="${left - 6}" y="${(y + 4).toFixed(1)}" text-anchor="end">${text}</text>`,
  )
  const seconds = secondsTicks(lengthS).map(
    (at) => `<text x="${x(at).toFixed(1)}" y="${lower.top + lower.height + 18}" text-anchor="middle">${at}</text>`,
  )
  return [
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Success rate and latency over time, with the fault shaded">`,
    ...shades,
    ...grid,
    ...marks,
    `<path class="rate" d="${line(slices, (slice) => slice.successRate, x, yRate)}"/>`,
    `<path class="p99" d="${line(slices, (slice) => slice.p99Ms, x, yLatency)}"/>`,
    `<path class="p50" d="${line(slices, (slice) => slice.p50Ms, x, yLatency)}"/>`,
    ...seconds,
    `<text x="${left + 6}" y="${upper.top + upper.height - 14}">share of operations that succeeded${shaded(journal)}</text>`,
    `<text x="${left}" y="${lower.top - 8}">latency: median, and p99 (dashed)</text>`,
    `<text x="${width - right}" y="${height - 6}" text-anchor="end">seconds since the load began</text>`,
    '</svg>',
  ].join('\n')
}
