// Runs the machine's own compose (v2 or 1.29) on docker-compose.yml.
import { join } from 'node:path'
import type Dockerode from 'dockerode'
import type { HostConfig } from '#runtime/config.ts'
import { checkout } from './checkout.ts'
import { lastLines, run } from './child-process.ts'
import { canInstallPackages, findProgram, installPackages } from './docker-set-up.ts'
import type { Engine } from './docker-engine.ts'
import { EnvironmentError } from './environment-error.ts'

export interface Compose {
  readonly command: readonly [string, ...string[]]
  readonly version: string
}

/** Null if there is none. */
export async function findCompose(config: HostConfig): Promise<Compose | null> {
  for (const command of [['docker', 'compose'], ['docker-compose']] as const) {
    const ended = await run([...command, 'version', '--short'], { environment: config.environment })
    const version = ended.stdout.trim()
    if (ended.exitCode === 0 && /^v?\d+\.\d+/.test(version)) return { command: [...command], version }
  }
  return null
}

/** @throws EnvironmentError if there is none and it can't be installed here */
export async function bringCompose(config: HostConfig, say: (line: string) => void): Promise<Compose> {
  const found = await findCompose(config)
  if (found !== null) return found
  if (canInstallPackages()) {
    await installPackages(['docker-compose'], say)
    const installed = await findCompose(config)
    if (installed !== null) return installed
  }
  throw new EnvironmentError(
    findProgram('apt-get') === null
      ? 'docker compose is missing; see docs.docker.com/compose/install'
      : 'docker compose is missing; install it: sudo apt-get install docker-compose',
  )
}

/** The first of `firedrill-NAME`, `firedrill-NAME-2`, ... of which Docker keeps no network (see Removed.stuckNetworks). */
export async function freeProjectName(docker: Dockerode, world: string): Promise<string> {
  const taken = (await docker.listNetworks()).map(({ Name }) => Name)
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? `firedrill-${world}` : `firedrill-${world}-${number}`
    if (!taken.some((each) => each.startsWith(`${name}_`))) return name
  }
}

/**
 * `up` in the background, without building or pulling.
 * @throws EnvironmentError in one line for what people can mend (port or range in use, full disk)
 */
export async function composeUp(options: {
  readonly compose: Compose
  readonly engine: Engine
  readonly config: HostConfig
  readonly world: string
  readonly environmentFile: string
  /** Compose file that is read after docker-compose.yml, or null. */
  readonly overrideFile: string | null
  readonly onLine: (line: string) => void
  readonly signal: AbortSignal
}): Promise<void> {
  const environment: Record<string, string | undefined> = {
    ...options.config.environment,
    DOCKER_HOST: options.engine.endpoint.host,
    COMPOSE_PARALLEL_LIMIT: '64',
    PYTHONWARNINGS: 'ignore',
  }
  // A variable of the caller's shell would win over the world's own file.
  for (const name of Object.keys(environment))
    if (
      name.startsWith('FIREDRILL_') ||
      name === 'COMPOSE_FILE' ||
      name === 'COMPOSE_PROJECT_NAME' ||
      name === 'DOCKER_CONTEXT'
    )
      environment[name] = undefined
  const ended = await run(
    [
      ...options.compose.command,
      '--project-directory',
      checkout,
      '-f',
      join(checkout, 'docker-compose.yml'),
      ...(options.overrideFile === null ? [] : ['-f', options.overrideFile]),
      '--env-file',
      options.environmentFile,
      '-p',
      await freeProjectName(options.engine.docker, options.world),
      'up',
      '-d',
      '--no-build',
    ],
    { environment, onLine: options.onLine, signal: options.signal },
  )
  if (ended.exitCode !== 0) throw new EnvironmentError(explain(ended.stderr, options.world))
}

function explain(output: string, world: string): string {
  const port =
    /(?:127\.0\.0\.1|0\.0\.0\.0):(\d+)[^\n]*(?:address already in use|already allocated)|(?:address already in use|already allocated)[^\n]*:(\d+)/.exec(
      output,
    )
  if (port !== null)
    return `port ${port[1] ?? port[2]} on 127.0.0.1 is in use; set FIREDRILL_PORT to a free port, or unset it and Docker chooses one`
  if (/Pool overlaps|overlaps with other one/i.test(output))
    return 'the address range is in use by another Docker network; run the same command again, or set FIREDRILL_NETWORK_BASE to a free network'
  if (/no space left on device/i.test(output))
    return 'the disk is full (no space left on device); free some, see: docker system df'
  const words = output.split('\n').findLast((line) => /error/i.test(line)) ?? lastLines(output, 1)
  return `compose could not start world ${world}: ${words.trim()}`
}
