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

/** Directed links of `a -> b,c`, `a <-> b` (both directions) or `all`, each as lists for a link change. */
export function linksOf(target: string): readonly { readonly from: Site[]; readonly to: Site[] }[] {
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

/** Text form, as in container names: `controller.a`, `wan`. */
export function nameOf(target: Target): string {
  return target.site === null ? target.service : `${target.service}.${target.site}`
}

/** Everything but one region: the other regions, and the areas if `withAreas`. */
export function othersThan(region: Region, withAreas: boolean): Site[] {
  return (withAreas ? sites : regions).filter((site) => site !== region)
}
