// `status`: one screen about a world.
import type { Command } from 'commander'
import { openWorld } from '#world/docker-world.ts'
import { statusOf } from '#world/status.ts'
import { print, say, worldOption } from '../shared.ts'
import { statusScreen } from '../status-screen.ts'

export function registerStatus(program: Command): void {
  program
    .command('status')
    .description('show containers, roles, epochs, who follows whom, and faults')
    .addOption(worldOption())
    .option('--json', 'print it as JSON')
    .action(async (options: { readonly world: string; readonly json?: true }) => {
      await using world = await openWorld(options.world, say)
      const status = await statusOf(world)
      print(options.json === true ? JSON.stringify(status, null, 2) : statusScreen(status))
    })
}
