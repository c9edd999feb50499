// A running world on Docker. Everything about it (addresses, topology, secrets, the way in) is read from Docker, so that it is the
// same for a world that `up` has started, that compose has started by hand, and that another process has left behind.
import type Dockerode from 'dockerode'
import { z } from 'zod'
import { ports } from '#protocol/sites.ts'
import type { Topology } from '#protocol/topology.ts'
import { loadHostConfig, type Secrets } from '#runtime/config.ts'
import { messageOf } from '#runtime/message-of.ts'
import { findCompose } from './compose.ts'
import { connectEngine } from './docker-engine.ts'
import { followEvents } from './docker-events.ts'
import { readFileOf, writeFileOf } from './docker-files.ts'
import { limitContainer, limitsOfContainer, statisticsOf } from './docker-limits.ts'
import { demultiplex, outputOf } from './docker-output.ts'
import { DockerWayIn } from './docker-way-in.ts'
import { EnvironmentError } from './environment-error.ts'
import type {
  ContainerFacts,
  ContainerStatistics,
  DockerEvent,
  EngineFacts,
  EventStream,
  Limits,
  RunningWorld,
  ServiceName,
  Target,
} from './running-world.ts'
import { topologyOf } from './topology-environment.ts'
import { findContainer, listContainers, targetName } from './world-containers.ts'
import { unsupportedFaults, type EngineInfo, type UnsupportedFault } from './fault-support.ts'

const secretsFile = '/run/firedrill/secrets.json'
const wayInTokenFile = '/var/lib/firedrill/wan/token'
const wanTarget: Target = { site: null, service: 'wan' }

/**
 * How a site's containers are started, and the port by which each is seen to have: one after another, since in a region of its
 * own they would not take the processors from those that serve. Kafka takes longest and has a small share of them.
 */
const startOrder: Readonly<Record<ServiceName, number | null>> = {
  wan: null,
  kafka: null,
  etcd: ports.etcd,
  postgres: ports.control,
  controller: ports.control,
  redis: ports.redis,
  app: ports.app,
  dns: ports.control,
  bridge: ports.control,
  resolver: ports.dns,
  glb: ports.glb,
  client: ports.control,
}
const listenTimeoutMs = 5000
const listenPauseMs = 100
/** How often a container is paused that can't be frozen at the moment; each try takes about a second. */
const mostFreezes = 5

const secretsShape = z.object({
  control: z.string(),
  fence: z.string(),
  postgres: z.string(),
})

/** A running world, with what only `world/` and `cli/` need of it. */
export class DockerWorld implements RunningWorld {
  readonly name: string
  readonly topology: Topology
  readonly secrets: Secrets
  readonly wayIn: DockerWayIn
  readonly docker: Dockerode
  private ids = new Map<string, string>()

  constructor(options: {
    readonly name: string
    readonly topology: Topology
    readonly secrets: Secrets
    readonly wayIn: DockerWayIn
    readonly docker: Dockerode
  }) {
    this.name = options.name
    this.topology = options.topology
    this.secrets = options.secrets
    this.wayIn = options.wayIn
    this.docker = options.docker
  }

  async containers(): Promise<readonly ContainerFacts[]> {
    const found = await listContainers(this.docker, this.name)
    this.ids = new Map(found.map((each) => [targetName(each), each.id]))
    return found
  }

  async engine(): Promise<EngineFacts> {
    const [version, info, compose] = await Promise.all([
      this.docker.version(),
      this.docker.info(),
      findCompose(loadHostConfig()),
    ])
    return {
      version: version.Version,
      compose: compose?.version ?? null,
      processors: Number(info.NCPU),
      memoryBytes: Number(info.MemTotal),
      kernel: String(info.KernelVersion),
      system: String(info.OperatingSystem),
    }
  }

  async unsupportedFaults(): Promise<readonly UnsupportedFault[]> {
    return unsupportedFaults((await this.docker.info()) as EngineInfo)
  }

  async kill(targets: readonly Target[]): Promise<void> {
    await this.each(targets, async (container) => unlessAlready(container.kill(), 409))
  }

  async stop(targets: readonly Target[]): Promise<void> {
    await this.each(targets, async (container) => unlessAlready(container.stop(), 304))
  }

  async start(targets: readonly Target[]): Promise<void> {
    const bySite = Map.groupBy(targets, (target) => target.site)
    await Promise.all([...bySite.values()].map(async (each) => this.startInTurns(each)))
  }

  /** Each when the one before it listens, or would not in time. */
  private async startInTurns(targets: readonly Target[]): Promise<void> {
    for (const [service, port] of Object.entries(startOrder)) {
      const target = targets.find((each) => each.service === service)
      if (target === undefined) continue
      await this.each([target], async (container) => unlessAlready(container.start(), 304))
      if (port !== null) await this.untilListening(targetName(target), port)
    }
  }

  private async untilListening(host: string, port: number): Promise<void> {
    const deadline = performance.now() + listenTimeoutMs
    while (performance.now() < deadline) {
      try {
        ;(await this.wayIn.connect(host, port, listenTimeoutMs)).destroy()
        return
      } catch {
        await new Promise((resolve) => setTimeout(resolve, listenPauseMs))
      }
    }
  }

  async pause(targets: readonly Target[]): Promise<void> {
    await this.each(targets, pauseContainer)
  }

  async unpause(targets: readonly Target[]): Promise<void> {
    await this.each(targets, async (container) => unlessIn(container, 'running', container.unpause()))
  }

  async exec(
    target: Target,
    argv: readonly string[],
  ): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
    const container = await this.container(target)
    const exec = await container.exec({ Cmd: [...argv], AttachStdout: true, AttachStderr: true })
    const stream = await exec.start({})
    const [stdout, stderr] = await demultiplex(this.docker, stream)
    return { exitCode: (await exec.inspect()).ExitCode ?? 1, stdout, stderr }
  }

  async writeFile(target: Target, path: string, text: string): Promise<void> {
    await writeFileOf(await this.container(target), path, text)
  }

  async limitsOf(target: Target): Promise<Limits> {
    return limitsOfContainer(this.docker, await this.container(target))
  }

  async limit(target: Target, limits: Partial<Limits>): Promise<void> {
    await limitContainer(this.docker, await this.container(target), limits)
  }

  async statistics(target: Target): Promise<ContainerStatistics> {
    return statisticsOf(this.docker, await this.container(target))
  }

  async events(sinceMs: number | null, onEvent: (event: DockerEvent) => void): Promise<EventStream> {
    return followEvents(this.docker, this.name, sinceMs, onEvent)
  }

  private async container(target: Target): Promise<Dockerode.Container> {
    return this.docker.getContainer(await this.id(target))
  }

  async logs(target: Target): Promise<string> {
    return outputOf(await this.container(target))
  }

  /** @throws EnvironmentError if the world has no such container */
  async id(target: Target): Promise<string> {
    const name = targetName(target)
    if (!this.ids.has(name)) await this.containers()
    return this.ids.get(name) ?? (await findContainer(this.docker, this.name, target)).id
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.wayIn.close()
  }

  private async each(
    targets: readonly Target[],
    act: (container: Dockerode.Container) => Promise<void>,
  ): Promise<void> {
    await Promise.all(targets.map(async (target) => act(await this.container(target))))
  }
}

/** As `openWorldOn`, with the Docker of this machine's configuration. */
export async function openWorld(name: string, say: (line: string) => void = () => {}): Promise<DockerWorld> {
  const engine = await connectEngine(loadHostConfig(), say)
  return openWorldOn(engine.docker, name)
}

/**
 * Opens a world that is up.
 * @throws EnvironmentError if there is none of this name, or its WAN does not run
 */
export async function openWorldOn(docker: Dockerode, name: string): Promise<DockerWorld> {
  const wan = await findContainer(docker, name, wanTarget)
  if (wan.state !== 'running')
    throw new EnvironmentError(
      `the WAN of world ${name} is ${wan.state}, so nothing can be reached; start it: ./firedrill heal --world ${name}`,
    )
  const container = docker.getContainer(wan.id)
  const facts = await container.inspect()
  const port = publishedWayIn(facts)
  if (port === null)
    throw new EnvironmentError(`the WAN of world ${name} has no published port ${ports.wayIn}; bring the world up anew`)
  const { secrets, wayInToken } = await readSecrets(container)
  const address = {
    host: '127.0.0.1',
    port,
    token: wayInToken,
    controlToken: secrets.control,
    findPort: async () => publishedWayIn(await container.inspect()),
  }
  return new DockerWorld({
    name,
    topology: topologyOf(facts.Config.Env),
    secrets,
    wayIn: new DockerWayIn(address),
    docker,
  })
}

function publishedWayIn(facts: Dockerode.ContainerInspectInfo): number | null {
  const published = facts.NetworkSettings.Ports[`${ports.wayIn}/tcp`]?.[0]
  return published === undefined ? null : Number(published.HostPort)
}

/** Reads the files that the WAN wrote at the world's first start; it may not have come to it yet. */
async function readSecrets(container: Dockerode.Container): Promise<{ secrets: Secrets; wayInToken: string }> {
  const deadline = performance.now() + 20_000
  for (;;) {
    const secretsText = await readFileOf(container, secretsFile)
    const wayInToken = (await readFileOf(container, wayInTokenFile))?.trim()
    if (secretsText !== null && secretsText !== '' && wayInToken !== undefined && wayInToken !== '')
      return { secrets: secretsShape.parse(JSON.parse(secretsText)), wayInToken }
    if (performance.now() > deadline)
      throw new EnvironmentError('the WAN has not written the secrets within 20 s; see: ./firedrill logs wan')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

async function unlessAlready(work: Promise<unknown>, alreadyStatus: number): Promise<void> {
  try {
    await work
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode !== alreadyStatus) throw error
  }
}

/**
 * A kernel with control groups of version 1 gives up where a process is busy inside it at that moment; Docker then lets all go on, and
 * says so.
 */
async function pauseContainer(container: Dockerode.Container): Promise<void> {
  for (let left = mostFreezes; ; left -= 1) {
    try {
      await unlessIn(container, 'paused', container.pause())
      return
    } catch (error) {
      if (left <= 1 || !messageOf(error).includes('unable to freeze')) throw error
    }
  }
}

/** Docker refuses to pause what is paused with the same status as for what is dead: the state decides. */
async function unlessIn(container: Dockerode.Container, wanted: string, work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if ((await container.inspect()).State.Status !== wanted) throw error
  }
}
