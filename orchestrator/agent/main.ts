// The Postgres agent of one region: runs Postgres, obeys controllers' orders, tells of itself.
import { randomUUID } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { effectiveHistory } from '#orchestrator/core/agent/history.ts'
import { followerRegion } from '#orchestrator/core/agent/decisions.ts'
import type { AgentStatus } from '#protocol/agent.ts'
import { isRegion, ports, type Region, regions } from '#protocol/sites.ts'
import { loadConfig, loadSecrets } from '#runtime/config.ts'
import { createLog } from '#runtime/log.ts'
import { Beats } from './beats.ts'
import { Events } from './events.ts'
import { createAgentMetrics } from './metrics.ts'
import { widenFirstWindow } from './network.ts'
import { Node } from './node.ts'
import { paths } from './paths.ts'
import { Peers } from './peers.ts'
import { postgresAccount } from './postgres-server.ts'
import { Probe } from './probe.ts'
import { killPostgres } from './processes.ts'
import { ReplicationLink } from './replication-link.ts'
import { Room } from './room.ts'
import { createRoutes } from './routes.ts'
import { writeHostRules } from './settings.ts'
import { prepareVolume } from './volume.ts'

const incarnation = randomUUID()

function readSystemIdentifier(): string {
  const output = execFileSync(`${paths.programs}/pg_controldata`, [paths.data], {
    encoding: 'utf8',
    env: { LC_ALL: 'C' },
  })
  return /Database system identifier:\s+(\d+)/.exec(output)?.[1] ?? ''
}

function describe(region: Region, node: Node, room: Room, systemIdentifier: string): AgentStatus {
  const { kept, duty, sample, state, epochCommitted } = node.view()
  const { position } = node
  const streaming = duty.kind === 'follower' && sample?.streaming === true
  const followers =
    duty.kind !== 'primary'
      ? []
      : (sample?.followers ?? []).flatMap(({ name, flushLsn }) => {
          const follower = followerRegion(regions, name, duty.epoch)
          return follower === null ? [] : [{ region: follower, flushLsn }]
        })
  return {
    region,
    incarnation,
    state,
    promised: kept.promised,
    whole: kept.half === null,
    position,
    history: position === null ? kept.history : effectiveHistory(kept.history, position.lsn),
    following: streaming ? duty.primary : null,
    streaming,
    epochCommitted,
    followers,
    responsive: sample !== null && !room.isShort,
    systemIdentifier,
  }
}

async function main(): Promise<void> {
  const config = loadConfig()
  const log = createLog('agent', config.logLevel, { site: config.site })
  const region = config.site
  if (!isRegion(region)) throw new Error(`FIREDRILL_SITE: expected a region, saw ${region}`)
  const secrets = await loadSecrets(config)
  // Whatever an earlier agent has left behind, a promotion under way included, ends here.
  await killPostgres(10_000)
  const kept = await prepareVolume(postgresAccount(), log)
  await writeHostRules(region, config.nets)
  await widenFirstWindow(log)
  const systemIdentifier = kept.half === null ? readSystemIdentifier() : ''
  const events = new Events(region, log)
  const link = await ReplicationLink.listen(paths.link, postgresAccount(), events)
  let beats: Beats | null = null
  const peers = new Peers(region, secrets.control, log)
  const node = new Node({
    region,
    commit: config.commit,
    appPassword: secrets.postgres,
    wallClock: config.clock,
    timelineLookMs: config.timelineLookMs,
    kept,
    log,
    events,
    link,
    changed: () => beats?.now(),
    tell: (notice) => peers.tell(notice),
  })
  const room = new Room(paths.volume, (isShort) => {
    const { promised } = node.view().kept
    if (isShort) events.add('agent-disk-full', promised, 'no room for another segment of WAL: Postgres can not go on')
    else events.add('agent-disk-room', promised, 'the disk has room again')
    beats?.now()
  })
  const status = (): AgentStatus => describe(region, node, room, systemIdentifier)
  beats = new Beats(secrets.control, status, log)
  const probe = new Probe(node.server, (sample, beganMs) => node.observe(sample, beganMs))
  const metrics = createAgentMetrics(status)
  const server = createRoutes({ token: secrets.control, node, events, status, metrics, log })

  const end = async (): Promise<void> => {
    await server.close()
    probe.stop()
    room.stop()
    beats?.stop()
    peers.stop()
    await node.shutDown()
    link.close()
    process.exit(0)
  }
  process.once('SIGTERM', () => void end())
  process.once('SIGINT', () => void end())

  await node.boot()
  await server.listen({ host: '0.0.0.0', port: ports.control })
  await beats.start()
  peers.start()
  probe.start()
  room.start()
  log.info({ kept }, 'the agent waits for orders')
}

await main().catch((error: Error) => {
  createLog('agent').fatal({ err: error }, error.message)
  process.exit(1)
})
