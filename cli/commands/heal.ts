// `heal`: removes every fault of a world, and the load that a killed drill left, from a fresh process; or one fault alone.
import { Argument, type Command } from 'commander'
import { healFault } from '#chaos/inject.ts'
import { readLedger } from '#chaos/wan-calls.ts'
import { healWorld } from '#gameday/heal-world.ts'
import { manualDrill } from '#protocol/wan.ts'
import { lockWorld } from '#world/busy-lock.ts'
import { connectEngine, type Engine } from '#world/docker-engine.ts'
import { openWorldOn } from '#world/docker-world.ts'
import { EnvironmentError, environmentExitCode } from '#world/environment-error.ts'
import { startWan } from '#world/wan-start.ts'
import { seeToGuard } from '../guard.ts'
import { hostConfig, print, say, worldOption } from '../shared.ts'

interface HealOptions {
  readonly world: string
  readonly all?: true
}

export function registerHeal(program: Command): void {
  program
    .command('heal')
    .description('remove every fault of a world, by its ledger, its links and its containers; end left load')
    .addArgument(new Argument('[fault]', 'only this one, beside a running drill too; see: ./firedrill chaos status'))
    .addOption(worldOption())
    .option('--all', 'everything (the default; accepted since people type it)')
    .action(heal)
}

async function heal(fault: string | undefined, options: HealOptions): Promise<void> {
  if (fault !== undefined && options.all === true)
    throw new EnvironmentError(`expected the fault ${fault} or --all, saw both; leave one out`)
  if (fault !== undefined) {
    const { docker } = await connected(options.world)
    await healOne(docker, options.world, fault)
    return
  }
  await using _lock = await lockWorld(options.world, 'heal', say)
  const { docker, woken } = await connected(options.world)
  await using world = await openWorldOn(docker, options.world)
  const { healed, left } = await healWorld(world)
  for (const line of healed) print(`healed: ${line}`)
  for (const line of left) print(`left: ${line}`)
  if (woken === null && healed.length + left.length === 0) print(`world ${world.name} has no fault and no load`)
  if (left.length > 0) process.exitCode = environmentExitCode
}

async function connected(world: string): Promise<{ readonly docker: Engine['docker']; readonly woken: string | null }> {
  const engine = await connectEngine(hostConfig(), say)
  const woken = await startWan(engine.docker, world)
  if (woken !== null) print(`healed: ${woken}`)
  await seeToGuard(engine, world, 'start')
  return { docker: engine.docker, woken }
}

async function healOne(docker: Engine['docker'], name: string, fault: string): Promise<void> {
  await using world = await openWorldOn(docker, name)
  const entries = await readLedger(world)
  const entry = entries.find(({ id }) => id === fault || id === `${manualDrill}.${fault}`)
  if (entry === undefined) {
    const ids = entries.map(({ id }) => id)
    const there = ids.length === 0 ? 'none' : ids.join(', ')
    throw new EnvironmentError(`world ${name} has no fault ${JSON.stringify(fault)}; there is ${there}`)
  }
  print(`healed: ${entry.kind} of ${entry.target}: ${await healFault(world, entry)}`)
}
