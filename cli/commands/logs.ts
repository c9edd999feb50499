// `logs`: what one container has said. Docker alone is asked: a world whose WAN is dead has logs too.
import { type Command, Argument } from 'commander'
import { connectEngine } from '#world/docker-engine.ts'
import { outputOf } from '#world/docker-output.ts'
import { followLogs } from '#world/terminal.ts'
import { findContainer } from '#world/world-containers.ts'
import { seeToGuard } from '../guard.ts'
import { hostConfig, interruption, print, say, worldOption } from '../shared.ts'
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
      const engine = await connectEngine(hostConfig(), say)
      await seeToGuard(engine, options.world)
      const { docker } = engine
      const { id } = await findContainer(docker, options.world, target)
      if (options.follow === true) await followLogs(docker, id, interruption('ending'))
      else print(await outputOf(docker.getContainer(id)))
    })
}
