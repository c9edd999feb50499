// From the words of a runbook to regions, containers and links.
import {
  areaHosts,
  isArea,
  isRegion,
  isSite,
  regionHosts,
  regions,
  sites,
  areas,
  type Region,
  type Site,
} from '#protocol/sites.ts'
import type { ServiceName, Target } from '#world/running-world.ts'

/** @throws RangeError if the text is not `region X` */
export function regionOf(target: string): Region {
  const name = target.replace(/^region /, '')
  if (!isRegion(name))
    throw new RangeError(`expected "region a", "region b" or "region c", saw ${JSON.stringify(target)}`)
  return name
}

/** What a target says, or `otherwise` where it can't be read: that is told where it stands. */
export function unlessUnread<Value>(read: () => Value, otherwise: Value): Value {
  try {
    return read()
  } catch (error) {
    if (error instanceof RangeError) return otherwise
    throw error
  }
}

/** All containers of a region. */
export function containersOf(region: Region): readonly Target[] {
  return Object.keys(regionHosts).map((service) => ({ site: region, service: service as ServiceName }))
}

/** `controller.*, etcd.a` to containers. @throws RangeError for a service that its site does not have */
export function servicesOf(target: string): readonly Target[] {
  return target.split(/, ?/).flatMap((each): readonly Target[] => {
    const [service = '', site = ''] = each.split('.')
    const inRegion = service in regionHosts
    const inArea = service in areaHosts
    if (site === '*') return (inRegion ? regions : areas).map((one) => ({ site: one, service: service as ServiceName }))
    if (!((inRegion && isRegion(site)) || (inArea && isArea(site))))
      throw new RangeError(`expected a service of a site such as "controller.a", saw ${JSON.stringify(each)}`)
    return [{ site, service: service as ServiceName }]
  })
}

/** Directed links from each of `from` to each other site of `to`, as a link change states them. */
export interface LinkSet {
  readonly from: Site[]
  readonly to: Site[]
}

/** One directed link. */
export interface Link {
  readonly from: Site
  readonly to: Site
}

/** Each directed link of the sets once. */
export function eachLink(sets: readonly LinkSet[]): readonly Link[] {
  const all = sets.flatMap((set) => set.from.flatMap((from) => set.to.map((to) => ({ from, to }))))
  return all.filter(
    ({ from, to }, index) => from !== to && all.findIndex((other) => other.from === from && other.to === to) === index,
  )
}

/** Text form, as in runbooks: `a -> b`. */
export function linkName({ from, to }: Link): string {
  return `${from} -> ${to}`
}

/** Directed links of `a -> b,c`, `a <-> b` (both directions) or `all`. */
export function linksOf(target: string): readonly LinkSet[] {
  if (target === 'all') return [{ from: [...sites], to: [...sites] }]
  const match = /^([a-z,]+) (->|<->) ([a-z,]+)$/.exec(target)
  const from = match?.[1]?.split(',').filter(isSite) ?? []
  const to = match?.[3]?.split(',').filter(isSite) ?? []
  if (match === null || from.length === 0 || to.length === 0)
    throw new RangeError(`expected "all", "a -> b,c" or "a <-> b", saw ${JSON.stringify(target)}`)
  return match[2] === '->'
    ? [{ from, to }]
    : [
        { from, to },
        { from: to, to: from },
      ]
}

/** What the target of a partition cuts, and which links of the same sites it leaves alone. */
export interface CutTarget {
  readonly cut: readonly LinkSet[]
  readonly spared: readonly LinkSet[]
}

function bothWays(from: Site[], to: Site[]): LinkSet[] {
  return [
    { from, to },
    { from: to, to: from },
  ]
}

/**
 * `region a`: all its links, or those to other regions if clients stay. `a -> b,c`: one way. `a,na|b,c`: all links between sites of
 * different groups; a site that is in no group keeps all its links. `bridge b`: the regions other than b don't reach each other;
 * each reaches b, and areas reach all.
 * @throws RangeError if it is none of these
 */
export function cutOf(target: string, clients: 'cut' | 'stay'): CutTarget {
  const [form, name = ''] = target.split(' ')
  if (form === 'region') {
    const region = regionOf(target)
    const cut = bothWays([region], othersThan(region, clients === 'cut'))
    return { cut, spared: clients === 'cut' ? [] : bothWays([region], [...areas]) }
  }
  if (form === 'bridge' && isRegion(name)) {
    const others = othersThan(name, false)
    return { cut: [{ from: others, to: others }], spared: bothWays([name], others) }
  }
  if (target.includes('->')) {
    const cut = linksOf(target)
    return { cut, spared: cut.map(({ from, to }) => ({ from: to, to: from })) }
  }
  const groups = target.split('|').map((group) => group.split(',').filter(isSite))
  if (groups.length < 2 || groups.some((group) => group.length === 0))
    throw new RangeError(`expected "region a", "a -> b,c", "a,na|b,c" or "bridge b", saw ${JSON.stringify(target)}`)
  return {
    cut: groups.map((group) => ({ from: group, to: groups.filter((other) => other !== group).flat() })),
    spared: groups.map((group) => ({ from: group, to: group })),
  }
}

/** Text form, as in container names: `controller.a`, `wan`. */
export function nameOf(target: Target): string {
  return target.site === null ? target.service : `${target.service}.${target.site}`
}

/** Everything but one region: the other regions, and the areas if `withAreas`. */
export function othersThan(region: Region, withAreas: boolean): Site[] {
  return (withAreas ? sites : regions).filter((site) => site !== region)
}
