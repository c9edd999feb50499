// `logs`: what one container has said.
import { type Command, Argument } from 'commander'
import { openWorld } from '#world/docker-world.ts'
import { followLogs } from '#world/terminal.ts'
import { interruption, print, say, worldOption } from '../shared.ts'
import { targetFrom } from '../target.ts'

export function registerLogs(program: Command): void {
  program
    .command('logs')
    .description("print a container's log")
    .addArgument(new Argument('<target>', 'such as app.a, controller.b, glb.na, wan'))
    .addOption(worldOption())
    .option('-f, --follow', 'go on as it grows, until Ctrl-C')
    .action(async (name: string, options: { readonly world: string; readonly follow?: true }) => {
      const target = targetFrom(name)
      await using world = await openWorld(options.world, say)
      if (options.follow === true) await followLogs(world, target, interruption('ending'))
      else print(await world.logs(target))
    })
}
