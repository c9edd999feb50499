// Which region a name stands for, decided from health alone. Pure: the DNS server and its tests run the same code.
import { isArea, nearestRegion, regions, type Region, type Site } from '#protocol/sites.ts'

/** `stale`: the region answers, and says itself that it may be cut off. */
export type ReadHealth = 'fresh' | 'stale' | 'none'

/** What the checks of one region last said. `writesSince` is when it became ready for writes (monotonic ms), null if it is not. */
export interface RegionHealth {
  readonly writesSince: number | null
  readonly reads: ReadHealth
}
export type Health = Readonly<Record<Region, RegionHealth>>

/** Regions as seen from a site: the nearest first, then by index. */
export function regionsByDistance(site: Site): readonly Region[] {
  const nearest = isArea(site) ? nearestRegion[site] : site
  return [nearest, ...regions.filter((region) => region !== nearest)]
}

/**
 * The region for writes. Of several that call themselves ready (an old primary that was cut off does so a little longer) it is
 * the published one, else the one that became ready last. If none is ready it is the last known one (panic rule).
 */
export function chooseWriteRegion(last: Region, health: Health, published: Region | null): Region {
  if (published !== null && health[published].writesSince !== null) return published
  let chosen = last
  let chosenSince = health[last].writesSince ?? Number.NEGATIVE_INFINITY
  for (const region of regions) {
    const since = health[region].writesSince
    if (since === null || since <= chosenSince) continue
    chosen = region
    chosenSince = since
  }
  return chosen
}

/** Regions to read from: those that are fresh, else those that may be stale, else the last ones (panic rule). */
export function readableRegions(last: ReadonlySet<Region>, health: Health): ReadonlySet<Region> {
  for (const state of ['fresh', 'stale'] as const) {
    const found = regions.filter((region) => health[region].reads === state)
    if (found.length > 0) return new Set(found)
  }
  return last
}

/** The nearest of `readable` as seen from `site`. */
export function chooseReadRegion(site: Site, readable: ReadonlySet<Region>): Region {
  const order = regionsByDistance(site)
  return order.find((region) => readable.has(region)) ?? order[0]!
}
