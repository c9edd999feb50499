// Containers for steering tests: one network with static addresses, the images that the world uses, and fake apps.
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { lastOctet, regionHosts, regions, type Region } from '#protocol/sites.ts'
import { eventually, Rig, type PublishedPort, type RigNetwork, type StartedRigContainer } from './rig.ts'
import type { FakeCounts, FakeSettings } from './steering-fake-app.ts'

export const controlToken = 'steering-test-control-token'
const secrets = { control: controlToken, fence: 'steering-test-fence-token', postgres: 'steering-test-postgres' }
const secretsPath = '/firedrill/secrets.json'
const fakePath = '/firedrill/steering-fake-app.ts'
const fakeControlPort = 8081

export interface StartOptions {
  readonly image: 'node' | 'glb' | 'resolver'
  readonly octet: number
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** Reached from the test. */
  readonly ports: readonly PublishedPort[]
}

/** A fake app and its switches. */
export interface FakeApp {
  set(settings: Partial<FakeSettings>): Promise<void>
  counts(): Promise<FakeCounts>
  /** Forgets what was counted. */
  reset(): Promise<void>
  kill(): Promise<void>
}

/** Addresses are static, since they are what the DNS servers answer with. */
export class SteeringRig implements AsyncDisposable {
  readonly #rig: Rig
  readonly #network: RigNetwork

  private constructor(rig: Rig, network: RigNetwork) {
    this.#rig = rig
    this.#network = network
  }

  static async open(): Promise<SteeringRig> {
    const rig = await Rig.open('steering')
    return new SteeringRig(rig, await rig.network())
  }

  /** First three numbers of the network's addresses. */
  get net(): string {
    return this.#network.net
  }

  async start(options: StartOptions): Promise<StartedRigContainer> {
    return this.#container(options).run()
  }

  #container({ image, octet, command, environment, ports }: StartOptions) {
    const hosts = regions.flatMap((region) =>
      (['app', 'dns'] as const).map((host): [string, string] => [
        `${host}.${region}`,
        `${this.net}.${lastOctet(region, regionHosts[host])}`,
      ]),
    )
    const container = this.#rig
      .container(image)
      .withAddress(this.#network, `${this.net}.${octet}`)
      .withHosts({ ...Object.fromEntries(hosts), 'resolver.na': `${this.net}.98`, 'glb.na': `${this.net}.99` })
      .withEnvironment({ FIREDRILL_SECRETS: secretsPath, ...environment })
      .withCopyContentToContainer([{ content: JSON.stringify(secrets), target: secretsPath }])
      .withExposedPorts(...ports)
    return command === undefined ? container : container.withCommand([...command])
  }

  async startFake(region: Region): Promise<FakeApp> {
    const source = fileURLToPath(new URL('steering-fake-app.ts', import.meta.url))
    const container = await this.#container({
      image: 'node',
      octet: lastOctet(region, regionHosts.app),
      command: ['node', fakePath, region],
      ports: [fakeControlPort],
    })
      .withCopyFilesToContainer([{ source, target: fakePath }])
      .run()
    const authority = await container.at(fakeControlPort)
    const ask = async (method: 'GET' | 'PUT' | 'DELETE', body?: unknown): Promise<FakeCounts> => {
      const response = await request(`http://${authority}/`, { method, body: JSON.stringify(body) ?? null })
      return (await response.body.json()) as FakeCounts
    }
    // Not Wait.forHttp: where Testcontainers takes this machine for a container, it asks the bridge's address, where nothing is published.
    await eventually(`an answer of the fake app of ${region}`, async () => ask('GET').catch(() => null))
    return {
      set: async (settings) => {
        await ask('PUT', settings)
      },
      counts: () => ask('GET'),
      reset: async () => {
        await ask('DELETE')
      },
      kill: () => container.kill(),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rig[Symbol.asyncDispose]()
  }
}
