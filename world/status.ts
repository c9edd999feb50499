// What a world is like now: containers from Docker, roles and epochs from the controllers, faults from the ledger. Where the WAN is
// dead or mute, Docker's part is still told.
import type Dockerode from 'dockerode'
import { type ControllerStatus, controllerStatus } from '#protocol/controller.ts'
import { type Region, regions } from '#protocol/sites.ts'
import type { Topology } from '#protocol/topology.ts'
import { clockReply, type LedgerEntry, ledgerReply } from '#protocol/wan.ts'
import { type DockerWorld, openWorldOn } from './docker-world.ts'
import type { ContainerFacts } from './running-world.ts'
import { topologyOf } from './topology-environment.ts'
import { findContainer, listContainers } from './world-containers.ts'

const timeoutMs = 2500

export interface WorldStatus {
  readonly world: string
  readonly topology: Topology
  readonly containers: readonly ContainerFacts[]
  /** What each region's controller says; null with the reason if it does not answer. */
  readonly controllers: readonly {
    readonly region: Region
    readonly status: ControllerStatus | null
    readonly reason: string | null
  }[]
  /** Null: the WAN, which keeps the ledger, could not be asked. */
  readonly faults: readonly LedgerEntry[] | null
  /** The WAN's clock, which the ledger's times are of; null as `faults` is. */
  readonly nowNs: string | null
  /** Why the WAN could not be asked and what to do; null if it was. */
  readonly wanReason: string | null
}

/** @throws EnvironmentError if there is no such world, or it has no WAN container */
export async function statusOf(docker: Dockerode, name: string): Promise<WorldStatus> {
  const wan = await findContainer(docker, name, { site: null, service: 'wan' })
  if (wan.state !== 'running') {
    const facts = await docker.getContainer(wan.id).inspect()
    const reason = `the WAN is ${wan.state}`
    const wanReason = `${reason}; start it: ./firedrill heal --world ${name}`
    return {
      world: name,
      topology: topologyOf(facts.Config.Env),
      containers: await listContainers(docker, name),
      controllers: regions.map((region) => ({ region, status: null, reason })),
      faults: null,
      nowNs: null,
      wanReason,
    }
  }
  await using world = await openWorldOn(docker, name)
  const [containers, controllers, ledger] = await Promise.all([
    world.containers(),
    Promise.all(regions.map(async (region) => askController(world, region))),
    askLedger(world),
  ])
  return { world: name, topology: world.topology, containers, controllers, ...ledger }
}

async function askLedger(world: DockerWorld): Promise<Pick<WorldStatus, 'faults' | 'nowNs' | 'wanReason'>> {
  try {
    const { entries } = await world.wayIn.wan({ method: 'GET', path: '/ledger', reply: ledgerReply, timeoutMs })
    const clock = await world.wayIn.wan({ method: 'GET', path: '/clock', reply: clockReply, timeoutMs })
    return { faults: entries, nowNs: clock.monotonicNs, wanReason: null }
  } catch (error) {
    return {
      faults: null,
      nowNs: null,
      wanReason: `the WAN gave no answer (${(error as Error).message}); see: ./firedrill logs wan --world ${world.name}`,
    }
  }
}

async function askController(world: DockerWorld, region: Region): Promise<WorldStatus['controllers'][number]> {
  try {
    const call = { method: 'GET', path: '/status', reply: controllerStatus, timeoutMs } as const
    return { region, status: await world.wayIn.control(`controller.${region}`, call), reason: null }
  } catch (error) {
    return { region, status: null, reason: (error as Error).message }
  }
}
