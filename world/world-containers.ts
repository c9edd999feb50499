// What Docker has of a world, found by label alone: so a world can be seen and removed whoever started it and whatever was killed.
import type Dockerode from 'dockerode'
import { worldName } from '#protocol/names.ts'
import { areaHosts, isSite, regionHosts, regions, areas } from '#protocol/sites.ts'
import { EnvironmentError } from './environment-error.ts'
import { roleLabel } from './failover-roles.ts'
import type { ContainerFacts, ServiceName, Target } from './running-world.ts'

export const worldLabel = 'firedrill.world'
export const siteLabel = 'firedrill.site'
export const serviceLabel = 'firedrill.service'

/** Every container of a standard world, the WAN first. */
export const standardTargets: readonly Target[] = [
  { site: null, service: 'wan' },
  ...regions.flatMap((site) => Object.keys(regionHosts).map((service) => ({ site, service: service as ServiceName }))),
  ...areas.flatMap((site) => Object.keys(areaHosts).map((service) => ({ site, service: service as ServiceName }))),
]

/** `postgres.a`, or `wan`. */
export function targetName(target: Target): string {
  return target.site === null ? target.service : `${target.service}.${target.site}`
}

/** Null for a name of no container of a standard world. */
export function parseTarget(name: string): Target | null {
  return standardTargets.find((each) => targetName(each) === name) ?? null
}

export async function listContainers(docker: Dockerode, world: string): Promise<readonly ContainerFacts[]> {
  const found = await docker.listContainers({ all: true, filters: { label: [`${worldLabel}=${world}`] } })
  return found
    .filter((each) => each.Labels[serviceLabel] !== undefined)
    .map((each) => {
      const site = each.Labels[siteLabel] ?? ''
      return {
        site: isSite(site) ? site : null,
        service: each.Labels[serviceLabel] as ServiceName,
        id: each.Id,
        name: (each.Names[0] ?? each.Id).replace(/^\//, ''),
        image: each.ImageID,
        state: each.State as ContainerFacts['state'],
        failoverRole: each.Labels[roleLabel] ?? null,
        networks: Object.keys(each.NetworkSettings?.Networks ?? {}),
      }
    })
    .sort((left, right) => order(left) - order(right))
}

/** Names of the containers of a standard world that do not run. */
export function notRunning(containers: readonly ContainerFacts[]): readonly string[] {
  return standardTargets
    .map(targetName)
    .filter((name) => !containers.some((each) => targetName(each) === name && each.state === 'running'))
}

/**
 * One container of a world, in whatever state it is.
 * @throws EnvironmentError if the world is not up or has no such container
 */
export async function findContainer(docker: Dockerode, world: string, target: Target): Promise<ContainerFacts> {
  const containers = await listContainers(docker, world)
  const name = targetName(target)
  const found = containers.find((each) => targetName(each) === name)
  if (found !== undefined) return found
  const bring = `./firedrill up --world ${world}`
  if (containers.length > 0)
    throw new EnvironmentError(
      `world ${world} has no container ${name}, only ${containers.length} of ${standardTargets.length}; make it anew: ${bring}`,
    )
  const others = await listWorlds(docker)
  const hint = others.length === 0 ? '' : ` (there are: ${others.join(', ')})`
  throw new EnvironmentError(`world ${world} is not up${hint}; bring it up: ${bring}`)
}

function order(target: Target): number {
  return standardTargets.findIndex((each) => each.site === target.site && each.service === target.service)
}

/** Names of all worlds that Docker has anything of. A label that is no world's name is not ours: it could be the path of anything. */
export async function listWorlds(docker: Dockerode): Promise<readonly string[]> {
  const filters = { label: [worldLabel] }
  const [containers, networks, volumes] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listNetworks({ filters }),
    docker.listVolumes({ filters: { label: [worldLabel] } }),
  ])
  const labelled: readonly { readonly Labels?: Readonly<Record<string, string>> | null | undefined }[] = [
    ...containers,
    ...networks,
    ...(volumes.Volumes ?? []),
  ]
  const names = labelled.map((each) => each.Labels?.[worldLabel]).filter((name) => name !== undefined)
  const ours = names.filter((name) => worldName.safeParse(name).success)
  return [...new Set(ours)].sort()
}
