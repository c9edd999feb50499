// `failback`: a planned switchover to the home region.
import type { Command } from 'commander'
import { lockWorld } from '#world/busy-lock.ts'
import { connectEngine } from '#world/docker-engine.ts'
import { openWorldOn } from '#world/docker-world.ts'
import { switchover } from '#world/moves.ts'
import { seeToGuard } from '../guard.ts'
import { hostConfig, print, say, worldOption } from '../shared.ts'

export function registerFailback(program: Command): void {
  program
    .command('failback')
    .description('hand the primary role back to the home region; refused unless it is caught up')
    .addOption(worldOption())
    .action(async (options: { readonly world: string }) => {
      const engine = await connectEngine(hostConfig(), say)
      await using lock = await lockWorld({ docker: engine.docker, world: options.world, doing: 'failback', say })
      await seeToGuard(engine, options.world)
      await using world = await openWorldOn(engine.docker, options.world)
      if (!lock.isHeld) await lock.claim()
      const reply = await switchover(world, world.topology.home)
      print(`region ${reply.primary ?? 'none'} is primary in epoch ${reply.epoch}: ${reply.reason}`)
    })
}
