// The WAN's interfaces and routes: foreign blocks of every site go into the TUN device, nothing leaves a site any other way.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { promisify } from 'node:util'
import { lastOctet, siteHosts, sites, type Site } from '#protocol/sites.ts'

const run = promisify(execFile)

const deviceName = 'fd0'
/** Routing table of packets that come from a site. */
const siteTable = '100'
const rulePriority = { outOfBand: '10', local: '20', site: '30' } as const

export const tunDeviceName = deviceName

export interface Interface {
  readonly name: string
  readonly address: string
}

export interface WanInterfaces {
  readonly sites: Readonly<Record<Site, Interface>>
  readonly outOfBand: Interface
}

/** The WAN's own address in a site. */
export function wanAddress(nets: readonly string[], site: Site): string {
  return `${nets[sites.indexOf(site)]}.${lastOctet(site, siteHosts.wan)}`
}

/**
 * Tells the sites' interfaces from the out-of-band one by their addresses: their order isn't the compose file's.
 * @throws Error that names what is missing
 */
export function sortInterfaces(all: readonly Interface[], nets: readonly string[]): WanInterfaces {
  const find = (site: Site): Interface => {
    const expected = wanAddress(nets, site)
    const found = all.find((each) => each.address === expected)
    if (found !== undefined) return found
    const seen = all.map((each) => each.address).join(', ')
    throw new Error(`expected an interface with address ${expected} in site ${site}, saw ${seen}: attach the network`)
  }
  const bySite = Object.fromEntries(sites.map((site) => [site, find(site)])) as Record<Site, Interface>
  const others = all.filter((each) => !nets.some((net) => each.address.startsWith(`${net}.`)))
  const [outOfBand] = others
  if (outOfBand === undefined || others.length > 1) {
    const seen = others.map((each) => each.address).join(', ')
    throw new Error(`expected one out-of-band interface besides the sites', saw ${others.length} (${seen})`)
  }
  return { sites: bySite, outOfBand }
}

function readInterfaces(): readonly Interface[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? [])
      .filter((each) => each.family === 'IPv4' && !each.internal)
      .map((each) => ({ name, address: each.address })),
  )
}

/** Waits for the interfaces: an engine may attach networks after the start. */
export async function findInterfaces(nets: readonly string[], timeoutMs: number): Promise<WanInterfaces> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    try {
      return sortInterfaces(readInterfaces(), nets)
    } catch (error) {
      if (performance.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** @throws Error that names the sysctl which the container must be started with (/proc/sys is read-only in it) */
export function checkSysctls(): void {
  for (const name of ['net.ipv4.ip_forward', 'net.ipv4.conf.all.proxy_arp']) {
    const seen = readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').trim()
    if (seen !== '1') throw new Error(`sysctl ${name}: expected 1, saw ${seen}: start the container with ${name}=1`)
  }
}

async function ip(...argv: string[]): Promise<void> {
  try {
    await run('ip', argv)
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    throw new Error(`ip ${argv.join(' ')}: ${(stderr ?? String(error)).trim()}`, { cause: error })
  }
}

/** Foreign blocks of each site, as seen there: `<net of k>.<32 j>/27` for each j other than k. */
export function foreignBlocks(nets: readonly string[]): readonly { readonly site: Site; readonly block: string }[] {
  return sites.flatMap((site, k) =>
    sites.flatMap((_, j) => (j === k ? [] : [{ site, block: `${nets[k]}.${32 * j}/27` }])),
  )
}

/**
 * Brings the TUN device up and sets routes, rules and ARP. The order of the rules matters: a packet from a site never reaches
 * the out-of-band address (the kernel would otherwise take it on any interface), then local addresses, then the way through
 * the TUN device, and nothing else.
 */
export async function configureNetwork(nets: readonly string[], interfaces: WanInterfaces): Promise<void> {
  await ip('link', 'set', deviceName, 'addrgenmode', 'none')
  await ip('link', 'set', deviceName, 'mtu', '1500', 'txqueuelen', '5000', 'up')
  for (const { block } of foreignBlocks(nets)) {
    await ip('route', 'add', block, 'dev', deviceName)
    await ip('route', 'add', block, 'dev', deviceName, 'table', siteTable)
  }
  await ip('route', 'add', 'blackhole', 'default', 'table', siteTable)
  await ip('rule', 'add', 'pref', rulePriority.local, 'lookup', 'local')
  await ip('rule', 'del', 'pref', '0')
  for (const { name } of Object.values(interfaces.sites)) {
    const toOutOfBand = `${interfaces.outOfBand.address}/32`
    await ip('rule', 'add', 'pref', rulePriority.outOfBand, 'iif', name, 'to', toOutOfBand, 'blackhole')
    await ip('rule', 'add', 'pref', rulePriority.site, 'iif', name, 'lookup', siteTable)
    // Proxied ARP answers wait up to 0.8 s by default.
    await ip('ntable', 'change', 'name', 'arp_cache', 'dev', name, 'proxy_delay', '0')
  }
}
