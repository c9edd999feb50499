// docker-compose.yml against the address plan: what a person reads there is what protocol/sites.ts says.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { areaHosts, isArea, lastOctet, ports, regionHosts, type Site, siteHosts, sites } from '#protocol/sites.ts'
import { loadConfig, loadWorldConfig } from '#runtime/config.ts'
import { checkout } from './checkout.ts'
import { imageNames } from './images/build-images.ts'
import { topologyOf, worldVariables } from './topology-environment.ts'
import { standardTargets } from './world-containers.ts'
import { topology } from '#protocol/topology.ts'

interface Service {
  readonly image: string
  readonly init: boolean
  readonly restart: string
  readonly environment: Readonly<Record<string, string | number | boolean>>
  readonly labels: Readonly<Record<string, string>>
  readonly extra_hosts?: readonly string[]
  readonly networks: Readonly<Record<string, { readonly ipv4_address?: string }>>
  readonly ports?: readonly string[]
  readonly cap_add?: readonly string[]
}
interface Network {
  readonly internal?: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly ipam?: { readonly config: readonly { readonly subnet: string; readonly gateway: string }[] }
}
interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>
  readonly networks: Readonly<Record<string, Network>>
  readonly volumes: Readonly<Record<string, { readonly labels: Readonly<Record<string, string>> }>>
}

/** As compose does it: variables from `variables`, else their defaults. */
function readComposeFile(variables: Readonly<Record<string, string>> = {}): ComposeFile {
  const text = readFileSync(join(checkout, 'docker-compose.yml'), 'utf8')
  const filled = text.replaceAll(/\$\{(\w+):-([^}]*)\}/g, (_, name: string, otherwise: string) => {
    const value = variables[name] ?? ''
    return value === '' ? otherwise : value
  })
  return parse(filled, { merge: true, maxAliasCount: -1 }) as ComposeFile
}

/** A container's environment: texts, since compose fills variables in after it has parsed. */
function environmentOf(service: Service | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(service?.environment ?? {}).map(([name, value]) => [name, String(value)]))
}

const file = readComposeFile()
const hostsOf = (site: Site): readonly (readonly [string, number])[] =>
  Object.entries(isArea(site) ? areaHosts : regionHosts)
const prefix = (site: Site): string => `198.18.${sites.indexOf(site)}`

test('every host of every site is a service with its address, site and name', () => {
  for (const site of sites)
    for (const [host, number] of hostsOf(site)) {
      const service = file.services[`${host}-${site}`]
      assert.ok(service, `${host}-${site}`)
      assert.deepEqual(service.networks, {
        [`site-${site}`]: { ipv4_address: `${prefix(site)}.${lastOctet(site, number)}` },
      })
      assert.equal(service.labels['firedrill.site'], site)
      assert.equal(service.labels['firedrill.service'], host)
      assert.equal(service.environment['FIREDRILL_SITE'], site)
      loadConfig(environmentOf(service))
    }
  assert.equal(Object.keys(file.services).length, standardTargets.length)
})

test('every site knows all names, each at the address in its own network', () => {
  for (const site of sites) {
    const expected = sites.flatMap((other) =>
      hostsOf(other).map(([host, number]) => `${host}.${other}:${prefix(site)}.${lastOctet(other, number)}`),
    )
    expected.push(`wan:${prefix(site)}.${lastOctet(site, siteHosts.wan)}`)
    for (const [host] of hostsOf(site)) assert.deepEqual(file.services[`${host}-${site}`]?.extra_hosts, expected)
  }
})

test('the WAN is attached to every site and alone has a published port, on the loopback address', () => {
  const wan = file.services['wan']
  assert.ok(wan)
  assert.deepEqual(wan.ports, [`127.0.0.1::${ports.wayIn}`])
  for (const site of sites)
    assert.equal(wan.networks[`site-${site}`]?.ipv4_address, `${prefix(site)}.${lastOctet(site, siteHosts.wan)}`)
  assert.deepEqual(Object.keys(wan.networks).sort(), ['oob', ...sites.map((site) => `site-${site}`)].sort())
  for (const [name, service] of Object.entries(file.services)) {
    if (name !== 'wan') assert.equal(service.ports ?? service.networks['oob'], undefined, name)
    // The agents of Postgres widen the first TCP window of their own route.
    const mayConfigureNetwork = name === 'wan' || name.startsWith('postgres-')
    assert.deepEqual(service.cap_add, mayConfigureNetwork ? ['NET_ADMIN'] : undefined, name)
  }
  loadWorldConfig(environmentOf(wan))
})

test('site networks are internal, with their gateway outside the range of hosts', () => {
  for (const site of sites) {
    const network = file.networks[`site-${site}`]
    assert.equal(network?.internal, true)
    const gateway = `${prefix(site)}.${lastOctet(site, siteHosts.gateway)}`
    assert.deepEqual(network.ipam, { config: [{ subnet: `${prefix(site)}.0/24`, gateway }] })
  }
})

test('everything carries the world, and every container is made of one of our images', () => {
  const filled = readComposeFile({ FIREDRILL_WORLD: 'other', FIREDRILL_TAG: 'abc' })
  const { services, networks, volumes } = filled
  for (const [name, { labels }] of Object.entries({ ...services, ...networks, ...volumes }))
    assert.equal(labels['firedrill.world'], 'other', name)
  const images = new Set(imageNames.map((name) => `firedrill-${name}:abc`))
  for (const [name, service] of Object.entries(services)) {
    assert.ok(images.has(service.image), name)
    assert.equal(service.init, true, name)
    assert.equal(service.restart, 'no', name)
  }
  assert.equal(services['postgres-a']?.labels['failover_role'], 'primary')
  assert.equal(services['postgres-b']?.labels['failover_role'], 'standby')
})

test('every container of a world belongs to no volume but a named one, so that nothing is left behind', () => {
  const named = new Set(Object.keys(file.volumes))
  for (const region of ['a', 'b', 'c'])
    for (const store of ['postgres', 'redis', 'kafka', 'etcd']) assert.ok(named.has(`${store}-${region}`))
})

test('a topology goes through the file into a container and back', () => {
  const wanted = topology.parse({ commit: 'async', home: 'b', steering: 'dns', 'max-loss': '2500ms', 'dns-ttl': '10s' })
  const prefixes = sites.map((_, index) => `198.19.${40 + index}`)
  const variables = worldVariables({ world: 'w', topology: wanted, prefixes, tag: 'abc', port: 7777 })
  const { services } = readComposeFile(variables)
  const environment = Object.entries(environmentOf(services['wan'])).map(([name, value]) => `${name}=${value}`)
  assert.deepEqual(topologyOf(environment), wanted)
  assert.equal(services['wan']?.ports?.[0], '127.0.0.1:7777:7000')
  assert.equal(services['app-c']?.networks['site-c']?.ipv4_address, '198.19.42.65')
  assert.equal(services['postgres-b']?.labels['failover_role'], 'primary')
  assert.equal(services['postgres-a']?.labels['failover_role'], 'standby')
})
