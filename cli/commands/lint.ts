// `lint`: label failover_role of every part of a world, in the compose file and, if the world is up, on what runs.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { checkout } from '#world/checkout.ts'
import { judgeComposeFile } from '#world/compose-roles.ts'
import { type Engine, probeEngine } from '#world/docker-engine.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import type { Resource, RoleFinding } from '#world/failover-roles.ts'
import { judgeRunningWorld } from '#world/live-roles.ts'
import { listWorlds } from '#world/world-containers.ts'
import { hostConfig, print, say, worldOption } from '../shared.ts'

interface LintOptions {
  readonly world: string
}

interface Finding extends RoleFinding {
  readonly where: string
  readonly resource: Resource
}

const shippedFile = 'docker-compose.yml'

export function registerLint(program: Command): void {
  program
    .command('lint')
    .description('check failover_role of every service, network and volume, and what runs against it')
    .argument('[file]', 'a compose file to check instead of the shipped one and of a running world')
    .addOption(worldOption())
    .addHelpText(
      'after',
      '\nExit code: 0 clean, 1 findings, 3 usage or environment. The roles: docs/failover-roles.md.',
    )
    .action(async (file: string | undefined, options: LintOptions, command: Command) => {
      const isWorldAsked = command.getOptionValueSource('world') === 'cli'
      const found = [...(await lintFile(file))]
      if (file === undefined || isWorldAsked) found.push(...(await lintWorld(options.world, isWorldAsked)))
      for (const each of found) print(lineOf(each))
      process.exitCode = found.some((each) => each.verdict !== 'moved') ? 1 : 0
    })
}

function lineOf({ where, resource, verdict, expected, seen, remedy }: Finding): string {
  return `${where}: ${resource.name}: failover_role ${verdict}: expected ${expected}, saw ${seen}; ${remedy}`
}

async function lintFile(file: string | undefined): Promise<readonly Finding[]> {
  const path = file ?? join(checkout, shippedFile)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new EnvironmentError(`${path}: expected a readable compose file, saw: ${(error as Error).message}`)
  })
  const shown = file ?? shippedFile
  const { resources, findings } = judgeComposeFile(shown, text)
  if (findings.length === 0)
    print(`${shown}: ${resources} services, networks and volumes, every failover_role as it should be`)
  return findings
}

/** @throws EnvironmentError if the world was asked for by name and is not up */
async function lintWorld(world: string, isAsked: boolean): Promise<readonly Finding[]> {
  const docker = await runningWorld(world, isAsked)
  if (docker === null) return []
  const { resources, findings, unseen } = await judgeRunningWorld(docker, world)
  if (unseen !== null) say(`what Postgres really is could not be asked in world ${world}: ${unseen}`)
  if (findings.length === 0)
    print(`world ${world}: ${resources} containers, networks and volumes, every failover_role as it should be`)
  return findings
}

async function runningWorld(world: string, isAsked: boolean): Promise<Engine['docker'] | null> {
  const config = hostConfig()
  const engine = await probeEngine(config)
  if (engine.state !== 'ready') {
    const reason = `${engine.reason}; ${engine.mend}`
    if (isAsked) throw new EnvironmentError(reason)
    say(`only the file was checked: ${reason}`)
    return null
  }
  const { docker } = engine.engine
  // If it was asked for, looking at it says what is wrong.
  if (isAsked || (await listWorlds(docker)).includes(world)) return docker
  say(`only the file was checked: world ${world} is not up; bring it up: ./firedrill up`)
  return null
}
