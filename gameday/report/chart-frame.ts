// The axis that all plots of a report share, and what is drawn behind each: spans of faults and of incidents, marks of epochs.
import type { Incident, Journal } from '#protocol/journal.ts'
import { xOf, type Axis } from './chart.ts'
import { clockOf, type Clock } from './clock.ts'
import { overNs } from './harness-words.ts'

export interface Frame {
  readonly axis: Axis
  readonly clock: Clock
  /** Spans of faults and incidents, marks of epochs, for every panel. */
  readonly behind: string
}

/** Of incidents, and of spans of one area. */
export const mostBars = 60

function shade(axis: Axis, kind: string, fromS: number, toS: number): string {
  const from = xOf(axis, fromS)
  const to = xOf(axis, toS)
  return `<rect class="shade${kind}" x="${from.toFixed(1)}" y="0" width="${Math.max(1, to - from).toFixed(1)}" height="100"/><path class="edge${kind}" d="M${from.toFixed(1)} 0V100M${to.toFixed(1)} 0V100"/>`
}

/** From t0 until service was restored, or to the load's end. Null: when that was is unknown. */
export function incidentSpan(
  { t0, restoredMs, stillOutMs }: Incident,
  { secondsOf }: Clock,
  axis: Axis,
): readonly [number, number | null] {
  const fromS = secondsOf(t0.ns)
  if (stillOutMs !== null) return [fromS, axis.toS]
  return [fromS, restoredMs === null ? null : fromS + restoredMs / 1000]
}

export function frameOf(journal: Journal, loadNs: { readonly from: string; readonly to: string }): Frame {
  const clock = clockOf(journal)
  const { secondsOf } = clock
  const axis = { fromS: secondsOf(loadNs.from), toS: secondsOf(loadNs.to) }
  const at = (atS: number): string => `M${xOf(axis, atS).toFixed(1)} 0V100`
  const shades = journal.faults.map((fault) => {
    const endNs = overNs(fault)
    return shade(
      axis,
      fault.background ? ' background' : '',
      secondsOf(fault.firstNs),
      endNs === null ? axis.toS : secondsOf(endNs),
    )
  })
  const incidents = journal.incidents.slice(0, mostBars).map((each) => {
    const [fromS, toS] = incidentSpan(each, clock, axis)
    const from = xOf(axis, fromS)
    const rect =
      toS === null
        ? ''
        : `<rect class="shade incident" x="${from.toFixed(1)}" y="0" width="${(xOf(axis, toS) - from).toFixed(1)}" height="100"/>`
    return `${rect}<path class="t0" d="${at(fromS)}"/>`
  })
  const marks = journal.epochs.flatMap(({ atNs }) =>
    atNs === null ? [] : [`<path class="mark" d="${at(secondsOf(atNs))}"/>`],
  )
  return { axis, clock, behind: [...shades, ...incidents, ...marks].join('') }
}
