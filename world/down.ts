// Takes a world down: everything that carries its label, whoever started it and however much of it is left.
import { rm } from 'node:fs/promises'
import type Dockerode from 'dockerode'
import { worldFolder } from './checkout.ts'
import { EnvironmentError } from './environment-error.ts'
import { worldLabel } from './world-containers.ts'

const removalTimeoutMs = 60_000

export interface Removed {
  readonly containers: number
  readonly networks: number
  readonly volumes: number
}

/** @throws EnvironmentError if Docker still has something of it after a minute */
export async function removeWorld(docker: Dockerode, world: string): Promise<Removed> {
  const deadline = performance.now() + removalTimeoutMs
  const removed = { containers: 0, networks: 0, volumes: 0 }
  for (;;) {
    const left = await removeOnce(docker, world, removed)
    if (left.length === 0) break
    if (performance.now() > deadline)
      throw new EnvironmentError(
        `world ${world} could not be removed whole, left: ${left.join('; ')}; run the same command again`,
      )
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  await rm(worldFolder(world), { recursive: true, force: true })
  return removed
}

/** Containers first, since networks and volumes can't go while they are used. Returns what is left and why. */
async function removeOnce(
  docker: Dockerode,
  world: string,
  removed: { -readonly [Key in keyof Removed]: number },
): Promise<string[]> {
  const label = [`${worldLabel}=${world}`]
  const left: string[] = []
  const attempt = async (kind: keyof Removed, name: string, work: Promise<unknown>): Promise<void> => {
    try {
      await work
      removed[kind] += 1
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode !== 404) left.push(`${name} (${(error as Error).message})`)
    }
  }
  const containers = await docker.listContainers({ all: true, filters: { label } })
  await Promise.all(
    containers.map(async ({ Id, Names }) =>
      attempt('containers', Names[0] ?? Id, docker.getContainer(Id).remove({ force: true, v: true })),
    ),
  )
  const [networks, volumes] = await Promise.all([
    docker.listNetworks({ filters: { label } }),
    docker.listVolumes({ filters: { label } }),
  ])
  await Promise.all([
    ...networks.map(async ({ Id, Name }) => attempt('networks', Name, docker.getNetwork(Id).remove())),
    ...(volumes.Volumes ?? []).map(async ({ Name }) => attempt('volumes', Name, docker.getVolume(Name).remove())),
  ])
  return left
}
