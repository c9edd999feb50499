// `status`: one screen about a world.
import type { Command } from 'commander'
import { connectEngine } from '#world/docker-engine.ts'
import { statusOf } from '#world/status.ts'
import { seeToGuard } from '../guard.ts'
import { hostConfig, print, say, worldOption } from '../shared.ts'
import { statusScreen } from '../status-screen.ts'

export function registerStatus(program: Command): void {
  program
    .command('status')
    .description('show containers, roles, epochs, who follows whom, and faults')
    .addOption(worldOption())
    .option('--json', 'print it as JSON')
    .action(async (options: { readonly world: string; readonly json?: true }) => {
      const engine = await connectEngine(hostConfig(), say)
      await seeToGuard(engine, options.world)
      const status = await statusOf(engine.docker, options.world)
      print(options.json === true ? JSON.stringify(status, null, 2) : statusScreen(status))
    })
}
