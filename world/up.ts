// Brings a world up: images, addresses, compose, readiness. What it has started goes again if it fails or is interrupted.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type Dockerode from 'dockerode'
import { worldName } from '#protocol/names.ts'
import type { Topology } from '#protocol/topology.ts'
import type { HostConfig } from '#runtime/config.ts'
import { forgetDeadReservations, sitePrefixes, takeRange } from './address-range.ts'
import { stateFolder, worldFolder } from './checkout.ts'
import { lastLines } from './child-process.ts'
import { bringCompose, composeUp } from './compose.ts'
import type { Engine } from './docker-engine.ts'
import { type DockerWorld, openWorldOn } from './docker-world.ts'
import { outputOf } from './docker-output.ts'
import { disksOverride } from './disks.ts'
import type { WorldLock } from './busy-lock.ts'
import { removeWorld } from './down.ts'
import { EnvironmentError } from './environment-error.ts'
import { type BuiltImages, buildImages } from './images/build-images.ts'
import { type Note, showSteps } from './progress.ts'
import { readinessChecks, untilReady } from './readiness.ts'
import { topologyOf, worldVariables } from './topology-environment.ts'
import { listContainers, notRunning, targetName } from './world-containers.ts'

const readyTimeoutMs = 180_000
const lookIntervalMs = 2000
/** Docker may still be at work on what compose asked for before it was interrupted. */
const interruptedSettleMs = 2000
/** A world that is up but not ready within this time is made anew; a busy machine needs some of it. */
const reuseTimeoutMs = 20_000

export interface UpOptions {
  readonly engine: Engine
  readonly config: HostConfig
  readonly world: string
  readonly topology: Topology
  readonly say: (line: string) => void
  readonly signal: AbortSignal
  /** Held by the caller; it is on the world that is returned then. */
  readonly lock: WorldLock
}

/**
 * The world, ready. One that is up with this topology and these images is used as it is; any other of this name is replaced.
 * @throws EnvironmentError; nothing is left running then, unless somebody else has it
 */
export async function bringUp(options: UpOptions): Promise<DockerWorld> {
  const { engine, config, world, topology, say } = options
  const named = worldName.safeParse(world)
  if (!named.success)
    throw new EnvironmentError(`${named.error.issues[0]?.message ?? 'no world name'}, saw ${JSON.stringify(world)}`)
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
  await options.lock.claim()
  await removeWorld(engine.docker, world)
  try {
    return await start(options, images)
  } catch (error) {
    await removeFailed(options)
    if (options.signal.aborted)
      throw new EnvironmentError(`interrupted; nothing of world ${world} is left`, { cause: error })
    throw error
  }
}

/** @throws EnvironmentError if the world is somebody else's by now: what there is of it is his */
async function removeFailed({ engine, world, lock, say, signal }: UpOptions): Promise<void> {
  try {
    await lock.claim()
  } catch (error) {
    throw new EnvironmentError(`world ${world} did not come up, and is left as it is: ${(error as Error).message}`, {
      cause: error,
    })
  }
  if (!signal.aborted) await keepLogs(engine.docker, world, say)
  await removeWorld(engine.docker, world, signal.aborted ? interruptedSettleMs : 0)
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
  const missing = notRunning(containers)
  if (missing.length > 0) return `not running: ${missing.join(', ')}`
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
    const signal = AbortSignal.timeout(reuseTimeoutMs)
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
  const override = disksOverride(world, topology)
  const overrideFile = override === null ? null : join(folder, 'compose.disks.yml')
  if (override !== null && overrideFile !== null) await writeFile(overrideFile, override)

  let running: DockerWorld | undefined
  await showSteps([
    {
      title: `containers of world ${world} (${compose.command.join(' ')} ${compose.version})`,
      work: async (note) => {
        const { signal } = options
        await composeUp({ compose, engine, config, world, environmentFile, overrideFile, signal, onLine: note })
        running = await openWorldOn(engine.docker, world)
        await options.lock.attach()
      },
    },
    {
      title: 'everything is ready',
      work: async (note) => {
        if (running === undefined) return
        const signal = AbortSignal.any([options.signal, options.lock.lost])
        await waitUntilReady(running, signal, note)
      },
    },
  ])
  if (running === undefined) throw new Error('compose ended without a world')
  return running
}

/** Fails at once if a container has ended, since nothing starts it again. */
async function waitUntilReady(world: DockerWorld, interrupted: AbortSignal, note: Note): Promise<void> {
  const late = AbortSignal.timeout(readyTimeoutMs)
  const stop = new AbortController()
  const signal = AbortSignal.any([interrupted, late, stop.signal])
  const watching = untilOneEnds(world, signal)
  try {
    for (const check of readinessChecks(world)) {
      const ready = untilReady(check, signal, (reason) => note(`${check.title}: ${reason}`))
      const ended = await Promise.race([ready, watching])
      if (typeof ended === 'string') throw new Error(ended)
    }
  } catch (error) {
    const reason = (error as Error).message
    throw new EnvironmentError(
      late.aborted ? `world ${world.name} is not ready after ${readyTimeoutMs / 1000} s: ${reason}` : reason,
      { cause: error },
    )
  } finally {
    stop.abort()
  }
}

/** Resolves with what has ended and its last words, or, at `signal`, with nothing. */
async function untilOneEnds(world: DockerWorld, signal: AbortSignal): Promise<string | undefined> {
  while (!signal.aborted) {
    const ended = await describeEnded(world)
    if (ended !== null && !signal.aborted) return ended
    await new Promise((resolve) => setTimeout(resolve, lookIntervalMs))
  }
  return undefined
}

/** The first container that has ended and its last words, or null. */
async function describeEnded(world: DockerWorld): Promise<string | null> {
  const ended = (await world.containers()).find(({ state }) => state === 'exited' || state === 'dead')
  if (ended === undefined) return null
  const words = lastLines(await outputOf(world.docker.getContainer(ended.id), 20), 1)
  return `${targetName(ended)} of world ${world.name} has ended: ${words.slice(0, 300)}`
}

/** The last words of a world that did not come up. */
async function keepLogs(docker: Dockerode, world: string, say: (line: string) => void): Promise<void> {
  const folder = join(stateFolder, 'failed-up', world)
  await mkdir(folder, { recursive: true })
  const containers = await listContainers(docker, world)
  await Promise.all(
    containers.map(async (each) => {
      await writeFile(join(folder, `${targetName(each)}.log`), await outputOf(docker.getContainer(each.id), 2000))
    }),
  )
  if (containers.length > 0) say(`the containers' logs are in ${folder}`)
}
