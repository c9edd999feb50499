// What the integration tests' rigs have in common: containers of the images of a world, started by Testcontainers. All that one rig
// has made carries one label, as in a world, and is removed by it, whatever was killed in between.
import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import type Dockerode from 'dockerode'
import {
  GenericContainer,
  getContainerRuntimeClient,
  PullPolicy,
  StartedNetwork,
  Wait,
  type ExecResult,
  type StartedTestContainer,
} from 'testcontainers'
import { removeWorld } from '#world/down.ts'
import { worldLabel } from '#world/world-containers.ts'

// What a rig made is removed by its label; the reaper's image can't be pulled everywhere.
process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true'

export type ImageName = 'node' | 'postgres' | 'redis' | 'kafka' | 'etcd' | 'glb' | 'resolver'
export type PublishedPort = number | `${number}/udp`

/** Polls until `look` gives something other than null, undefined or false. @throws AssertionError that says what never came */
export async function eventually<Value>(
  what: string,
  look: () => Promise<Value | null | undefined | false>,
  timeoutMs = 60_000,
): Promise<Value> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await look()
    if (value !== null && value !== undefined && value !== false) return value
    assert.ok(performance.now() < deadline, `expected ${what} within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A network of one rig. `net`: its first three numbers; it is a /24. */
export interface RigNetwork {
  readonly started: StartedNetwork
  readonly net: string
}

export class Rig implements AsyncDisposable {
  readonly name: string
  readonly #docker: Dockerode

  private constructor(name: string, docker: Dockerode) {
    this.name = name
    this.#docker = docker
  }

  /** @param purpose a word for the names of what is made, such as `agent` */
  static async open(purpose: string): Promise<Rig> {
    const { container } = await getContainerRuntimeClient()
    return new Rig(`test-${purpose}-${randomBytes(3).toString('hex')}`, container.dockerode)
  }

  /**
   * By Testcontainers' client and not by its `Network`, which takes neither the label nor a subnet of our choice; without that Docker
   * gives no static addresses. The subnet is one of 198.19.128.0/17, where worlds hardly ever get, that Docker finds to be free.
   */
  async network(suffix = 'site', { gateway = 254, isInternal = false } = {}): Promise<RigNetwork> {
    const client = await getContainerRuntimeClient()
    const name = `${this.name}-${suffix}`
    for (let attempt = 1; ; attempt += 1) {
      const net = `198.19.${randomInt(128, 256)}`
      const IPAM = { Config: [{ Subnet: `${net}.0/24`, Gateway: `${net}.${gateway}` }] }
      try {
        const made = await client.network.create({ Name: name, Labels: this.#labels, Internal: isInternal, IPAM })
        return { started: new StartedNetwork(client, name, made), net }
      } catch (error) {
        if (attempt === 50 || !String(error).includes('overlaps')) throw error
      }
    }
  }

  container(image: ImageName): RigContainer {
    return new RigContainer(image, this.#labels)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeWorld(this.#docker, this.name)
  }

  get #labels(): Record<string, string> {
    return { [worldLabel]: this.name }
  }
}

/** A container to be started. It counts as started at once, unless it is given a wait strategy; most rigs ask their containers themselves. */
export class RigContainer extends GenericContainer {
  readonly #furtherNetworks: { network: RigNetwork; address: string }[] = []

  constructor(image: ImageName, labels: Record<string, string>) {
    super(`firedrill-${image}`)
    // The checkout makes the images. What is left is found by label, so there is no need for a reaper, whose image may be out of reach.
    this.withPullPolicy(PullPolicy.neverPull()).withAutoCleanup(false).withWaitStrategy(Wait.forAll([]))
    this.withLabels(labels)
    this.hostConfig.Init = true
  }

  /** With a static address, as in a world; Testcontainers has none. Further calls attach it to further networks before it starts. */
  withAddress(network: RigNetwork, address: string): this {
    if (this.networkMode !== undefined) {
      this.#furtherNetworks.push({ network, address })
      return this
    }
    this.createOpts.NetworkingConfig = {
      EndpointsConfig: { [network.started.getName()]: { IPAMConfig: { IPv4Address: address } } },
    }
    return this.withNetwork(network.started)
  }

  /** `addresses` by name, for the container's hosts file. */
  withHosts(addresses: Readonly<Record<string, string>>): this {
    return this.withExtraHosts(Object.entries(addresses).map(([host, ipAddress]) => ({ host, ipAddress })))
  }

  /** Kernel settings and devices, which Testcontainers has no words for. */
  withHostConfig(more: Pick<Dockerode.HostConfig, 'Sysctls' | 'Devices'>): this {
    Object.assign(this.hostConfig, more)
    return this
  }

  async run(): Promise<StartedRigContainer> {
    const started = await this.start()
    const { container } = await getContainerRuntimeClient()
    return new StartedRigContainer(started, container.getById(started.getId()))
  }

  // Testcontainers would publish the ports on all addresses of this machine.
  protected override async beforeContainerCreated(): Promise<void> {
    const published: Record<string, Dockerode.PortBinding[]> = this.hostConfig.PortBindings ?? {}
    for (const binding of Object.values(published).flat()) binding.HostIp = '127.0.0.1'
  }

  protected override async containerCreated(id: string): Promise<void> {
    const { network: networks } = await getContainerRuntimeClient()
    for (const { network, address } of this.#furtherNetworks) {
      const EndpointConfig = { IPAMConfig: { IPv4Address: address } }
      await networks.getById(network.started.getId()).connect({ Container: id, EndpointConfig })
    }
  }
}

/** A container that was started: with kill and pause, for which Testcontainers has no words. */
export class StartedRigContainer {
  readonly #started: StartedTestContainer
  readonly #container: Dockerode.Container

  constructor(started: StartedTestContainer, container: Dockerode.Container) {
    this.#started = started
    this.#container = container
  }

  /** `127.0.0.1:port` at which the test reaches `port`. Docker may choose another one at each start. */
  async at(port: PublishedPort): Promise<string> {
    const { NetworkSettings } = await this.#container.inspect()
    const bound = NetworkSettings.Ports[typeof port === 'number' ? `${port}/tcp` : port]?.[0]?.HostPort
    assert.ok(
      bound,
      `expected port ${port} to be published, saw none; the container may have ended: ${await this.log()}`,
    )
    return `127.0.0.1:${bound}`
  }

  async kill(): Promise<void> {
    await this.#container.kill()
  }

  /** After a kill. */
  async start(): Promise<void> {
    await this.#container.start()
  }

  async pause(): Promise<void> {
    await this.#container.pause()
  }

  async unpause(): Promise<void> {
    await this.#container.unpause()
  }

  async restart(): Promise<void> {
    await this.#started.restart({ timeout: 3000 })
  }

  /** With its volumes. */
  async remove(): Promise<void> {
    await this.#container.remove({ force: true, v: true })
  }

  async log(): Promise<string> {
    return (await this.#container.logs({ stdout: true, stderr: true })).toString('utf8')
  }

  exec(command: readonly string[], user?: string): Promise<ExecResult> {
    return this.#started.exec([...command], user === undefined ? {} : { user })
  }

  /** Address on a network. */
  address(network: RigNetwork): string {
    return this.#started.getIpAddress(network.started.getName())
  }
}
