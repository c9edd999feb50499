// `failover`: another region becomes primary now, by the operator's word.
import { type Command, Option } from 'commander'
import { regions } from '#protocol/sites.ts'
import { lockWorld } from '#world/busy-lock.ts'
import { connectEngine } from '#world/docker-engine.ts'
import { openWorldOn } from '#world/docker-world.ts'
import { failover } from '#world/moves.ts'
import { seeToGuard } from '../guard.ts'
import { hostConfig, print, say, worldOption } from '../shared.ts'

interface FailoverOptions {
  readonly world: string
  readonly to?: (typeof regions)[number]
  readonly acceptDataLoss?: true
}

export function registerFailover(program: Command): void {
  program
    .command('failover')
    .description('make another region primary now, without waiting for the old one')
    .addOption(worldOption())
    .addOption(new Option('--to <region>', 'which one (default: the best standby)').choices([...regions]))
    .option('--accept-data-loss', 'with commit: async, promote even above max-loss')
    .action(async (options: FailoverOptions) => {
      const engine = await connectEngine(hostConfig(), say)
      await using lock = await lockWorld({ docker: engine.docker, world: options.world, doing: 'failover', say })
      await seeToGuard(engine, options.world)
      await using world = await openWorldOn(engine.docker, options.world)
      if (!lock.isHeld) await lock.claim()
      const reply = await failover(world, { to: options.to ?? null, acceptDataLoss: options.acceptDataLoss === true })
      print(`region ${reply.primary ?? 'none'} is primary in epoch ${reply.epoch}: ${reply.reason}`)
    })
}
