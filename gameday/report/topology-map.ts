// The topology as small maps: regions and their roles, who takes WAL from whom, which links are cut, where each area's writes went.
import { areas, nearestRegion, regions, type Area, type Region } from '#protocol/sites.ts'
import { topologyWords } from '../topology-words.ts'
import { escapeMarkup } from './escape.ts'
import type { WritesTo } from './load-seen.ts'
import type { ReportInput } from './report-input.ts'
import { scenesOf, type Scene } from './scenes.ts'
import { primaryOf } from './series.ts'

interface Place {
  readonly x: number
  readonly y: number
}
const regionPlaces: Readonly<Record<Region, Place>> = {
  a: { x: 62, y: 118 },
  b: { x: 190, y: 38 },
  c: { x: 318, y: 118 },
}
const areaPlaces: Readonly<Record<Area, Place>> = {
  na: { x: 62, y: 232 },
  eu: { x: 190, y: 232 },
  ap: { x: 318, y: 232 },
}
const half = { width: 60, height: 29 }

/** How the world was at one moment. */
interface Shown extends Scene {
  readonly primary: Region | null
  /** The region that acknowledged an area's last write by then. */
  readonly writesTo: WritesTo
}

/** The line from one box to another, from edge to edge. */
function between(from: Place, to: Place, gap: number): readonly [Place, Place] {
  const edge = (start: Place, end: Place): Place => {
    const dx = end.x - start.x
    const dy = end.y - start.y
    const scale = Math.min(
      dx === 0 ? Number.POSITIVE_INFINITY : (half.width + gap) / Math.abs(dx),
      dy === 0 ? Number.POSITIVE_INFINITY : (half.height + gap) / Math.abs(dy),
    )
    return { x: start.x + dx * scale, y: start.y + dy * scale }
  }
  return [edge(from, to), edge(to, from)]
}

function arrow(kind: 'wal' | 'writes', from: Place, to: Place): string {
  const [start, end] = between(from, to, 4)
  const angle = (Math.atan2(end.y - start.y, end.x - start.x) * 180) / Math.PI
  const line = `<path class="link ${kind}" d="M${start.x.toFixed(1)} ${start.y.toFixed(1)}L${end.x.toFixed(1)} ${end.y.toFixed(1)}"/>`
  return `${line}<path class="tip-${kind}" transform="translate(${end.x.toFixed(1)} ${end.y.toFixed(1)}) rotate(${angle.toFixed(1)})" d="M0 0L-8 -4V4Z"/>`
}

function regionLinks({ sample }: Shown): readonly string[] {
  const pairs = [
    ['a', 'b'],
    ['b', 'c'],
    ['a', 'c'],
  ] as const
  return pairs.map(([left, right]) => {
    const [start, end] = between(regionPlaces[left], regionPlaces[right], 0)
    const line = `M${start.x.toFixed(1)} ${start.y.toFixed(1)}L${end.x.toFixed(1)} ${end.y.toFixed(1)}`
    const cut = [`${left}>${right}`, `${right}>${left}`].some((pair) => sample.cut?.some((each) => each === pair))
    if (cut) {
      const x = (start.x + end.x) / 2
      const y = (start.y + end.y) / 2
      return `<path class="link cut" d="${line}"/><path class="cross" d="M${x - 5} ${y - 5}l10 10M${x + 5} ${y - 5}l-10 10"/>`
    }
    const follower =
      sample.nodes[left]?.following === right ? left : sample.nodes[right]?.following === left ? right : null
    const source = follower === left ? right : left
    if (follower === null || sample.nodes[follower]?.streaming !== true) return `<path class="link" d="${line}"/>`
    return arrow('wal', regionPlaces[source], regionPlaces[follower])
  })
}

function roleOf({ sample, primary }: Shown, region: Region): { readonly text: string; readonly kind: string } {
  const node = sample.nodes[region]
  if (node === undefined) return { text: 'silent', kind: 'dead' }
  if (region === primary) return { text: `primary, epoch ${node.epoch ?? '?'}`, kind: 'primary' }
  if (node.state === 'standby') return { text: node.streaming ? 'standby' : 'standby, cut off', kind: '' }
  return { text: node.state === 'primary' ? 'not current' : node.state, kind: 'dead' }
}

function box({ x, y }: Place, name: string, role: string, kind: string): string {
  const textKind = kind === '' ? 'role' : `role ${kind}-text`
  return `<rect class="site ${kind}" x="${x - half.width}" y="${y - half.height}" width="${half.width * 2}" height="${half.height * 2}" rx="6"/><text x="${x}" y="${y - 4}" font-weight="600">${escapeMarkup(name)}</text><text class="${textKind}" x="${x}" y="${y + 14}">${escapeMarkup(role)}</text>`
}

function describe(scene: Shown): string {
  const roles = regions.map((region) => `${region} is ${roleOf(scene, region).text}`)
  const writes = areas.flatMap((area) => {
    const region = scene.writesTo[area]
    return region === undefined ? [] : [`${area} to ${region}`]
  })
  const cut = scene.sample.cut ?? []
  return `${scene.title}: ${roles.join(', ')}; writes went from ${writes.join(', ') || 'nowhere'}${cut.length === 0 ? '' : `; cut links: ${cut.map((each) => each.replace('>', ' to ')).join(', ')}`}`
}

function map(scene: Shown): string {
  const writes = areas.flatMap((area) => {
    const region = scene.writesTo[area]
    return region === undefined ? [] : [arrow('writes', areaPlaces[area], regionPlaces[region])]
  })
  const boxes = [
    ...regions.map((region) => {
      const { text, kind } = roleOf(scene, region)
      return box(regionPlaces[region], `region ${region}`, text, kind)
    }),
    ...areas.map((area) => box(areaPlaces[area], area, `clients near ${nearestRegion[area]}`, '')),
  ]
  return `<figure><h3>${escapeMarkup(scene.title)}</h3><svg viewBox="0 0 380 268" role="img" aria-label="${escapeMarkup(describe(scene))}">${[...regionLinks(scene), ...writes, ...boxes].join('')}</svg></figure>`
}

/** Empty if the drill has no samples. */
export function renderTopology({ journal, samples, load }: ReportInput): string {
  const scenes = scenesOf(journal, samples).map((scene, index): Shown => ({
    ...scene,
    primary: primaryOf(scene.sample),
    writesTo: load.writesTo[index] ?? {},
  }))
  if (scenes.length === 0) return ''
  const key = (shape: string, text: string): string =>
    `<li><svg viewBox="0 0 26 12" aria-hidden="true">${shape}</svg>${text}</li>`
  return `<p class="soft">${escapeMarkup(topologyWords(journal.topology))}</p>
<ul class="legend">${key('<path class="link wal" d="M1 6H25"/>', 'WAL streams')}${key('<path class="link writes" d="M1 6H25"/>', 'where the last writes were acknowledged')}${key('<path class="link cut" d="M1 6H25"/><path class="cross" d="M9 2l8 8M17 2l-8 8"/>', 'no packet passes')}</ul>
<div class="maps">${scenes.map(map).join('\n')}</div>`
}
