// `dashboard`: prints the address of a world's dashboard, which is started if none is alive. `dashboard-server` is its process.
import type { Command } from 'commander'
import { bringDashboard } from '#gameday/dashboard/address.ts'
import { runDashboard } from '#gameday/dashboard/run-dashboard.ts'
import { connectEngine } from '#world/docker-engine.ts'
import { hostConfig, interruption, print, say, worldOption } from '../shared.ts'

export function registerDashboard(program: Command): void {
  program
    .command('dashboard')
    .description("print the address of a world's dashboard: live map, faults, drills and their approval")
    .addOption(worldOption())
    .action(async (options: { readonly world: string }) => {
      print(await bringDashboard(options.world, hostConfig().environment))
    })
  program
    .command('dashboard-server', { hidden: true })
    .description('the process behind `dashboard`; ends when its world has gone')
    .addOption(worldOption())
    .action(async (options: { readonly world: string }) => {
      const config = hostConfig()
      const { docker } = await connectEngine(config, say)
      const signal = interruption('ending the dashboard')
      await runDashboard({ docker, world: options.world, environment: config.environment, say, signal })
    })
}

/** Said by commands that bring a world up. A dashboard that does not start is no reason to end them. */
export async function sayDashboard(world: string, wanted: boolean): Promise<void> {
  if (!wanted) return
  try {
    say(`dashboard: ${await bringDashboard(world, hostConfig().environment)}`)
  } catch (error) {
    say(`no dashboard: ${(error as Error).message}`)
  }
}
