// A world's status as one screen of text.
import { areas, regions, type Site } from '#protocol/sites.ts'
import { faultRow, textColumns } from './fault-screen.ts'
import type { ContainerFacts } from '#world/running-world.ts'
import type { WorldStatus } from '#world/status.ts'

export function statusScreen(status: WorldStatus): string {
  const { topology } = status
  const running = status.containers.filter((each) => each.state === 'running').length
  const lines = [
    `world ${status.world}: ${topology.pattern}, commit ${topology.commit}, home ${topology.home}, steering ${topology.steering}; ${running} of ${status.containers.length} containers run`,
    '',
    ...regions.flatMap((region) => regionLines(status, region)),
    ...areas.map((area) => `area ${area}     ${containersLine(status.containers, area)}`),
    `WAN         ${containersLine(status.containers, null)}`,
    '',
    ...faultLines(status),
  ]
  return lines.join('\n')
}

function regionLines(status: WorldStatus, region: Site): string[] {
  const controller = status.controllers.find((each) => each.region === region)
  const role = status.containers.find((each) => each.site === region && each.service === 'postgres')?.failoverRole
  return [
    `region ${region} (designed ${role ?? 'unknown'})`,
    `  containers  ${containersLine(status.containers, region)}`,
    `  controller  ${controllerLine(controller)}`,
    `  postgres    ${postgresLine(status, region)}`,
    '',
  ]
}

function containersLine(containers: readonly ContainerFacts[], site: Site | null): string {
  const own = containers.filter((each) => each.site === site)
  if (own.length === 0) return 'none'
  return own
    .map((each) => (each.state === 'running' ? each.service : `${each.service} (${each.state.toUpperCase()})`))
    .join(' ')
}

function controllerLine(controller: WorldStatus['controllers'][number] | undefined): string {
  const status = controller?.status ?? null
  if (status === null) return `does not answer: ${controller?.reason ?? 'unknown'}`
  const epoch =
    status.epoch === null
      ? 'no epoch'
      : `epoch ${status.epoch.epoch} ${status.epoch.state}, primary ${status.epoch.primary ?? 'none'}${status.holdsEpoch ? ', held here' : ''}`
  const etcd = status.etcd.reachable ? `etcd leader ${status.etcd.leader ?? 'none'}` : 'etcd out of reach'
  const suspects = status.suspects.map(({ region, why }) => `suspects ${region}: ${why}`)
  return [epoch, etcd, ...(status.busy === null ? [] : [`busy with ${status.busy}`]), ...suspects].join('; ')
}

/** As the controller that heard the agent last tells it. */
function postgresLine(status: WorldStatus, region: Site): string {
  const heard = status.controllers
    .flatMap((each) => each.status?.agents ?? [])
    .filter((agent) => agent.region === region && agent.status !== null && agent.heardMsAgo !== null)
    .sort((left, right) => (left.heardMsAgo ?? 0) - (right.heardMsAgo ?? 0))[0]
  const agent = heard?.status ?? null
  if (agent === null) return 'no agent was heard'
  const at = agent.position === null ? 'position unknown' : `at ${agent.position.lsn} of epoch ${agent.position.epoch}`
  const followers = agent.followers.map((follower) => follower.region).join(', ')
  const stream =
    agent.state === 'primary'
      ? `followed by ${followers === '' ? 'nobody' : followers}`
      : agent.following === null
        ? 'follows nobody'
        : `follows ${agent.following}`
  const late =
    (heard?.heardMsAgo ?? 0) > 1000 ? `; last heard ${Math.round((heard?.heardMsAgo ?? 0) / 1000)} s ago` : ''
  return `${agent.state}, promised ${agent.promised}, ${at}, ${stream}${agent.whole ? '' : ', half made'}${late}`
}

function faultLines(status: WorldStatus): string[] {
  if (status.faults === null) return [`faults unknown: ${status.wanReason}`]
  if (status.faults.length === 0) return ['no fault in the ledger']
  return [
    'faults in the ledger (mend them: ./firedrill heal; more of them: ./firedrill chaos status):',
    ...textColumns(status.faults.map((fault) => faultRow(fault, status.nowNs))).map((line) => `  ${line}`),
  ]
}
