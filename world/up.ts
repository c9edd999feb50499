// Brings a world up: images, addresses, compose, readiness. What it has started goes again if it fails or is interrupted.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type Dockerode from 'dockerode'
import type { Topology } from '#protocol/topology.ts'
import type { HostConfig } from '#runtime/config.ts'
import { forgetDeadReservations, sitePrefixes, takeRange } from './address-range.ts'
import { stateFolder, worldFolder } from './checkout.ts'
import { bringCompose, composeUp } from './compose.ts'
import type { Engine } from './docker-engine.ts'
import { type DockerWorld, openWorldOn } from './docker-world.ts'
import { removeWorld } from './down.ts'
import { EnvironmentError } from './environment-error.ts'
import { type BuiltImages, buildImages } from './images/build-images.ts'
import { showSteps } from './progress.ts'
import { readinessChecks, untilReady } from './readiness.ts'
import { topologyOf, worldVariables } from './topology-environment.ts'
import { listContainers, standardTargets, targetName } from './world-containers.ts'

const readyTimeoutMs = 180_000

export interface UpOptions {
  readonly engine: Engine
  readonly config: HostConfig
  readonly world: string
  readonly topology: Topology
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

/**
 * The world, ready. One that is up with this topology and these images is used as it is; any other of this name is replaced.
 * @throws EnvironmentError; nothing is left running then
 */
export async function bringUp(options: UpOptions): Promise<DockerWorld> {
  const { engine, config, world, topology, say } = options
  if (!/^[a-z0-9][a-z0-9_-]{0,30}$/.test(world))
    throw new EnvironmentError(
      `world name: expected up to 31 lower-case letters, digits, - and _, saw ${JSON.stringify(world)}`,
    )
  const images = await buildImages(engine, config)
  const difference = await differenceOf(engine.docker, world, topology, images)
  if (difference === null) {
    const running = await openWorldOn(engine.docker, world)
    if (await isReadyNow(running)) {
      say(`world ${world} is up already`)
      return running
    }
    say(`world ${world} is up but not ready: making it anew`)
  } else if (difference !== 'absent') {
    say(`world ${world} is made anew: ${difference}`)
  }
  await removeWorld(engine.docker, world)
  try {
    return await start(options, images)
  } catch (error) {
    await keepLogs(engine.docker, world, say)
    await removeWorld(engine.docker, world)
    throw error
  }
}

/** Null if the containers are those that `up` would start; `absent` if there are none; else what differs. */
async function differenceOf(
  docker: Dockerode,
  world: string,
  topology: Topology,
  images: BuiltImages,
): Promise<string | null> {
  const containers = await listContainers(docker, world)
  if (containers.length === 0) return 'absent'
  const missing = standardTargets.filter(
    (target) => !containers.some((each) => targetName(each) === targetName(target) && each.state === 'running'),
  )
  if (missing.length > 0) return `not running: ${missing.map(targetName).join(', ')}`
  const known = new Set(images.images.map(({ id }) => id))
  if (containers.some(({ image }) => !known.has(image))) return 'its images are older than this checkout'
  const wan = containers.find(({ service }) => service === 'wan')
  const facts = await docker.getContainer(wan?.id ?? '').inspect()
  const seen = topologyOf(facts.Config.Env)
  const changed = Object.entries(topology).filter(([key, value]) => seen[key as keyof Topology] !== value)
  if (changed.length === 0) return null
  return changed.map(([key, value]) => `${key} ${String(seen[key as keyof Topology])} -> ${String(value)}`).join(', ')
}

async function isReadyNow(world: DockerWorld): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(5000)
    for (const check of readinessChecks(world)) await untilReady(check, signal, () => {})
    return true
  } catch {
    return false
  }
}

async function start(options: UpOptions, images: BuiltImages): Promise<DockerWorld> {
  const { engine, config, world, topology } = options
  const compose = await bringCompose(config, options.say)
  await forgetDeadReservations()
  const { range, hold } = await takeRange(engine.docker, config.networkBase)
  await using _hold = hold
  const folder = worldFolder(world)
  const environmentFile = join(folder, '.env')
  await mkdir(folder, { recursive: true })
  const variables = worldVariables({
    world,
    topology,
    prefixes: sitePrefixes(range),
    tag: images.tag,
    port: config.port,
  })
  await writeFile(
    environmentFile,
    Object.entries(variables)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )

  let running: DockerWorld | undefined
  const deadline = new AbortController()
  const signal = AbortSignal.any([options.signal, deadline.signal])
  await showSteps([
    {
      title: `containers of world ${world} (${compose.command.join(' ')} ${compose.version})`,
      work: async (note) => {
        await composeUp({ compose, engine, config, world, environmentFile, signal: options.signal, onLine: note })
        running = await openWorldOn(engine.docker, world)
      },
    },
    {
      title: 'everything is ready',
      work: async (note) => {
        if (running === undefined) return
        const timer = setTimeout(() => deadline.abort(), readyTimeoutMs)
        try {
          for (const check of readinessChecks(running))
            await untilReady(check, signal, (reason) => note(`${check.title}: ${reason}`))
        } catch (error) {
          if (options.signal.aborted) throw error
          throw new EnvironmentError(
            `world ${world} is not ready after ${readyTimeoutMs / 1000} s: ${(error as Error).message}`,
          )
        } finally {
          clearTimeout(timer)
        }
      },
    },
  ])
  if (running === undefined) throw new Error('compose ended without a world')
  if (options.signal.aborted) throw new EnvironmentError(`bringing up world ${world} was interrupted`)
  return running
}

/** The last words of a world that did not come up. */
async function keepLogs(docker: Dockerode, world: string, say: (line: string) => void): Promise<void> {
  const folder = join(stateFolder, 'failed-up', world)
  await mkdir(folder, { recursive: true })
  const containers = await listContainers(docker, world)
  await Promise.all(
    containers.map(async (each) => {
      const raw = await docker.getContainer(each.id).logs({ stdout: true, stderr: true, follow: false, tail: 2000 })
      await writeFile(join(folder, `${targetName(each)}.log`), raw)
    }),
  )
  if (containers.length > 0) say(`the containers' logs are in ${folder}`)
}
