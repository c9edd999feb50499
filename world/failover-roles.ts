// Label `failover_role`: the designed role of each container, network and volume of a world, and what contradicts it. Pure.
// docs/failover-roles.md says what the values mean.
import type { AgentStatus } from '#protocol/agent.ts'
import type { EpochRecord } from '#protocol/epoch.ts'
import { type Region, isArea, isRegion, isSite, regions } from '#protocol/sites.ts'

export const failoverRoles = ['primary', 'standby', 'arbiter', 'quorum-member', 'steering', 'client', 'wan'] as const
export type FailoverRole = (typeof failoverRoles)[number]

export const roleLabel = 'failover_role'

export interface Resource {
  readonly kind: 'service' | 'network' | 'volume'
  /** As docker-compose.yml names it: `postgres-a`, `site-a`, `secrets`. */
  readonly name: string
  /** Labels `firedrill.service` and `firedrill.site`. */
  readonly service: string | null
  readonly site: string | null
  /** Label `failover_role`. */
  readonly role: string | null
}

/** `missing`, `unknown`, `contradicting` are faults; `moved` is only told: an epoch has moved the role, the label states the design. */
export interface RoleFinding {
  readonly verdict: 'missing' | 'unknown' | 'contradicting' | 'moved'
  readonly expected: string
  readonly seen: string
  readonly remedy: string
}

/** What the services of a region are whose role is not the region's. */
const ownRoles: Readonly<Record<string, FailoverRole>> = {
  controller: 'arbiter',
  etcd: 'quorum-member',
  dns: 'steering',
  resolver: 'steering',
  glb: 'steering',
  client: 'client',
  wan: 'wan',
  // The WAN makes the secrets, and is alone on the out-of-band network.
  secrets: 'wan',
  oob: 'wan',
}
/** Services whose role is that of their region for the data set. */
const regionalServices: readonly string[] = ['app', 'postgres', 'redis', 'kafka', 'bridge']

/** The designed role of a region. */
export function designedRole(site: string, home: Region): 'primary' | 'standby' {
  return site === home ? 'primary' : 'standby'
}

/** Which service and site a resource belongs to: by its labels, else by its name. */
function identityOf(resource: Resource): { readonly service: string; readonly site: string } {
  const { kind, name } = resource
  if (kind === 'network' && name !== 'oob')
    return { service: 'site', site: resource.site ?? name.replace(/^site-/, '') }
  const dash = name.lastIndexOf('-')
  const named = dash > 0 && isSite(name.slice(dash + 1))
  return {
    service: resource.service ?? (named ? name.slice(0, dash) : name),
    site: resource.site ?? (named ? name.slice(dash + 1) : ''),
  }
}

/** The role that a resource of a standard world is designed for, and why; null for what is no part of one. */
export function expectedRole(resource: Resource, home: Region): { role: FailoverRole; why: string } | null {
  const { service, site } = identityOf(resource)
  const isSiteNetwork = service === 'site'
  if (isSiteNetwork && isArea(site)) return { role: 'client', why: `network of client area ${site}` }
  if (isRegion(site) && (isSiteNetwork || regionalServices.includes(service))) {
    const role = designedRole(site, home)
    const what = isSiteNetwork ? 'network' : service
    return { role, why: `${what} of region ${site}, ${site === home ? 'which is home' : `home is ${home}`}` }
  }
  const own = ownRoles[service]
  return own === undefined ? null : { role: own, why: `part of ${service}` }
}

function isFailoverRole(value: string): value is FailoverRole {
  return (failoverRoles as readonly string[]).includes(value)
}

/** What is wrong with one label; null if nothing is. */
export function judgeRole(resource: Resource, home: Region): RoleFinding | null {
  const expected = expectedRole(resource, home)
  const wanted = expected === null ? `one of ${failoverRoles.join(', ')}` : `${expected.role} (${expected.why})`
  const remedy = `set label ${roleLabel}${expected === null ? '' : `: ${expected.role}`}`
  if (resource.role === null || resource.role === '')
    return { verdict: 'missing', expected: wanted, seen: 'none', remedy }
  const seen = JSON.stringify(resource.role)
  if (!isFailoverRole(resource.role)) return { verdict: 'unknown', expected: wanted, seen, remedy }
  if (expected === null || expected.role === resource.role) return null
  return { verdict: 'contradicting', expected: wanted, seen, remedy }
}

/** What is known of the data set of a running world. */
export interface DataSetView {
  readonly world: string
  readonly home: Region
  /** The highest epoch record that any controller knows; null: none could be asked. */
  readonly record: EpochRecord | null
  /** What the agent of each region said last; absent if it has not been heard lately. */
  readonly agents: Readonly<Partial<Record<Region, Pick<AgentStatus, 'state'>>>>
}

/**
 * The labels of the Postgres containers against what their agents say. While an epoch is claimed the role is under way, and
 * nothing can be said.
 */
export function judgeHeldRole(resource: Resource, view: DataSetView): RoleFinding | null {
  const { world, record, agents, home } = view
  const { site, role } = resource
  if (resource.service !== 'postgres' || site === null || !isRegion(site)) return null
  if (record === null || record.state !== 'active' || record.primary === null) return null
  const holds = record.primary === site ? 'primary' : 'standby'
  const state = agents[site]?.state
  if ((state === 'primary' || state === 'standby') && state !== holds)
    return {
      verdict: 'contradicting',
      expected: `${holds} (epoch ${record.epoch} names region ${record.primary})`,
      seen: `its agent says ${state}`,
      remedy: `look again in a few seconds; if it stays, see: ./firedrill status --world ${world}`,
    }
  if (record.primary === home || role !== designedRole(site, home) || role === holds) return null
  return {
    verdict: 'moved',
    expected: `${role} by design (home is ${home})`,
    seen: `${holds} since epoch ${record.epoch}`,
    remedy: `move it home: ./firedrill failback --world ${world}`,
  }
}

/** The agents of all regions, each as the controller that heard it last tells it, none that is older than `withinMs`. */
export function latestAgents(
  statuses: readonly {
    readonly agents: readonly {
      readonly region: Region
      readonly heardMsAgo: number | null
      readonly status: AgentStatus | null
    }[]
  }[],
  withinMs: number,
): Readonly<Partial<Record<Region, AgentStatus>>> {
  const found: Partial<Record<Region, AgentStatus>> = {}
  for (const region of regions) {
    const heard = statuses
      .flatMap((status) => status.agents)
      .flatMap(({ region: of, heardMsAgo, status }) =>
        of === region && heardMsAgo !== null && heardMsAgo <= withinMs && status !== null
          ? [{ heardMsAgo, status }]
          : [],
      )
      .toSorted((left, right) => left.heardMsAgo - right.heardMsAgo)[0]
    if (heard !== undefined) found[region] = heard.status
  }
  return found
}
