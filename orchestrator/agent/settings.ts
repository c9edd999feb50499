// The settings that differ by node or change while Postgres runs. Kept outside the cluster, rewritten before each start.
import { rename, writeFile } from 'node:fs/promises'
import { followerName, quorumStandbys } from '#orchestrator/core/agent/decisions.ts'
import { startupPacket } from '#orchestrator/core/agent/replication-framing.ts'
import type { Region } from '#protocol/sites.ts'
import { lastOctet, ports, regionHosts, regions, siteIndex } from '#protocol/sites.ts'
import type { CommitMode } from '#protocol/topology.ts'
import { paths } from './paths.ts'

/** From whom to take WAL, and in which epoch. */
export type Source = { epoch: number; primary: Region; applicationName: string }

/** The source of a node of `region` that follows `order.primary`. */
export function sourceOf(region: Region, order: { epoch: number; primary: Region }): Source {
  return { epoch: order.epoch, primary: order.primary, applicationName: followerName(region, order.epoch) }
}

/** `quorumEpoch`: 0 while the node is no primary. */
export type Settings = { region: Region; commit: CommitMode; quorumEpoch: number; source: Source | null }

// Readers see the old file or the new one. It needn't survive a crash: it is written anew before each start.
async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.next`, text, { mode: 0o644 })
  await rename(`${path}.next`, path)
}

/** How Postgres's programs reach the node of another region. Encryption is not tried: each attempt would cost a round trip. */
export function connection(region: Region): Readonly<Record<string, string>> {
  return {
    host: `postgres.${region}`,
    port: String(ports.postgres),
    user: 'agent',
    sslmode: 'disable',
    gssencmode: 'disable',
    connect_timeout: '2',
    tcp_user_timeout: '3000',
    keepalives_idle: '2',
    keepalives_interval: '1',
    keepalives_count: '3',
  }
}

/** How the walreceiver reaches its source: through the agent's link. Encryption is never tried on a Unix socket. */
const linkConnection = { host: paths.link, port: String(ports.postgres), user: 'agent' } as const

/** As libpq writes it for a physical walreceiver of `source` (libpqrcv_connect and build_startup_packet of Postgres 17). */
export function replicationStartup(source: Source): Uint8Array {
  return startupPacket({
    user: linkConnection.user,
    database: 'replication',
    replication: 'true',
    application_name: source.applicationName,
  })
}

const serviceName = (epoch: number): string => `epoch-${epoch}`

/**
 * The source stands in two places. `primary_conninfo` names an entry of the services file, and a walreceiver reads that file
 * only when it connects: so one that is started late, by a startup process which has not seen the reload yet, finds no source.
 */
export async function writeSettings(settings: Settings): Promise<void> {
  const { source } = settings
  const entry =
    source === null
      ? []
      : [
          `[${serviceName(source.epoch)}]`,
          ...Object.entries({ ...linkConnection, application_name: source.applicationName }).map(
            ([key, value]) => `${key}=${value}`,
          ),
        ]
  await replaceFile(paths.services, `${entry.join('\n')}\n`)
  const standbys = settings.commit === 'quorum' ? quorumStandbys(regions, settings.region, settings.quorumEpoch) : ''
  const lines = [
    `cluster_name = '${settings.region}'`,
    `synchronous_standby_names = '${standbys}'`,
    `primary_conninfo = '${source === null ? '' : `service=${serviceName(source.epoch)}`}'`,
  ]
  await replaceFile(paths.settings, `${lines.join('\n')}\n`)
}

/**
 * Who may log in. Only the Postgres hosts of the three regions may as `agent`, by address and without a password: SCRAM would add
 * two round trips over the WAN to each reattachment, on the way of every failover. Anybody else needs the app's password.
 */
export async function writeHostRules(region: Region, nets: readonly string[]): Promise<void> {
  const net = nets[siteIndex(region)]
  const peers = regions.map((each) => `${net}.${lastOctet(each, regionHosts.postgres)}/32`)
  const lines = [
    'local all all trust',
    ...peers.flatMap((address) => [`host replication agent ${address} trust`, `host firedrill agent ${address} trust`]),
    'host firedrill firedrill samenet scram-sha-256',
  ]
  await replaceFile(paths.hostRules, `${lines.join('\n')}\n`)
}
