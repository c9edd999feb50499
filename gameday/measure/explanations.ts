// Which faults can move the primary role, and so explain an epoch: those that take the primary's region, or two regions' worth.
import type { FaultRecord } from '#protocol/journal.ts'
import { isRegion, regions, type Region, type Site } from '#protocol/sites.ts'
import { cutOf, eachLink, linksOf, regionOf, servicesOf, unlessUnread } from '#chaos/targets.ts'

/** What a region needs to be, or to choose, a primary. */
const roleParts: ReadonlySet<string> = new Set(['postgres', 'app', 'controller', 'etcd'])

/**
 * What a controller knows of a region is old: a probe that was under way, its heartbeat, the link, and up to two turns of 0.4 s that a
 * later candidate waits before it acts (orchestrator/core/settings.ts).
 */
const knownLateMs = 1500

/** Kinds after which a region may still be seen to be unfit for a while: its controller or etcd member has restarted. */
const restartAftermathMs = 10_000

function regionsOfSites(sites: readonly Site[]): readonly Region[] {
  return sites.filter(isRegion)
}

/** A link counts for the region that it begins or ends in; between two regions for both. */
function regionsOfLinks(links: readonly { readonly from: Site; readonly to: Site }[]): readonly Region[] {
  return links.flatMap(({ from, to }) => regionsOfSites([from, to]))
}

function regionsOfServices(target: string): readonly Region[] {
  return servicesOf(target).flatMap(({ site, service }) =>
    roleParts.has(service) && site !== null && isRegion(site) ? [site] : [],
  )
}

/** Regions that a fault makes unfit to be primary, or to be heard. @throws RangeError for a target that is not understood */
export function regionsHit({ kind, target }: Pick<FaultRecord, 'kind' | 'target'>): readonly Region[] {
  switch (kind) {
    case 'power-loss':
    case 'freeze':
    case 'postgres-crash':
      return [regionOf(target)]
    case 'partition':
      return regionsOfLinks(eachLink(cutOf(target, 'cut').cut))
    case 'link-degrade':
      return regionsOfLinks(eachLink(linksOf(target)))
    case 'pause':
    case 'process-kill':
    case 'process-crash':
    case 'cpu-starvation':
    case 'memory-limit':
    case 'disk-full':
    case 'etcd-loss':
      return regionsOfServices(target)
    case 'docker-kill':
    case 'docker-pause':
    case 'docker-signal':
    case 'docker-update':
    case 'docker-disconnect':
      // Nothing reaches anything without the WAN.
      return target.split(', ').includes('wan') ? regions : regionsOfServices(target)
    default:
      return []
  }
}

export interface Explaining {
  readonly fault: FaultRecord
  readonly fromMs: number
  readonly toMs: number
}

/** How much longer than itself a fault explains epochs. */
export function aftermathMs({ kind, target }: FaultRecord): number {
  return kind !== 'postgres-crash' && /(controller|etcd)\./.test(target) ? restartAftermathMs : knownLateMs
}

/** Whether the faults in force at a time can have moved the role away from its region. */
export function canMoveRole(faults: readonly Explaining[], atMs: number, primary: string | null): boolean {
  const hit = new Set(
    faults
      .filter(({ fromMs, toMs }) => atMs >= fromMs && atMs <= toMs)
      .flatMap(({ fault }) =>
        // Targets of versions to come are not understood: what they hit can't explain anything.
        unlessUnread(() => regionsHit(fault), []),
      ),
  )
  if (primary === null || !regions.some((region) => region === primary)) return hit.size > 0
  return [...hit].includes(primary as Region) || hit.size >= 2
}
