// The port to etcd and the epoch store against three real members of the world's image: compare-and-swap, leases, leadership, loss.
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import Docker from 'dockerode'
import type { EpochRecord } from '#protocol/epoch.ts'
import { type Region, regions } from '#protocol/sites.ts'
import { EpochStore } from '#orchestrator/promotion/epoch-store.ts'
import { monotonicMs } from '#runtime/clock.ts'
import { Etcd } from '#runtime/etcd.ts'

const docker = new Docker()
const world = `test-etcd-${process.pid}`
const labels = { 'firedrill.world': world }
const net = '198.19.16'
const address: Readonly<Record<Region, string>> = { a: `${net}.11`, b: `${net}.12`, c: `${net}.13` }
const endpoint = (region: Region): string => `${address[region]}:2379`

async function startMember(region: Region, network: string): Promise<void> {
  const container = await docker.createContainer({
    name: `${world}-${region}`,
    Image: 'firedrill-etcd:latest',
    Labels: labels,
    Env: [`FIREDRILL_SITE=${region}`, `FIREDRILL_WORLD=${world}`],
    HostConfig: {
      NetworkMode: network,
      ExtraHosts: regions.map((each) => `etcd.${each}:${address[each]}`),
      Binds: [`${world}-${region}:/var/lib/firedrill/etcd`],
    },
    NetworkingConfig: { EndpointsConfig: { [network]: { IPAMConfig: { IPv4Address: address[region] } } } },
  })
  await container.start()
}

/** Asks until the condition holds; throws after `withinMs`. */
async function until(what: string, condition: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
  const end = monotonicMs() + withinMs
  for (;;) {
    if (await condition().catch(() => false)) return
    if (monotonicMs() > end) throw new Error(`expected ${what} within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function claimOf(epoch: number, owner: Region): EpochRecord {
  return { epoch, owner, incarnation: `${owner}-1`, state: 'claimed', primary: null, previous: null, history: [] }
}

suite('etcd', { timeout: 120_000 }, () => {
  const opened: Etcd[] = []
  const open = (...members: readonly Region[]): Etcd => {
    const etcd = new Etcd(members.map(endpoint), monotonicMs)
    opened.push(etcd)
    return etcd
  }
  const storeOf = (dataSet: string, ...members: readonly Region[]): EpochStore =>
    new EpochStore(open(...members), dataSet, endpoint)

  before(async () => {
    await docker.createNetwork({
      Name: world,
      Labels: labels,
      IPAM: { Config: [{ Subnet: `${net}.0/24`, Gateway: `${net}.1` }] },
    })
    for (const region of regions) await docker.createVolume({ Name: `${world}-${region}`, Labels: labels })
    await Promise.all(regions.map(async (region) => startMember(region, world)))
    await until('a leader', async () => (await open('a', 'b', 'c').leader(1000)) !== null)
  })

  after(async () => {
    await Promise.all(opened.map(async (each) => each.close()))
    const filters = { label: [`firedrill.world=${world}`] }
    const containers = await docker.listContainers({ all: true, filters })
    await Promise.all(containers.map(async (each) => docker.getContainer(each.Id).remove({ force: true, v: true })))
    await Promise.all(regions.map(async (region) => docker.getVolume(`${world}-${region}`).remove()))
    await docker.getNetwork(world).remove()
  })

  test('of two claims upon the same revision one wins, and the other is told so', async () => {
    const stores = [storeOf('race', 'a', 'b', 'c'), storeOf('race', 'b', 'c', 'a')]
    await Promise.all(stores.map(async (each) => each.renewLease()))
    const outcomes = await Promise.all(
      stores.map(async (each, index) => each.claim(claimOf(1, index === 0 ? 'a' : 'b'), '0')),
    )
    assert.deepEqual(outcomes.map((each) => each.result).sort(), ['lost', 'won'])
    const reading = await storeOf('race', 'c').read()
    assert.equal(reading.record?.epoch, 1)
    assert.equal(reading.holders.length, 1)
    assert.equal(reading.holders[0]?.epoch, 1)
  })

  test('a claim without a lease is not sent, since nothing could bound its permits', async () => {
    assert.equal((await storeOf('leaseless', 'a').claim(claimOf(1, 'a'), '0')).result, 'unknown')
    assert.equal((await storeOf('leaseless', 'a').read()).record, null)
  })

  test('a holder key goes with its lease, and can be hung on a new one while the record is unchanged', async () => {
    const store = storeOf('lease', 'a', 'b', 'c')
    const lease = await store.renewLease()
    assert.ok(lease)
    const won = await store.claim(claimOf(1, 'a'), '0')
    assert.ok(won.result === 'won')
    await open('b').revokeLease(lease.leaseId, 1000)
    await until('no holder', async () => (await store.read()).holders.length === 0)
    assert.equal(await store.renewLease(), null, 'the lease has run out')
    const next = await store.renewLease()
    assert.ok(next)
    assert.equal((await store.attachHolder(1, 'a', '0')).result, 'lost')
    assert.equal((await store.attachHolder(1, 'a', won.revision)).result, 'won')
    assert.deepEqual((await store.read()).holders, [{ epoch: 1, leaseId: next.leaseId }])
  })

  test('the leader moves to where it is wanted', async () => {
    const store = storeOf('leader', 'a', 'b', 'c')
    for (const to of ['c', 'b'] as const) {
      const from = await store.leader()
      assert.ok(from)
      if (from !== to) await store.moveLeader(from, to)
      await until(`leader ${to}`, async () => (await store.leader()) === to)
    }
  })

  test('with one member killed reads and claims go on; it rejoins with its volume', async () => {
    const store = storeOf('loss', 'a', 'b', 'c')
    await store.renewLease()
    const killed = docker.getContainer(`${world}-a`)
    await killed.kill()
    const won = await store.claim(claimOf(1, 'b'), (await store.read()).revision)
    assert.equal(won.result, 'won')
    await killed.start()
    await until('a alone answers with the record', async () => (await storeOf('loss', 'a').read()).record?.epoch === 1)
  })

  test('without a majority nothing is claimed, and the outcome is unknown, not lost', async () => {
    const store = storeOf('minority', 'a', 'b', 'c')
    await store.renewLease()
    const killed = (['b', 'c'] as const).map((region) => docker.getContainer(`${world}-${region}`))
    await Promise.all(killed.map(async (each) => each.kill()))
    assert.equal((await store.claim(claimOf(1, 'a'), '0')).result, 'unknown')
    await assert.rejects(store.read())
    await Promise.all(killed.map(async (each) => each.start()))
    await until('a quorum again', async () => (await store.read()).revision !== '')
  })
})
