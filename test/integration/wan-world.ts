// A small world for the WAN's tests: the WAN on six internal networks and an out-of-band one, and a few bare hosts.
import Docker from 'dockerode'
import { fileURLToPath } from 'node:url'
import { PassThrough } from 'node:stream'
import {
  areaHosts,
  isArea,
  isSite,
  lastOctet,
  ports,
  regionHosts,
  siteHosts,
  siteIndex,
  sites,
} from '#protocol/sites.ts'
import type { Site } from '#protocol/sites.ts'

const label = 'firedrill.world'
const image = process.env['FIREDRILL_NODE_IMAGE'] ?? 'firedrill-node'
const folder = fileURLToPath(new URL('.', import.meta.url))

export class WanWorld {
  readonly name: string
  readonly #base: string
  readonly #docker = new Docker()
  readonly #containers = new Map<string, Docker.Container>()
  wayInPort = 0
  wayInToken = ''
  fenceToken = ''

  /** `base`: first three octets of site a's network; the other sites' follow. */
  constructor(name: string, base: string) {
    this.name = name
    this.#base = base
  }

  net(site: Site): string {
    const [first, second, third] = this.#base.split('.')
    return `${first}.${second}.${Number(third) + siteIndex(site)}`
  }

  /** Address of `postgres.b` or `wan.b` as seen from site `from`. */
  address(host: string, from: Site): string {
    const [name = '', site = ''] = host.split('.')
    if (!isSite(site)) throw new Error(`expected <host>.<site>, saw ${host}`)
    const hosts: Readonly<Record<string, number>> = { ...(isArea(site) ? areaHosts : regionHosts), ...siteHosts }
    return `${this.net(from)}.${lastOctet(site, hosts[name] ?? 0)}`
  }

  async start(hosts: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.remove()
    await this.#createNetworks()
    const volume = await this.#docker.createVolume({ Name: `${this.name}-secrets`, Labels: this.#labels() })
    const wan = await this.#docker.createContainer({
      name: `${this.name}-wan`,
      Image: image,
      Cmd: ['node', 'services/wan/main.ts'],
      Labels: this.#labels(),
      Env: Object.entries({ FIREDRILL_NETS: sites.map((site) => this.net(site)).join(','), ...environment }).map(
        ([key, value]) => `${key}=${value}`,
      ),
      ExposedPorts: { [`${ports.wayIn}/tcp`]: {} },
      HostConfig: {
        CapAdd: ['NET_ADMIN'],
        Devices: [{ PathOnHost: '/dev/net/tun', PathInContainer: '/dev/net/tun', CgroupPermissions: 'rwm' }],
        Sysctls: { 'net.ipv4.ip_forward': '1', 'net.ipv4.conf.all.proxy_arp': '1' },
        NetworkMode: `${this.name}-oob`,
        PortBindings: { [`${ports.wayIn}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: '' }] },
        Binds: [`${volume.name}:/run/firedrill`],
      },
    })
    this.#containers.set('wan', wan)
    for (const site of sites) {
      await this.#docker.getNetwork(`${this.name}-${site}`).connect({
        Container: wan.id,
        EndpointConfig: { IPAMConfig: { IPv4Address: this.address(`wan.${site}`, site) } },
      })
    }
    await wan.start()
    await Promise.all(hosts.map((host) => this.#startHost(host)))
    await this.#findWayIn(wan)
  }

  async remove(): Promise<void> {
    const filters = { label: [`${label}=${this.name}`] }
    const containers = await this.#docker.listContainers({ all: true, filters })
    await Promise.all(containers.map(({ Id }) => this.#docker.getContainer(Id).remove({ force: true, v: true })))
    const networks = await this.#docker.listNetworks({ filters })
    await Promise.all(networks.map(({ Id }) => this.#docker.getNetwork(Id).remove()))
    const { Volumes } = await this.#docker.listVolumes({ filters })
    await Promise.all(Volumes.map(({ Name }) => this.#docker.getVolume(Name).remove()))
  }

  /** Runs a command in a container; its standard output. */
  async exec(host: string, argv: readonly string[]): Promise<string> {
    const container = this.#containers.get(host)
    if (container === undefined) throw new Error(`no container ${host}`)
    const exec = await container.exec({ Cmd: [...argv], AttachStdout: true, AttachStderr: true })
    const stream = await exec.start({})
    const [output, errors] = [new PassThrough(), new PassThrough()]
    this.#docker.modem.demuxStream(stream, output, errors)
    stream.once('end', () => [output, errors].forEach((each) => each.end()))
    const texts = await Promise.all([output, errors].map(async (each) => (await each.toArray()).join('')))
    const { ExitCode } = await exec.inspect()
    if (ExitCode !== 0) throw new Error(`${host}: ${argv.join(' ')} exited with ${ExitCode}: ${texts.join('')}`)
    return texts[0] ?? ''
  }

  /** One command of wan-peer.ts in a container; what it printed. */
  async peer(host: string, ...argv: readonly (string | number)[]): Promise<unknown> {
    return JSON.parse(await this.exec(host, ['node', 'test/integration/wan-peer.ts', ...argv.map(String)]))
  }

  async restartWan(): Promise<void> {
    const wan = this.#containers.get('wan')
    if (wan === undefined) throw new Error('no WAN')
    await wan.restart({ t: 3 })
    await this.#findWayIn(wan)
  }

  /** The WAN's address on the out-of-band network. */
  async outOfBandAddress(): Promise<string> {
    const facts = await this.#containers.get('wan')?.inspect()
    return facts?.NetworkSettings.Networks[`${this.name}-oob`]?.IPAddress ?? ''
  }

  async #createNetworks(): Promise<void> {
    for (const site of sites) {
      await this.#docker.createNetwork({
        Name: `${this.name}-${site}`,
        Internal: true,
        Labels: this.#labels(),
        IPAM: {
          Config: [
            { Subnet: `${this.net(site)}.0/24`, Gateway: `${this.net(site)}.${lastOctet(site, siteHosts.gateway)}` },
          ],
        },
      })
    }
    await this.#docker.createNetwork({ Name: `${this.name}-oob`, Labels: this.#labels() })
  }

  async #startHost(host: string): Promise<void> {
    const site = host.split('.')[1] as Site
    const network = `${this.name}-${site}`
    const container = await this.#docker.createContainer({
      name: `${this.name}-${host}`,
      Image: image,
      Cmd: ['node', 'test/integration/wan-peer.ts', 'serve'],
      Labels: this.#labels(),
      HostConfig: { NetworkMode: network, CapAdd: ['NET_ADMIN'], Binds: [`${folder}:/firedrill/test/integration:ro`] },
      NetworkingConfig: { EndpointsConfig: { [network]: { IPAMConfig: { IPv4Address: this.address(host, site) } } } },
    })
    this.#containers.set(host, container)
    await container.start()
  }

  async #findWayIn(wan: Docker.Container): Promise<void> {
    const deadline = performance.now() + 20_000
    for (;;) {
      try {
        const facts = await wan.inspect()
        this.wayInPort = Number(facts.NetworkSettings.Ports[`${ports.wayIn}/tcp`]?.[0]?.HostPort)
        this.wayInToken = (await this.exec('wan', ['cat', '/var/lib/firedrill/wan/token'])).trim()
        const secrets = await this.exec('wan', ['cat', '/run/firedrill/secrets.json'])
        this.fenceToken = (JSON.parse(secrets) as { fence: string }).fence
        await fetch(`http://127.0.0.1:${this.wayInPort}/clock`)
        return
      } catch (error) {
        if (performance.now() > deadline) {
          const output = (await wan.logs({ stdout: true, stderr: true })).toString()
          throw new Error(`the WAN did not come up: ${output}`, { cause: error })
        }
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
  }

  #labels(): Record<string, string> {
    return { [label]: this.name }
  }
}
