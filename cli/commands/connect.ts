// `connect`: psql, redis-cli or a shell inside a container.
import { Argument, type Command } from 'commander'
import { openWorld } from '#world/docker-world.ts'
import { runInteractively } from '#world/terminal.ts'
import { say, worldOption } from '../shared.ts'
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
      await using world = await openWorld(options.world, say)
      const argv = command.length > 0 ? command : (programs[target.service] ?? ['sh'])
      process.exitCode = await runInteractively(world, target, argv)
    })
}
