// What a world is like now: containers from Docker, roles and epochs from the controllers, faults from the ledger.
import { type ControllerStatus, controllerStatus } from '#protocol/controller.ts'
import { type Region, regions } from '#protocol/sites.ts'
import type { Topology } from '#protocol/topology.ts'
import { type LedgerEntry, ledgerReply } from '#protocol/wan.ts'
import type { DockerWorld } from './docker-world.ts'
import type { ContainerFacts } from './running-world.ts'

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
  readonly faults: readonly LedgerEntry[]
}

export async function statusOf(world: DockerWorld): Promise<WorldStatus> {
  const [containers, controllers, ledger] = await Promise.all([
    world.containers(),
    Promise.all(regions.map(async (region) => askController(world, region))),
    world.wayIn.wan({ method: 'GET', path: '/ledger', reply: ledgerReply, timeoutMs }),
  ])
  return { world: world.name, topology: world.topology, containers, controllers, faults: ledger.entries }
}

async function askController(world: DockerWorld, region: Region): Promise<WorldStatus['controllers'][number]> {
  try {
    const call = { method: 'GET', path: '/status', reply: controllerStatus, timeoutMs } as const
    return { region, status: await world.wayIn.control(`controller.${region}`, call), reason: null }
  } catch (error) {
    return { region, status: null, reason: (error as Error).message }
  }
}
