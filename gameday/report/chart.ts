// Charts whose plots stretch with the page while their texts keep their size: strips of SVG in percent, with labels in HTML. Pure.
import { escapeMarkup } from './escape.ts'

/** Seconds, from t0 where there is one. */
export interface Axis {
  readonly fromS: number
  readonly toS: number
}

export interface Bar {
  readonly fromS: number
  readonly toS: number
  readonly kind: 'epoch' | 'fault' | 'background' | 'order' | 'incident' | 'missing'
  readonly text: string
  /** Left out on narrow screens. */
  readonly more?: string
}

export interface Lane {
  readonly name: string
  readonly bars: readonly Bar[]
}

export interface Panel {
  /** Above the panel; null: it belongs to the one before. */
  readonly head: { readonly text: string; readonly more: string } | null
  readonly isTall: boolean
  /** `at`: 0 is the bottom, 1 the top. */
  readonly ticks: readonly { readonly at: number; readonly text: string }[]
  /** SVG in a box of 1000 by 100. */
  readonly body: string
  /** What is seen, in a sentence. */
  readonly label: string
}

export interface Point {
  readonly atS: number
  /** 0 is the bottom, 1 the top; null ends the line. */
  readonly value: number | null
}

const width = 1000
const height = 100

export function xOf(axis: Axis, atS: number): number {
  const share = (Math.min(Math.max(atS, axis.fromS), axis.toS) - axis.fromS) / Math.max(1e-9, axis.toS - axis.fromS)
  return share * width
}

export function linePath(axis: Axis, points: readonly Point[]): string {
  let pen = 'M'
  return points
    .flatMap(({ atS, value }) => {
      if (value === null) {
        pen = 'M'
        return []
      }
      const point = `${pen}${xOf(axis, atS).toFixed(1)} ${(height * (1 - value)).toFixed(1)}`
      pen = 'L'
      return [point]
    })
    .join('')
}

/** Step, and every how manieth tick is kept on narrow screens. */
export function timeTicks({ fromS, toS }: Axis): readonly { readonly atS: number; readonly isMinor: boolean }[] {
  const steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200]
  const step = steps.find((each) => (toS - fromS) / each <= 12) ?? 14_400
  const first = Math.ceil(fromS / step - 1e-9)
  const last = Math.floor(toS / step + 1e-9)
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => {
    const number = first + index
    return { atS: Number((number * step).toFixed(3)), isMinor: Math.abs(number) % 3 !== 0 }
  })
}

function percentOf(axis: Axis, atS: number): string {
  return `${(xOf(axis, atS) / 10).toFixed(2)}%`
}

export function ticksRow(axis: Axis, name: string, unit: (atS: number) => string): string {
  const ticks = timeTicks(axis).map(
    ({ atS, isMinor }) =>
      `<span${isMinor ? ' class="minor"' : ''} style="left:${percentOf(axis, atS)}">${escapeMarkup(unit(atS))}</span>`,
  )
  return `<div class="row" aria-hidden="true"><div class="name xname">${escapeMarkup(name)}</div><div class="track xticks">${ticks.join('')}</div></div>`
}

/** Strokes from bottom to top between two places of the box: what is not known there. */
export function hatchPath(fromX: number, toX: number): string {
  const slant = 12
  const step = 16
  const first = Math.floor((fromX - slant) / step) * step
  const strokes = Array.from({ length: Math.ceil((toX - first) / step) }, (_, index) => first + index * step)
  return strokes
    .flatMap((x) => {
      const left = Math.max(x, fromX)
      const right = Math.min(x + slant, toX)
      const level = (at: number): string => (height * (1 - (at - x) / slant)).toFixed(1)
      return left < right ? [`M${left.toFixed(1)} ${level(left)}L${right.toFixed(1)} ${level(right)}`] : []
    })
    .join('')
}

export function gridPath(axis: Axis, levels: readonly number[]): string {
  const across = levels.map((at) => `M0 ${(height * (1 - at)).toFixed(1)}H${width}`)
  const down = timeTicks(axis).map(({ atS }) => `M${xOf(axis, atS).toFixed(1)} 0V${height}`)
  return `<path class="grid" d="${[...across, ...down].join('')}"/>`
}

/** Those are many, one after another, and share a line: words that find no room are in their titles. */
const sharing: ReadonlySet<Bar['kind']> = new Set(['epoch', 'missing'])

/** Where a bar is too short for its words they stand beside it. */
function barHtml(axis: Axis, { fromS, toS, kind, text, more }: Bar): string {
  const left = xOf(axis, fromS) / 10
  const share = xOf(axis, toS) / 10 - left
  const label = `${escapeMarkup(text)}${more === undefined ? '' : `<span class="wide"> ${escapeMarkup(more)}</span>`}`
  const title = escapeMarkup([text, more].filter((each) => each !== undefined).join(' '))
  const place = `left:${left.toFixed(2)}%;width:${share.toFixed(2)}%`
  if (share >= 9 && kind !== 'order') return `<div class="bar ${kind}" style="${place}" title="${title}">${label}</div>`
  if (sharing.has(kind)) return `<div class="bar thin ${kind}" style="${place}" title="${title}"></div>`
  const beside = left + share < 60 ? `left:${(left + share).toFixed(2)}%` : `right:${(100 - left).toFixed(2)}%`
  return `<div class="bar thin ${kind}" style="${place}" title="${title}"></div><span class="beside" style="${beside}">${label}</span>`
}

export function laneRows(axis: Axis, { name, bars }: Lane): string {
  // Bars that overlap get lines of their own.
  const lines: Bar[][] = []
  for (const bar of bars) {
    const free = sharing.has(bar.kind) ? lines[0] : undefined
    if (free === undefined) lines.push([bar])
    else free.push(bar)
  }
  return lines
    .map(
      (line, index) =>
        `<div class="row lane"><div class="name">${index === 0 ? escapeMarkup(name) : ''}</div><div class="track">${line.map((bar) => barHtml(axis, bar)).join('')}</div></div>`,
    )
    .join('\n')
}

export function panelRows({ head, isTall, ticks, body, label }: Panel): string {
  const heading =
    head === null
      ? ''
      : `<div class="row"><div></div><div class="head">${escapeMarkup(head.text)} <small>${escapeMarkup(head.more)}</small></div></div>`
  const axis = ticks.map(
    ({ at, text }) => `<span style="top:${((1 - at) * 100).toFixed(1)}%">${escapeMarkup(text)}</span>`,
  )
  return `${heading}
<div class="row panel"><div class="name" aria-hidden="true">${axis.join('')}</div><div class="track ${isTall ? 'tall' : 'low'}"><svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${escapeMarkup(label)}">${body}</svg></div></div>`
}
