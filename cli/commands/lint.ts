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

interface Report {
  readonly findings: readonly Finding[]
  /** What to say if there are none; null: nothing was looked at. */
  readonly clean: string | null
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
      const reports = [await lintFile(file)]
      if (file === undefined || isWorldAsked) reports.push(await lintWorld(options.world, isWorldAsked))
      const found = reports.flatMap((each) => each.findings)
      for (const { findings, clean } of reports) {
        for (const each of findings) print(lineOf(each))
        if (findings.length === 0 && clean !== null) print(clean)
      }
      process.exitCode = found.some((each) => each.verdict !== 'moved') ? 1 : 0
    })
}

function lineOf({ where, resource, verdict, expected, seen, remedy }: Finding): string {
  return `${where}: ${resource.name}: failover_role ${verdict}: expected ${expected}, saw ${seen}; ${remedy}`
}

async function lintFile(file: string | undefined): Promise<Report> {
  const path = file ?? join(checkout, shippedFile)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new EnvironmentError(`${path}: expected a readable compose file, saw: ${(error as Error).message}`)
  })
  const shown = file ?? shippedFile
  const { resources, findings } = judgeComposeFile(shown, text)
  return {
    findings,
    clean: `${shown}: ${resources} services, networks and volumes, every failover_role as it should be`,
  }
}

/** @throws EnvironmentError if the world was asked for by name and is not up */
async function lintWorld(world: string, isAsked: boolean): Promise<Report> {
  const docker = await runningWorld(world, isAsked)
  if (docker === null) return { findings: [], clean: null }
  const { resources, findings, unseen } = await judgeRunningWorld(docker, world)
  if (unseen !== null) say(`what Postgres really is could not be asked in world ${world}: ${unseen}`)
  const clean = `world ${world}: ${resources} containers, networks and volumes, every failover_role as it should be`
  return { findings, clean }
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
