// Where the sites and links of the map lie, for wide and for narrow pages: pure.
import type { Site } from '#protocol/sites.ts'

export type Shape = 'wide' | 'narrow'

export interface Point {
  readonly x: number
  readonly y: number
}

export interface MapGeometry {
  readonly width: number
  readonly height: number
  readonly region: { readonly width: number; readonly height: number }
  readonly area: { readonly width: number; readonly height: number }
  readonly sites: Readonly<Record<Site, Point>>
  /** Links that would run through another site bend around it, through this point. By both sites' names, in the sites' order. */
  readonly bends: Readonly<Record<string, Point>>
  readonly showsLabels: boolean
}

const wide: MapGeometry = {
  width: 900,
  height: 500,
  region: { width: 208, height: 118 },
  area: { width: 124, height: 62 },
  sites: {
    a: { x: 278, y: 138 },
    b: { x: 622, y: 138 },
    c: { x: 450, y: 322 },
    na: { x: 70, y: 138 },
    eu: { x: 830, y: 138 },
    ap: { x: 450, y: 460 },
  },
  bends: {
    'b na': { x: 330, y: -40 },
    'a eu': { x: 570, y: -40 },
    'c na': { x: 180, y: 300 },
    'c eu': { x: 720, y: 300 },
    'a ap': { x: 270, y: 400 },
    'b ap': { x: 630, y: 400 },
  },
  showsLabels: true,
}

const narrow: MapGeometry = {
  width: 360,
  height: 520,
  region: { width: 166, height: 118 },
  area: { width: 124, height: 62 },
  sites: {
    a: { x: 87, y: 168 },
    b: { x: 273, y: 168 },
    c: { x: 180, y: 340 },
    na: { x: 87, y: 40 },
    eu: { x: 273, y: 40 },
    ap: { x: 180, y: 480 },
  },
  bends: {
    'c na': { x: -60, y: 280 },
    'c eu': { x: 420, y: 280 },
    'a ap': { x: 30, y: 420 },
    'b ap': { x: 330, y: 420 },
  },
  showsLabels: false,
}

export function mapGeometry(shape: Shape): MapGeometry {
  return shape === 'wide' ? wide : narrow
}

/** Both directions lie side by side, each to the right of its own way. */
const besides = 4

function normal(from: Point, to: Point): Point {
  const [dx, dy] = [to.x - from.x, to.y - from.y]
  const length = Math.hypot(dx, dy) || 1
  return { x: (-dy / length) * besides, y: (dx / length) * besides }
}

/** The path of one direction, for SVG, and its middle. */
export function linkPath(
  geometry: MapGeometry,
  from: Site,
  to: Site,
): { readonly path: string; readonly middle: Point } {
  const [start, end] = [geometry.sites[from], geometry.sites[to]]
  const shift = normal(start, end)
  const at = (point: Point): Point => ({ x: point.x + shift.x, y: point.y + shift.y })
  const bend = geometry.bends[`${from} ${to}`] ?? geometry.bends[`${to} ${from}`]
  const [a, b] = [at(start), at(end)]
  if (bend === undefined)
    return { path: `M${a.x} ${a.y}L${b.x} ${b.y}`, middle: visibleMiddle(geometry, from, to, a, b) }
  const c = at(bend)
  const middle = { x: a.x / 4 + c.x / 2 + b.x / 4, y: a.y / 4 + c.y / 2 + b.y / 4 }
  return { path: `M${a.x} ${a.y}Q${c.x} ${c.y} ${b.x} ${b.y}`, middle }
}

/** Of what is seen between the two boxes. */
function visibleMiddle(geometry: MapGeometry, from: Site, to: Site, start: Point, end: Point): Point {
  const [dx, dy] = [end.x - start.x, end.y - start.y]
  const inside = (site: Site): number => {
    const box = site.length === 1 ? geometry.region : geometry.area
    return Math.min(box.width / 2 / (Math.abs(dx) || 1), box.height / 2 / (Math.abs(dy) || 1))
  }
  const share = (inside(from) + 1 - inside(to)) / 2
  return { x: start.x + dx * share, y: start.y + dy * share }
}
