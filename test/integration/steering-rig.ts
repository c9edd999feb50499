// Containers for steering tests: one site's network with static addresses, the images that the world uses, and fake apps.
import { randomBytes } from 'node:crypto'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Docker from 'dockerode'
import { pack } from 'tar-fs'
import { request } from 'undici'
import { lastOctet, regionHosts, regions, type Region } from '#protocol/sites.ts'
import type { FakeCounts, FakeSettings } from './steering-fake-app.ts'

const docker = new Docker()
export const controlToken = 'steering-test-control-token'
const secrets = { control: controlToken, fence: 'steering-test-fence-token', postgres: 'steering-test-postgres' }

export interface RigContainer {
  readonly id: string
  /** `127.0.0.1:port` at which the host reaches `port`, such as `8080` or `53/udp`. */
  at(port: string): Promise<string>
  pause(): Promise<void>
  unpause(): Promise<void>
  kill(): Promise<void>
  restart(): Promise<void>
  logs(): Promise<string>
  /** What a command inside the container printed. */
  run(argv: readonly string[]): Promise<string>
}

export interface Rig extends AsyncDisposable {
  /** Address of last octet `octet`. */
  address(octet: number): string
  start(options: StartOptions): Promise<RigContainer>
  startFake(region: Region): Promise<FakeApp>
}

export interface StartOptions {
  readonly image: 'node' | 'glb' | 'resolver'
  readonly octet: number
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** Reached from the host; `8080`, or `53/udp`. */
  readonly ports: readonly string[]
}

/** A fake app and its switches. */
export interface FakeApp extends RigContainer {
  set(settings: Partial<FakeSettings>): Promise<void>
  counts(): Promise<FakeCounts>
  /** Forgets what was counted. */
  reset(): Promise<void>
}

/** Polls until `probe` gives a value other than null or false. @throws Error that says what never came */
export async function until<Value>(
  what: string,
  probe: () => Promise<Value | null | false>,
  withinMs = 15_000,
): Promise<Value> {
  const deadlineMs = performance.now() + withinMs
  for (;;) {
    const value = await probe()
    if (value !== null && value !== false) return value
    if (performance.now() > deadlineMs) throw new Error(`expected within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** @param net prefix of a /24 that no other test uses, such as `198.19.32` */
export async function createRig(net: string): Promise<Rig> {
  const world = `test-steering-${randomBytes(3).toString('hex')}`
  const labels = { 'firedrill.world': world }
  const network = await docker.createNetwork({
    Name: world,
    Labels: labels,
    IPAM: { Config: [{ Subnet: `${net}.0/24`, Gateway: `${net}.29` }] },
  })
  const hosts = regions.flatMap((region) =>
    (['app', 'dns'] as const).map((host) => `${host}.${region}:${net}.${lastOctet(region, regionHosts[host])}`),
  )
  const extraHosts = [...hosts, `resolver.na:${net}.98`, `glb.na:${net}.99`]

  const start = async (options: StartOptions): Promise<RigContainer> => {
    const container = await docker.createContainer({
      Image: `firedrill-${options.image}:${process.env['FIREDRILL_TAG'] ?? 'latest'}`,
      ...(options.command === undefined ? {} : { Cmd: [...options.command] }),
      Env: Object.entries({ FIREDRILL_SECRETS: '/firedrill/secrets.json', ...options.environment }).map(
        ([name, value]) => `${name}=${value}`,
      ),
      Labels: labels,
      ExposedPorts: Object.fromEntries(options.ports.map((port) => [withProtocol(port), {}])),
      HostConfig: {
        Init: true,
        NetworkMode: world,
        ExtraHosts: extraHosts,
        PortBindings: Object.fromEntries(
          options.ports.map((port) => [withProtocol(port), [{ HostIp: '127.0.0.1', HostPort: '' }]]),
        ),
      },
      NetworkingConfig: { EndpointsConfig: { [world]: { IPAMConfig: { IPv4Address: `${net}.${options.octet}` } } } },
    })
    if (options.image === 'node') await provide(container)
    await container.start()
    return wrap(container)
  }

  return {
    address: (octet) => `${net}.${octet}`,
    start,
    async startFake(region) {
      const command = ['node', '/firedrill/steering-fake-app.ts', region]
      const container = await start({
        image: 'node',
        octet: lastOctet(region, regionHosts.app),
        command,
        ports: ['8081'],
      })
      return controlFake(container)
    },
    async [Symbol.asyncDispose]() {
      const filters = { label: [`firedrill.world=${world}`] }
      const left = await docker.listContainers({ all: true, filters })
      await Promise.all(left.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true })))
      await network.remove()
    },
  }
}

function withProtocol(port: string): string {
  return port.includes('/') ? port : `${port}/tcp`
}

/** Puts the fake app and the world's secrets into a container that is not started yet. */
async function provide(container: Docker.Container): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'firedrill-steering-'))
  const source = fileURLToPath(new URL('steering-fake-app.ts', import.meta.url))
  await copyFile(source, join(folder, 'steering-fake-app.ts'))
  await writeFile(join(folder, 'secrets.json'), JSON.stringify(secrets))
  const archive = Buffer.concat(await Array.fromAsync(pack(folder) as AsyncIterable<Buffer>))
  await container.putArchive(archive, { path: '/firedrill' })
  await rm(folder, { recursive: true })
}

function wrap(container: Docker.Container): RigContainer {
  return {
    id: container.id,
    async at(port) {
      const { NetworkSettings: settings } = await container.inspect()
      const bindings = settings.Ports[withProtocol(port)]
      const bound = bindings?.[0]?.HostPort
      if (bound === undefined)
        throw new Error(`expected port ${port} to be published, saw none; the container may have ended`)
      return `127.0.0.1:${bound}`
    },
    pause: async () => {
      await container.pause()
    },
    unpause: async () => {
      await container.unpause()
    },
    kill: async () => {
      await container.kill()
    },
    restart: async () => {
      await container.restart({ t: 1 })
    },
    logs: async () => (await container.logs({ stdout: true, stderr: true })).toString('utf8'),
    run: async (argv) => {
      const exec = await container.exec({ Cmd: [...argv], AttachStdout: true, AttachStderr: true, Tty: true })
      const output = await exec.start({ Tty: true })
      return Buffer.concat(await Array.fromAsync(output as AsyncIterable<Buffer>)).toString('utf8')
    },
  }
}

async function controlFake(container: RigContainer): Promise<FakeApp> {
  const authority = await container.at('8081')
  const ask = async (method: 'GET' | 'PUT' | 'DELETE', body?: unknown): Promise<FakeCounts> => {
    const response = await request(`http://${authority}/`, { method, body: JSON.stringify(body) ?? null })
    return (await response.body.json()) as FakeCounts
  }
  const fake: FakeApp = {
    ...container,
    set: async (settings) => {
      await ask('PUT', settings)
    },
    counts: () => ask('GET'),
    reset: async () => {
      await ask('DELETE')
    },
  }
  await until('the fake app answers', () => fake.counts().catch(() => null))
  return fake
}
