// `heal`: removes every fault of a world, and the load that a killed drill left, from a fresh process.
import type { Command } from 'commander'
import { healWorld } from '#gameday/heal-world.ts'
import { lockWorld } from '#world/busy-lock.ts'
import { connectEngine } from '#world/docker-engine.ts'
import { openWorldOn } from '#world/docker-world.ts'
import { environmentExitCode } from '#world/environment-error.ts'
import { startWan } from '#world/wan-start.ts'
import { hostConfig, print, say, worldOption } from '../shared.ts'

export function registerHeal(program: Command): void {
  program
    .command('heal')
    .description('remove every fault of a world, by its ledger, its links and its containers; end left load')
    .addOption(worldOption())
    .option('--all', 'everything (the default; accepted since people type it)')
    .action(async (options: { readonly world: string }) => {
      await using _lock = await lockWorld(options.world, 'heal', say)
      const { docker } = await connectEngine(hostConfig(), say)
      const woken = await startWan(docker, options.world)
      if (woken !== null) print(`healed: ${woken}`)
      await using world = await openWorldOn(docker, options.world)
      const { healed, left } = await healWorld(world)
      for (const line of healed) print(`healed: ${line}`)
      for (const line of left) print(`left: ${line}`)
      if (woken === null && healed.length + left.length === 0) print(`world ${world.name} has no fault and no load`)
      if (left.length > 0) process.exitCode = environmentExitCode
    })
}
