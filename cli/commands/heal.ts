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
import { findContainer } from '#world/world-containers.ts'
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
    const engine = await connectEngine(hostConfig(), say)
    await wake(engine, options.world)
    await healOne(engine.docker, options.world, fault)
    return
  }
  const engine = await connectEngine(hostConfig(), say)
  const { docker } = engine
  await using lock = await lockWorld({ docker, world: options.world, doing: 'heal', say })
  if (!lock.isHeld) {
    await findContainer(docker, options.world, { site: null, service: 'wan' })
    await lock.claim()
  }
  const woken = await wake(engine, options.world)
  if (!lock.isHeld) await lock.attach()
  await using world = await openWorldOn(docker, options.world)
  const { healed, left } = await healWorld(world)
  for (const line of healed) print(`healed: ${line}`)
  for (const line of left) print(`left: ${line}`)
  if (woken === null && healed.length + left.length === 0) print(`world ${world.name} has no fault and no load`)
  if (left.length > 0) process.exitCode = environmentExitCode
}

async function wake(engine: Engine, world: string): Promise<string | null> {
  const woken = await startWan(engine.docker, world)
  if (woken !== null) print(`healed: ${woken}`)
  await seeToGuard(engine, world)
  return woken
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
