// A topology as the variables of docker-compose.yml, and back from what a running container was given.
import { regions, sites } from '#protocol/sites.ts'
import { topology as topologyShape, type Topology } from '#protocol/topology.ts'
import { loadConfig } from '#runtime/config.ts'
import { designedRole } from './failover-roles.ts'

function topologyVariables(topology: Topology): Readonly<Record<string, string>> {
  return {
    FIREDRILL_HOME: topology.home,
    FIREDRILL_COMMIT: topology.commit,
    FIREDRILL_PATTERN: topology.pattern,
    FIREDRILL_STEERING: topology.steering,
    FIREDRILL_MAX_LOSS_MS: String(topology['max-loss']),
    FIREDRILL_ACCEPT_DATA_LOSS: String(topology['accept-data-loss']),
    FIREDRILL_FENCE_PATH: topology['fence-path'],
    FIREDRILL_DNS_TTL_S: String(topology['dns-ttl'] / 1000),
    FIREDRILL_DISK_BYTES: String(topology.disk ?? 0),
    ...Object.fromEntries(
      regions.map((each) => [`FIREDRILL_ROLE_${each.toUpperCase()}`, designedRole(each, topology.home)]),
    ),
  }
}

/** All variables of docker-compose.yml for one world. `prefixes` in the order of `sites`. */
export function worldVariables(options: {
  readonly world: string
  readonly topology: Topology
  readonly prefixes: readonly string[]
  readonly tag: string
  readonly port: number | null
}): Readonly<Record<string, string>> {
  return {
    FIREDRILL_WORLD: options.world,
    FIREDRILL_TAG: options.tag,
    FIREDRILL_PORT: options.port === null ? '' : String(options.port),
    ...Object.fromEntries(
      sites.map((site, index) => [`FIREDRILL_NET_${site.toUpperCase()}`, options.prefixes[index] ?? '']),
    ),
    ...topologyVariables(options.topology),
  }
}

/** @param variables a container's environment, `NAME=value` each */
export function topologyOf(variables: readonly string[]): Topology {
  const source = Object.fromEntries(
    variables.map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]),
  )
  const config = loadConfig({ FIREDRILL_SITE: 'a', ...source })
  return topologyShape.parse({
    pattern: config.pattern,
    steering: config.steering,
    commit: config.commit,
    home: config.home,
    'max-loss': `${config.maxLossMs}ms`,
    'accept-data-loss': config.acceptDataLoss,
    'fence-path': config.fencePath,
    'dns-ttl': `${config.dnsTtlS}s`,
    disk: config.diskBytes === null ? null : `${config.diskBytes / 1024}KiB`,
  })
}
