// A small world for the WAN's tests: the WAN on six internal networks and an out-of-band one, and a few bare hosts.
import { fileURLToPath } from 'node:url'
import {
  areaHosts,
  isArea,
  isSite,
  lastOctet,
  ports,
  regionHosts,
  siteHosts,
  sites,
  type Site,
} from '#protocol/sites.ts'
import { eventually, Rig, type RigNetwork, type StartedRigContainer } from './rig.ts'

const peerPath = '/firedrill/test/integration/wan-peer.ts'

export class WanWorld implements AsyncDisposable {
  readonly #rig: Rig
  readonly #networks: ReadonlyMap<Site, RigNetwork>
  readonly #outOfBand: RigNetwork
  readonly #containers = new Map<string, StartedRigContainer>()
  wayInPort = 0
  wayInToken = ''
  fenceToken = ''

  private constructor(rig: Rig, networks: ReadonlyMap<Site, RigNetwork>, outOfBand: RigNetwork) {
    this.#rig = rig
    this.#networks = networks
    this.#outOfBand = outOfBand
  }

  static async start(hosts: readonly string[]): Promise<WanWorld> {
    const rig = await Rig.open('wan')
    try {
      const networks = new Map<Site, RigNetwork>()
      for (const site of sites)
        networks.set(site, await rig.network(site, { gateway: lastOctet(site, siteHosts.gateway), isInternal: true }))
      const world = new WanWorld(rig, networks, await rig.network('oob'))
      await world.#createWan()
      await Promise.all(hosts.map((host) => world.#startHost(host)))
      return world
    } catch (error) {
      await rig[Symbol.asyncDispose]()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rig[Symbol.asyncDispose]()
  }

  #network(site: Site): RigNetwork {
    const network = this.#networks.get(site)
    if (network === undefined) throw new Error(`no network of site ${site}`)
    return network
  }

  /** As the label of its containers says it. */
  get name(): string {
    return this.#rig.name
  }

  /** Address of `postgres.b` or `wan.b` as seen from site `from`. */
  address(host: string, from: Site): string {
    const [name = '', site = ''] = host.split('.')
    if (!isSite(site)) throw new Error(`expected <host>.<site>, saw ${host}`)
    const hosts: Readonly<Record<string, number>> = { ...(isArea(site) ? areaHosts : regionHosts), ...siteHosts }
    return `${this.#network(from).net}.${lastOctet(site, hosts[name] ?? 0)}`
  }

  /** Runs a command in a container; its standard output. */
  async exec(host: string, argv: readonly string[]): Promise<string> {
    const { exitCode, stdout, output } = await this.#container(host).exec(argv)
    if (exitCode !== 0) throw new Error(`${host}: ${argv.join(' ')} exited with ${exitCode}: ${output}`)
    return stdout
  }

  /** One command of wan-peer.ts in a container; what it printed. */
  async peer(host: string, ...argv: readonly (string | number)[]): Promise<unknown> {
    return JSON.parse(await this.exec(host, ['node', peerPath, ...argv.map(String)]))
  }

  async restartWan(): Promise<void> {
    await this.#container('wan').restart()
    await this.#findWayIn()
  }

  async killWan(): Promise<void> {
    await this.#container('wan').kill()
  }

  /** After a kill. */
  async startWan(): Promise<void> {
    await this.#container('wan').start()
    await this.#findWayIn()
  }

  /** The WAN's address on the out-of-band network. */
  get outOfBandAddress(): string {
    return this.#container('wan').address(this.#outOfBand)
  }

  #container(host: string): StartedRigContainer {
    const container = this.#containers.get(host)
    if (container === undefined) throw new Error(`no container ${host}`)
    return container
  }

  async #createWan(): Promise<void> {
    const recipe = this.#rig
      .container('node')
      .withName(`${this.#rig.name}-wan`)
      .withLabels({ 'firedrill.service': 'wan' })
      .withCommand(['node', 'services/wan/main.ts'])
      .withEnvironment({ FIREDRILL_NETS: sites.map((site) => this.#network(site).net).join(',') })
      .withExposedPorts(ports.wayIn)
      .withAddedCapabilities('NET_ADMIN')
      .withHostConfig({
        Devices: [{ PathOnHost: '/dev/net/tun', PathInContainer: '/dev/net/tun', CgroupPermissions: 'rwm' }],
        Sysctls: { 'net.ipv4.ip_forward': '1', 'net.ipv4.conf.all.proxy_arp': '1' },
      })
      .withNetwork(this.#outOfBand.started)
    for (const site of sites) recipe.withAddress(this.#network(site), this.address(`wan.${site}`, site))
    this.#containers.set('wan', await recipe.run())
    await this.#findWayIn()
  }

  async #startHost(host: string): Promise<void> {
    const [service, site] = host.split('.') as [string, Site]
    const source = fileURLToPath(new URL('wan-peer.ts', import.meta.url))
    const container = await this.#rig
      .container('node')
      .withName(`${this.#rig.name}-${host}`)
      .withLabels({ 'firedrill.service': service, 'firedrill.site': site })
      .withCommand(['node', peerPath, 'serve'])
      .withCopyFilesToContainer([{ source, target: peerPath }])
      .withAddedCapabilities('NET_ADMIN')
      .withAddress(this.#network(site), this.address(host, site))
      .run()
    this.#containers.set(host, container)
  }

  async #findWayIn(): Promise<void> {
    const wan = this.#container('wan')
    let lastError: unknown
    const look = async (): Promise<boolean> => {
      const authority = await wan.at(ports.wayIn)
      this.wayInPort = Number(authority.split(':')[1])
      this.wayInToken = (await this.exec('wan', ['cat', '/var/lib/firedrill/wan/token'])).trim()
      const secrets = await this.exec('wan', ['cat', '/run/firedrill/secrets.json'])
      this.fenceToken = (JSON.parse(secrets) as { fence: string }).fence
      await fetch(`http://${authority}/clock`)
      return true
    }
    await eventually('the WAN to come up', () => look().catch((error) => ((lastError = error), false))).catch(
      async (error: Error) => {
        throw new Error(`${error.message}: ${await wan.log()}`, { cause: lastError })
      },
    )
  }
}
