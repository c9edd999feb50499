// `up`: a world, ready for use.
import type { Command } from 'commander'
import { lockWorld } from '#world/busy-lock.ts'
import { connectEngine } from '#world/docker-engine.ts'
import { bringUp } from '#world/up.ts'
import { seeToGuard } from '../guard.ts'
import { hostConfig, interruption, print, say, worldOption } from '../shared.ts'
import { sayDashboard } from './dashboard.ts'
import { addTopologyOptions, topologyFrom, type TopologyOptions } from '../topology-options.ts'

export function registerUp(program: Command): void {
  const command = program
    .command('up')
    .description('bring a world up and wait until it is ready; one that is up with the same topology is used as it is')
    .addOption(worldOption())
    .option('--no-dashboard', 'start no dashboard')
  addTopologyOptions(command).action(
    async (options: TopologyOptions & { readonly world: string; readonly dashboard: boolean }) => {
      const config = hostConfig()
      const topology = topologyFrom(options)
      const signal = interruption('taking down what was started')
      const engine = await connectEngine(config, say)
      await using lock = await lockWorld({ docker: engine.docker, world: options.world, doing: 'up', say })
      await using world = await bringUp({ engine, config, world: options.world, topology, say, signal, lock })
      await seeToGuard(engine, options.world, { injects: lock })
      await sayDashboard(world.name, options.dashboard)
      print(`world ${world.name} is ready; next: ./firedrill status, ./firedrill run region-loss`)
    },
  )
}
