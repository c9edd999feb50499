// The map: sites, links with their state and traffic, and where each area's writes and reads go.
import { formatBits, formatBytes } from '../model/format.ts'
import { linkPath, mapGeometry, type MapGeometry, type Shape } from '../model/map-geometry.ts'
import type { AreaState, DashboardState, LinkState, RegionState } from '../model/state.ts'
import type { Area, Region, Site } from '#protocol/sites.ts'
import { h, svg } from './dom.ts'

/** Below this a link is as good as idle: heartbeats and checks. */
const busyBitsPerSecond = 20_000

export function mapView(state: DashboardState, shape: Shape): readonly Node[] {
  const geometry = mapGeometry(shape)
  const links = Object.entries(state.links)
  const picture = svg(
    'svg',
    {
      viewBox: `0 0 ${geometry.width} ${geometry.height}`,
      role: 'img',
      'aria-label': describe(state),
      class: `map ${shape}`,
    },
    svg('g', {}, ...links.map(([key, link]) => linkView(geometry, state, key, link))),
    svg('g', {}, ...links.map(([key, link]) => linkMark(geometry, key, link))),
    svg('g', {}, ...labels(geometry, state)),
    svg('g', {}, ...entries(state.areas).map(([area, each]) => areaView(geometry, area, each))),
    svg('g', {}, ...entries(state.regions).map(([region, each]) => regionView(geometry, state, region, each))),
  )
  return [h('h2', { id: 'map-title', class: 'quiet' }, 'Sites and links'), picture, legend(), troubledLinks(state)]
}

function entries<Key extends string, Value>(record: Readonly<Record<Key, Value>>): readonly (readonly [Key, Value])[] {
  return Object.entries(record) as unknown as readonly (readonly [Key, Value])[]
}

function ends(key: string): readonly [Site, Site] {
  return key.split('>') as unknown as readonly [Site, Site]
}

/** What the picture shows, in one sentence. */
function describe(state: DashboardState): string {
  const roles = entries(state.regions).map(([region, each]) => `region ${region} is ${roleOf(each)}`)
  const steering = entries(state.areas).map(
    ([area, each]) => `${area} writes to ${each.writesTo ?? 'nobody'} and reads from ${each.readsTo ?? 'nobody'}`,
  )
  const broken = Object.entries(state.links).filter(([, link]) => link.condition !== 'up')
  const links = broken.length === 0 ? 'every link is up' : `${broken.length} directed links are cut or degraded`
  return `Map: ${[...roles, ...steering, links].join('; ')}.`
}

function isDark(region: RegionState): boolean {
  return region.containers.length > 0 && region.containers.every((each) => each.state !== 'running')
}

function roleOf(region: RegionState): string {
  return isDark(region) ? 'dark' : region.role
}

function isShown(key: string, link: LinkState): boolean {
  const [from, to] = ends(key)
  // Client areas have nothing to say to each other.
  return from.length === 1 || to.length === 1 || link.condition === 'degraded'
}

function linkView(geometry: MapGeometry, state: DashboardState, key: string, link: LinkState): Node | null {
  if (!isShown(key, link)) return null
  const [from, to] = ends(key)
  const { path } = linkPath(geometry, from, to)
  const area = state.areas[from as Area] as AreaState | undefined
  const writes = area?.writesTo === to
  const reads = area?.readsTo === to
  const classes = ['link', link.condition, from.length === 1 && to.length === 1 ? 'between' : 'reach']
  if (writes) classes.push('writes')
  else if (reads) classes.push('reads')
  const isBusy = link.bitsPerSecond > busyBitsPerSecond && (link.condition === 'up' || link.condition === 'degraded')
  return svg(
    'g',
    { 'data-key': key, 'data-link': key, 'data-condition': link.condition },
    svg('title', {}, `${from} to ${to}: ${link.note ?? 'up'}, ${link.delayMs} ms, ${formatBits(link.bitsPerSecond)}`),
    svg('path', { d: path, class: classes.join(' ') }),
    isBusy
      ? svg('path', { d: path, class: `flow ${link.bitsPerSecond > busyBitsPerSecond * 10 ? 'much' : ''}` })
      : null,
  )
}

/** A cross where nothing passes. */
function linkMark(geometry: MapGeometry, key: string, link: LinkState): Node | null {
  if (!isShown(key, link) || (link.condition !== 'down' && link.condition !== 'fenced')) return null
  const [from, to] = ends(key)
  const { x, y } = linkPath(geometry, from, to).middle
  const arm = from.length === 1 && to.length === 1 ? 8 : 5
  const d = `M${x - arm} ${y - arm}L${x + arm} ${y + arm}M${x + arm} ${y - arm}L${x - arm} ${y + arm}`
  return svg('path', { 'data-key': `x ${key}`, d, class: 'cross' })
}

/** Between regions: delay, and what flows both ways. */
function labels(geometry: MapGeometry, state: DashboardState): readonly (Node | null)[] {
  if (!geometry.showsLabels) return []
  return Object.entries(state.links).map(([key, link]) => {
    const [from, to] = ends(key)
    if (from.length !== 1 || to.length !== 1 || from > to) return null
    const back = state.links[`${to}>${from}`]
    if (link.condition === 'down' || link.condition === 'fenced') return null
    const there = linkPath(geometry, from, to).middle
    const side = from === 'a' && to === 'c' ? -64 : from === 'b' && to === 'c' ? 64 : 0
    const { x, y } = { x: there.x + side, y: there.y + (side === 0 ? -26 : 14) }
    return svg(
      'g',
      { 'data-key': `l ${key}` },
      svg('text', { x, y, class: 'label' }, `${Math.round(Math.max(link.delayMs, back?.delayMs ?? 0))} ms`),
      svg('text', { x, y: y + 15, class: 'label' }, formatBits(link.bitsPerSecond + (back?.bitsPerSecond ?? 0))),
    )
  })
}

function areaView(geometry: MapGeometry, area: Area, state: AreaState): Node {
  const { x, y } = geometry.sites[area]
  const { width, height } = geometry.area
  const load = state.load
  const bad = load?.running === true && (load.successShare ?? 1) < 0.999
  const figure = load?.running === true ? `${load.perSecond.toFixed(0)}/s` : 'no load'
  return svg(
    'g',
    {
      'data-key': area,
      class: `site area ${bad ? 'bad' : ''}`,
      transform: `translate(${x - width / 2} ${y - height / 2})`,
    },
    svg('rect', { width, height, rx: height / 2 }),
    svg('text', { x: width / 2, y: 27, class: 'name' }, area.toUpperCase()),
    svg('text', { x: width / 2, y: 46, class: 'small' }, figure),
  )
}

function regionView(geometry: MapGeometry, state: DashboardState, region: Region, each: RegionState): Node {
  const { x, y } = geometry.sites[region]
  const { width, height } = geometry.region
  const dark = isDark(each)
  const role = dark ? 'dark' : each.role
  const narrow = width < 190
  const isHolder = state.epoch?.holder === region
  return svg(
    'g',
    {
      'data-key': region,
      'data-region': region,
      'data-role': role,
      class: `site region ${role} ${each.fenced ? 'fenced' : ''}`,
      transform: `translate(${x - width / 2} ${y - height / 2})`,
    },
    svg('rect', { width, height, rx: 12 }),
    svg('text', { x: 16, y: 42, class: 'letter' }, region.toUpperCase()),
    svg(
      'text',
      { x: 50, y: narrow ? 27 : 28, class: 'role' },
      dark ? 'DARK' : each.fenced ? 'FENCED OFF' : each.role.toUpperCase(),
    ),
    svg('text', { x: 50, y: 44, class: 'small left' }, epochWords(state, region, each, isHolder, narrow)),
    svg('text', { x: 16, y: 68, class: 'small left' }, postgresWords(each)),
    svg('text', { x: 16, y: 86, class: 'small left' }, appWords(each, narrow)),
    svg(
      'g',
      { transform: 'translate(16 98)' },
      ...each.containers.map((container, index) => containerDot(container, index)),
    ),
  )
}

function epochWords(
  state: DashboardState,
  region: Region,
  each: RegionState,
  isHolder: boolean,
  narrow: boolean,
): string {
  if (each.controller.busy !== null) return `${each.controller.busy}…`
  if (state.epoch?.primary === region)
    return `epoch ${state.epoch.number}${isHolder ? (narrow ? ', held' : ', held here') : ''}`
  if (isHolder) return 'holds the epoch'
  return each.designedRole === 'primary' && each.role !== 'primary' ? 'home' : ''
}

function postgresWords(each: RegionState): string {
  const { answers, state, lagBytes } = each.postgres
  if (!answers) return 'Postgres does not answer'
  if (state !== 'standby' || lagBytes === null) return `Postgres ${state}`
  return lagBytes < 16_384 ? 'Postgres in step' : `Postgres lags ${formatBytes(lagBytes)}`
}

function appWords(each: RegionState, narrow: boolean): string {
  const { writes, reads, permit } = each.app
  if (reads === 'unknown') return 'app does not answer'
  const does =
    writes === 'ready'
      ? 'writes, reads'
      : reads === 'ready'
        ? 'reads'
        : reads === 'stale'
          ? 'stale reads'
          : 'serves nothing'
  if (narrow) return does
  return `${does} · ${permit === 'valid' ? 'permit' : 'no permit'}`
}

function containerDot(container: RegionState['containers'][number], index: number): Node {
  return svg(
    'rect',
    { x: index * 16, y: 0, width: 10, height: 10, rx: 2, class: `container ${container.state}` },
    svg('title', {}, `${container.service}: ${container.state}`),
  )
}

function legend(): Node {
  const item = (name: string, words: string): Node =>
    h(
      'li',
      {},
      svg(
        'svg',
        { viewBox: '0 0 30 10', class: 'sample', 'aria-hidden': 'true' },
        svg('path', { d: 'M1 5H29', class: `link ${name}` }),
      ),
      words,
    )
  return h(
    'ul',
    { class: 'legend', 'aria-label': 'What lines mean' },
    item('reach up writes', 'writes go here'),
    item('reach up reads', 'reads go here'),
    item('between degraded', 'degraded'),
    item('between down', 'cut'),
  )
}

/** The links that differ from a healthy world, in words; both directions in one line where they are alike. */
function troubledLinks(state: DashboardState): Node {
  const lines = new Map<string, string[]>()
  for (const [key, link] of Object.entries(state.links)) {
    if (link.condition === 'up') continue
    const [from, to] = ends(key)
    const back = state.links[`${to}>${from}`]
    if (back?.note === link.note && from > to) continue
    const words = link.note ?? link.condition
    const pair = back?.note === link.note ? `${from} ↔ ${to}` : `${from} → ${to}`
    lines.set(words, [...(lines.get(words) ?? []), pair])
  }
  return h(
    'ul',
    { class: 'links' },
    ...[...lines].map(([words, pairs]) => h('li', {}, h('strong', {}, words), ` ${pairs.join(', ')}`)),
  )
}
