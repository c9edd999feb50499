// Takes a world down: everything that carries its label, whoever started it and however much of it is left.
import { rm } from 'node:fs/promises'
import type Dockerode from 'dockerode'
import { worldFolder } from './checkout.ts'
import { EnvironmentError } from './environment-error.ts'
import { worldLabel } from './world-containers.ts'

const removalTimeoutMs = 60_000
/** How long Docker gets to see for itself that nobody is on a network any more. */
const stuckAfterMs = 5000

export interface Removed {
  readonly containers: number
  readonly networks: number
  readonly volumes: number
  /**
   * Networks that Docker refuses to remove though no container is on them: Docker 20.10 can miscount a network's endpoints when
   * many containers of it end at once. They go when Docker is restarted, and are in nobody's way until then.
   */
  readonly stuckNetworks: readonly string[]
}

interface Left {
  readonly name: string
  readonly why: string
  readonly isMiscounted: boolean
}

/**
 * `settleMs`: only when nothing of the world was there for so long is it gone. Docker finishes what a client that has ended had
 * asked for, so that after an interrupted start something may still appear.
 * @throws EnvironmentError if Docker still has something of it after a minute
 */
export async function removeWorld(docker: Dockerode, world: string, settleMs = 0): Promise<Removed> {
  const startedMs = performance.now()
  const removed = { containers: 0, networks: 0, volumes: 0 }
  let seenMs = startedMs
  let stuckNetworks: readonly string[] = []
  for (;;) {
    const before = removed.containers + removed.networks + removed.volumes
    const left = await removeOnce(docker, world, removed)
    if (left.length > 0 || removed.containers + removed.networks + removed.volumes > before) seenMs = performance.now()
    if (left.length === 0 && performance.now() - seenMs >= settleMs) break
    const spentMs = performance.now() - startedMs
    if (spentMs > stuckAfterMs && left.every((each) => each.isMiscounted)) {
      stuckNetworks = left.map((each) => each.name)
      break
    }
    if (spentMs > removalTimeoutMs)
      throw new EnvironmentError(
        `world ${world} could not be removed whole, left: ${left.map((each) => `${each.name} (${each.why})`).join('; ')}; run the same command again`,
      )
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  await rm(worldFolder(world), { recursive: true, force: true })
  return { ...removed, stuckNetworks }
}

/** False also for a network that has gone in the meantime: the next round sees that. */
async function isUnused(network: Dockerode.Network): Promise<boolean> {
  try {
    const facts = (await network.inspect()) as { readonly Containers?: Readonly<Record<string, unknown>> }
    return Object.keys(facts.Containers ?? {}).length === 0
  } catch {
    return false
  }
}

/** Containers first, since networks and volumes can't go while they are used. Returns what is left and why. */
async function removeOnce(
  docker: Dockerode,
  world: string,
  removed: { containers: number; networks: number; volumes: number },
): Promise<Left[]> {
  const label = [`${worldLabel}=${world}`]
  const left: Left[] = []
  const attempt = async (
    kind: 'containers' | 'networks' | 'volumes',
    name: string,
    work: Promise<unknown>,
  ): Promise<void> => {
    try {
      await work
      removed[kind] += 1
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode === 404) return
      const why = (error as Error).message
      const isMiscounted =
        kind === 'networks' && why.includes('has active endpoints') && (await isUnused(docker.getNetwork(name)))
      left.push({ name, why, isMiscounted })
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
