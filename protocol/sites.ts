// Sites, hosts, ports, addresses and distances of a world: the one place that knows the address plan.
// A world is a /21; each site is a /24 of it; host h of site j is seen from site k as last octet 32*j+h in k's /24.

export const regions = ['a', 'b', 'c'] as const
export const areas = ['na', 'eu', 'ap'] as const
export const sites = [...regions, ...areas] as const
export type Region = (typeof regions)[number]
export type Area = (typeof areas)[number]
export type Site = (typeof sites)[number]

/** The region nearest to each client area. */
export const nearestRegion: Readonly<Record<Area, Region>> = { na: 'a', eu: 'b', ap: 'c' }

/** One way, as the WAN has them. */
const betweenRegionsMs = 40
const areaToNearMs = 10
const areaToOtherMs = 50

/** One-way delay of a link that nobody has changed, ms. */
export function baseDelayMs(from: Site, to: Site): number {
  if (isRegion(from) && isRegion(to)) return betweenRegionsMs
  const near = (isArea(from) && nearestRegion[from] === to) || (isArea(to) && nearestRegion[to] === from)
  return near ? areaToNearMs : areaToOtherMs
}

/** Host numbers inside a region. */
export const regionHosts = {
  app: 1,
  postgres: 2,
  redis: 3,
  kafka: 4,
  etcd: 5,
  controller: 6,
  bridge: 7,
  dns: 8,
} as const
/** Host numbers inside a client area. */
export const areaHosts = { client: 1, resolver: 2, glb: 3 } as const
/** Host numbers that exist in every site: Docker's own bridge (the network's gateway), and the WAN. */
export const siteHosts = { gateway: 29, wan: 30 } as const

export type RegionHost = keyof typeof regionHosts
export type AreaHost = keyof typeof areaHosts

/** TCP and UDP ports, the same in every site. */
export const ports = {
  app: 8080,
  glb: 8080,
  postgres: 5432,
  redis: 6379,
  kafka: 9092,
  etcd: 2379,
  etcdPeer: 2380,
  dns: 53,
  /** The control listener of every Node service (bearer token `control`), the WAN's fence device included (token `fence`). */
  control: 9000,
  /** UDP: heartbeats from controllers and agents to controllers. */
  beat: 9001,
  /** The way in, on the WAN's out-of-band network only. */
  wayIn: 7000,
} as const

/** Classes of hosts to which a link setting can be limited. */
export const linkClasses = ['control', 'postgres', 'kafka', 'app', 'dns'] as const
export type LinkClass = (typeof linkClasses)[number]

export function isRegion(name: string): name is Region {
  return (regions as readonly string[]).includes(name)
}

export function isArea(name: string): name is Area {
  return (areas as readonly string[]).includes(name)
}

export function isSite(name: string): name is Site {
  return isRegion(name) || isArea(name)
}

/** Index of a site in the world's /21: 0 to 7. */
export function siteIndex(site: Site): number {
  return sites.indexOf(site)
}

/**
 * Last octet of host `host` of `site`, the same as seen from every site.
 * Errors: RangeError if the host number is outside 1..30.
 */
export function lastOctet(site: Site, host: number): number {
  if (!Number.isInteger(host) || host < 1 || host > 30)
    throw new RangeError(`expected a host number 1..30, saw ${host}`)
  return 32 * siteIndex(site) + host
}

/** The class of one end of a packet. The WAN itself and unknown hosts count as `app`. */
export function hostClass(site: Site, host: number): LinkClass {
  if (isArea(site)) return host === areaHosts.resolver ? 'dns' : 'app'
  switch (host) {
    case regionHosts.controller:
    case regionHosts.etcd:
      return 'control'
    case regionHosts.postgres:
      return 'postgres'
    case regionHosts.kafka:
    case regionHosts.bridge:
    case regionHosts.redis:
      return 'kafka'
    case regionHosts.dns:
      return 'dns'
    default:
      return 'app'
  }
}

/** The class of a packet between two hosts: the first class of `linkClasses`' order (dns before app) that either end has. */
export function packetClass(from: LinkClass, to: LinkClass): LinkClass {
  const precedence: readonly LinkClass[] = ['control', 'postgres', 'kafka', 'dns', 'app']
  return precedence.find((each) => each === from || each === to) ?? 'app'
}
