// `down`: removes a world, whatever is left of it.
import type { Command } from 'commander'
import { lockWorld } from '#world/busy-lock.ts'
import { connectEngine } from '#world/docker-engine.ts'
import { removeWorld } from '#world/down.ts'
import { endGuard, forgetGuard } from '#world/guard-files.ts'
import { describeSelf } from '#world/holder.ts'
import { listWorlds } from '#world/world-containers.ts'
import { tellHealed } from '../guard.ts'
import { hostConfig, print, say, worldOption } from '../shared.ts'

export function registerDown(program: Command): void {
  program
    .command('down')
    .description("remove a world's containers, networks and volumes, however much of it is left")
    .addOption(worldOption())
    .option('--all', 'every world that Docker has anything of')
    .action(async (options: { readonly world: string; readonly all?: true }) => {
      const { docker } = await connectEngine(hostConfig(), say)
      const worlds = options.all === true ? await listWorlds(docker) : [options.world]
      if (worlds.length === 0) print('no world is up')
      for (const world of worlds) {
        const self = describeSelf('down')
        const onGuard = (): Promise<boolean> => endGuard(docker, world, self)
        await using lock = await lockWorld({ docker, world, doing: 'down', say, onGuard })
        await tellHealed(docker, world)
        await endGuard(docker, world, self)
        await lock.claim()
        const { containers, networks, volumes, stuckNetworks } = await removeWorld(docker, world)
        forgetGuard(world)
        print(
          containers + networks + volumes === 0
            ? `world ${world} is not up, nothing to remove`
            : `world ${world} is gone: ${containers} containers, ${networks} networks, ${volumes} volumes`,
        )
        if (stuckNetworks.length > 0)
          say(
            `Docker keeps ${stuckNetworks.join(', ')}, though no container is on it; it goes when Docker is restarted, and the world can come up again without that`,
          )
      }
    })
}
