// `failback`: a planned switchover to the home region.
import type { Command } from 'commander'
import { openWorld } from '#world/docker-world.ts'
import { switchover } from '#world/moves.ts'
import { print, say, worldOption } from '../shared.ts'

export function registerFailback(program: Command): void {
  program
    .command('failback')
    .description('hand the primary role back to the home region; refused unless it is caught up')
    .addOption(worldOption())
    .action(async (options: { readonly world: string }) => {
      await using world = await openWorld(options.world, say)
      const reply = await switchover(world, world.topology.home)
      print(`region ${reply.primary ?? 'none'} is primary in epoch ${reply.epoch}: ${reply.reason}`)
    })
}
