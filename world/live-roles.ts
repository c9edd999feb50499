// Label `failover_role` of everything that Docker has of a running world, against what each part really is.
import type Dockerode from 'dockerode'
import { judgeHeldRole, judgeRole, latestAgents, roleLabel, type Resource, type RoleFinding } from './failover-roles.ts'
import { statusOf } from './status.ts'
import { serviceLabel, siteLabel, worldLabel } from './world-containers.ts'

/** An agent beats ten times a second; what is older says nothing of now. */
const agentsWithinMs = 2000

export interface LiveFinding extends RoleFinding {
  /** `container default_postgres-b_1` */
  readonly where: string
  readonly resource: Resource
}

export interface LiveRoles {
  readonly resources: number
  readonly findings: readonly LiveFinding[]
  /** Why the roles that Postgres really has could not be asked; null if they were. */
  readonly unseen: string | null
}

interface Found extends Resource {
  readonly dockerName: string
}

/** @throws EnvironmentError if there is no such world, or it has no WAN container */
export async function judgeRunningWorld(docker: Dockerode, world: string): Promise<LiveRoles> {
  const [status, resources] = await Promise.all([statusOf(docker, world), resourcesOf(docker, world)])
  const statuses = status.controllers.flatMap((each) => each.status ?? [])
  const records = statuses.flatMap((each) => each.epoch ?? []).toSorted((left, right) => right.epoch - left.epoch)
  const { home } = status.topology
  const view = { world, home, record: records[0] ?? null, agents: latestAgents(statuses, agentsWithinMs) }
  const findings = resources.flatMap((each) =>
    [judgeRole(each, home), judgeHeldRole(each, view)].flatMap((finding) =>
      finding === null
        ? []
        : {
            ...finding,
            where: `${each.kind === 'service' ? 'container' : each.kind} ${each.dockerName}`,
            resource: each,
          },
    ),
  )
  const unseen = records.length > 0 ? null : (status.wanReason ?? status.controllers[0]?.reason ?? 'no epoch is known')
  return { resources: resources.length, findings, unseen }
}

async function resourcesOf(docker: Dockerode, world: string): Promise<readonly Found[]> {
  const label = [`${worldLabel}=${world}`]
  const [containers, networks, volumes] = await Promise.all([
    docker.listContainers({ all: true, filters: { label } }),
    docker.listNetworks({ filters: { label } }),
    docker.listVolumes({ filters: { label } }),
  ])
  const nameOf = (names: readonly string[], id: string): string => (names[0] ?? id).replace(/^\//, '')
  return [
    ...containers.map((each) => found('service', nameOf(each.Names, each.Id), each.Labels)),
    ...networks.map((each) => found('network', each.Name, each.Labels)),
    ...(volumes.Volumes ?? []).map((each) => found('volume', each.Name, each.Labels)),
  ].toSorted((left, right) => left.dockerName.localeCompare(right.dockerName))
}

/** Compose says on each thing it makes how the file names it. */
function found(
  kind: Resource['kind'],
  dockerName: string,
  labels: Readonly<Record<string, string>> | null | undefined,
): Found {
  return {
    kind,
    dockerName,
    name: labels?.[`com.docker.compose.${kind}`] ?? dockerName,
    service: labels?.[serviceLabel] ?? null,
    site: labels?.[siteLabel] ?? null,
    role: labels?.[roleLabel] ?? null,
  }
}
