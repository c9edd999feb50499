// `connect`: psql, redis-cli or a shell inside a container.
import { Argument, type Command } from 'commander'
import { connectEngine } from '#world/docker-engine.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { runInteractively } from '#world/terminal.ts'
import { findContainer } from '#world/world-containers.ts'
import { seeToGuard } from '../guard.ts'
import { hostConfig, say, worldOption } from '../shared.ts'
import { targetFrom } from '../target.ts'

const programs: Readonly<Record<string, readonly string[]>> = {
  postgres: ['psql', '-U', 'agent', '-h', '/var/run/postgresql', 'firedrill'],
  redis: ['redis-cli'],
}

export function registerConnect(program: Command): void {
  program
    .command('connect')
    .description('open psql in a Postgres container, redis-cli in a Redis container, a shell in any other')
    .addArgument(new Argument('<target>', 'such as postgres.a, redis.b, app.c'))
    .argument('[command...]', 'run this instead')
    .addOption(worldOption())
    .action(async (name: string, command: readonly string[], options: { readonly world: string }) => {
      const target = targetFrom(name)
      const engine = await connectEngine(hostConfig(), say)
      await seeToGuard(engine, options.world)
      const { docker } = engine
      const { id, state } = await findContainer(docker, options.world, target)
      if (state !== 'running')
        throw new EnvironmentError(
          `${name} of world ${options.world} is ${state}, expected it to run; bring it back: ./firedrill heal --world ${options.world}`,
        )
      const argv = command.length > 0 ? command : (programs[target.service] ?? ['sh'])
      process.exitCode = await runInteractively(docker, id, argv)
    })
}
