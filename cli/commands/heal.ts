// `heal`: removes every fault of a world, and the load that a killed drill left, from a fresh process.
import type { Command } from 'commander'
import { healWorld } from '#gameday/heal-world.ts'
import { lockWorld } from '#world/busy-lock.ts'
import { openWorld } from '#world/docker-world.ts'
import { environmentExitCode } from '#world/environment-error.ts'
import { print, say, worldOption } from '../shared.ts'

export function registerHeal(program: Command): void {
  program
    .command('heal')
    .description('remove every fault of a world, by its ledger, its links and its containers; end left load')
    .addOption(worldOption())
    .option('--all', 'everything (the default; accepted since people type it)')
    .action(async (options: { readonly world: string }) => {
      await using _lock = await lockWorld(options.world, 'heal', say)
      await using world = await openWorld(options.world, say)
      const { healed, left } = await healWorld(world)
      for (const line of healed) print(`healed: ${line}`)
      for (const line of left) print(`left: ${line}`)
      if (healed.length + left.length === 0) print(`world ${world.name} has no fault and no load`)
      if (left.length > 0) process.exitCode = environmentExitCode
    })
}
