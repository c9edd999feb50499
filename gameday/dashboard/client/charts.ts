// Load and errors of each client area, second by second, with the windows of faults shaded.
import { formatMs, formatShare } from '../model/format.ts'
import type { AreaState, DashboardState, LoadState } from '../model/state.ts'
import { h, svg } from './dom.ts'

const height = 64

export function loadView(state: DashboardState): readonly Node[] {
  return [
    h('h2', { id: 'load-title' }, 'Load by area'),
    h('div', { class: 'charts' }, ...Object.entries(state.areas).map(([area, each]) => areaChart(state, area, each))),
  ]
}

function areaChart(state: DashboardState, area: string, each: AreaState): Node {
  const load = each.load
  const where = `writes → ${each.writesTo?.toUpperCase() ?? '?'}, reads → ${each.readsTo?.toUpperCase() ?? '?'}`
  const figures =
    load === null || !load.running
      ? [h('p', { class: 'soft' }, 'no load')]
      : [
          h(
            'dl',
            { class: 'figures' },
            figure('ok', formatShare(load.successShare), (load.successShare ?? 1) < 0.999),
            figure('per s', load.perSecond.toFixed(0), false),
            figure('median', formatMs(load.latencyMs), false),
          ),
        ]
  return h(
    'article',
    { 'data-key': area, class: 'chart', 'data-area': area },
    h('h3', {}, area.toUpperCase(), h('span', { class: 'soft' }, ` ${where}`)),
    ...figures,
    load === null ? null : plot(state, load, area),
  )
}

function figure(name: string, value: string, bad: boolean): Node {
  return h('div', bad ? { class: 'bad' } : {}, h('dt', {}, name), h('dd', {}, value))
}

function plot(state: DashboardState, load: LoadState, area: string): Node {
  const count = load.ok.length
  const most = Math.max(1, ...load.ok.map((ok, index) => (ok ?? 0) + (load.bad[index] ?? 0)))
  const slowest = Math.max(1, ...load.p99Ms.map((each) => each ?? 0))
  const bars = load.ok.flatMap((ok, index): Node[] => {
    if (ok === null) return []
    const bad = load.bad[index] ?? 0
    const scale = height / most
    return [
      ...(ok > 0
        ? [svg('rect', { x: index, y: height - ok * scale, width: 0.8, height: ok * scale, class: 'ok' })]
        : []),
      ...(bad > 0
        ? [svg('rect', { x: index, y: height - (ok + bad) * scale, width: 0.8, height: bad * scale, class: 'failed' })]
        : []),
    ]
  })
  return h(
    'figure',
    {},
    svg(
      'svg',
      {
        viewBox: `0 0 ${count} ${height}`,
        preserveAspectRatio: 'none',
        role: 'img',
        'aria-label': `${area}: ${formatShare(load.successShare)} of operations succeed, slowest percent ${formatMs(load.p99Ms.findLast((each) => each !== null) ?? null)}`,
      },
      ...faultWindows(state, load, count),
      ...bars,
      svg('path', { d: line(load.p99Ms, slowest), class: 'p99' }),
    ),
    h(
      'figcaption',
      {},
      h('span', {}, `${count} s`),
      h('span', { class: 'p99-words' }, `p99 up to ${formatMs(slowest)}`),
      h('span', {}, 'now'),
    ),
  )
}

function faultWindows(state: DashboardState, load: LoadState, count: number): readonly Node[] {
  const first = load.endSecond - count + 1
  return Object.values(state.faults).map((fault) => {
    const from = Math.max(0, fault.sinceMs / 1000 - first)
    const to = Math.min(count, (fault.healedMs ?? Number.POSITIVE_INFINITY) / 1000 - first)
    return svg('rect', { x: from, y: 0, width: Math.max(0, to - from), height, class: 'fault' })
  })
}

/** Broken where nothing is known. */
function line(values: readonly (number | null)[], most: number): string {
  let pen = 'M'
  return values
    .map((value, index) => {
      if (value === null) {
        pen = 'M'
        return ''
      }
      const point = `${pen}${index + 0.4} ${(height - (value / most) * (height - 4)).toFixed(1)}`
      pen = 'L'
      return point
    })
    .join('')
}
