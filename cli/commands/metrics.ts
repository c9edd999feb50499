// `metrics`: the whole world once, in Prometheus' text format.
import { join } from 'node:path'
import type { Command } from 'commander'
import { renderWorldMetrics } from '#gameday/metrics/world-metrics.ts'
import { checkout } from '#world/checkout.ts'
import { connectEngine } from '#world/docker-engine.ts'
import { openWorldOn } from '#world/docker-world.ts'
import { hostConfig, print, say, worldOption } from '../shared.ts'

export function registerMetrics(program: Command): void {
  program
    .command('metrics')
    .description("print the metrics of a world and of its drills once, in Prometheus' text format")
    .addOption(worldOption())
    .action(async (options: { readonly world: string }) => {
      const { docker } = await connectEngine(hostConfig(), say)
      await using world = await openWorldOn(docker, options.world)
      print(await renderWorldMetrics(world, join(checkout, 'drills')))
    })
}
