// The port to etcd and the epoch store against three real members of the world's image: compare-and-swap, leases, leadership, loss.
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { RandomPortGenerator } from 'testcontainers'
import type { EpochRecord } from '#protocol/epoch.ts'
import { type Region, regions } from '#protocol/sites.ts'
import { EpochStore } from '#orchestrator/promotion/epoch-store.ts'
import { monotonicMs } from '#runtime/clock.ts'
import { Etcd } from '#runtime/etcd.ts'
import { eventually, Rig, type RigNetwork, type StartedRigContainer } from './rig.ts'

const pickPort = new RandomPortGenerator()

/** Members with names on a network and ports on 127.0.0.1 that outlast a kill. */
class Members implements AsyncDisposable {
  readonly #rig: Rig
  readonly #members = new Map<Region, { container: StartedRigContainer; endpoint: string }>()

  private constructor(rig: Rig) {
    this.#rig = rig
  }

  static async start(): Promise<Members> {
    const rig = await Rig.open('etcd')
    const members = new Members(rig)
    const network = await rig.network()
    await Promise.all(regions.map(async (region) => members.#add(region, network)))
    return members
  }

  async #add(region: Region, network: RigNetwork): Promise<void> {
    const port = await pickPort.generatePort()
    const container = await this.#rig
      .container('etcd')
      .withNetwork(network.started)
      .withNetworkAliases(`etcd.${region}`)
      .withExposedPorts({ container: 2379, host: port })
      .withEnvironment({ FIREDRILL_SITE: region, FIREDRILL_WORLD: this.#rig.name })
      .run()
    this.#members.set(region, { container, endpoint: `127.0.0.1:${port}` })
  }

  #of(region: Region) {
    return this.#members.get(region) ?? assert.fail(`no member ${region}`)
  }

  endpoint(region: Region): string {
    return this.#of(region).endpoint
  }

  async kill(...those: readonly Region[]): Promise<void> {
    await Promise.all(those.map(async (region) => this.#of(region).container.kill()))
  }

  /** After a kill. */
  async startAgain(...those: readonly Region[]): Promise<void> {
    await Promise.all(those.map(async (region) => this.#of(region).container.start()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rig[Symbol.asyncDispose]()
  }
}

/** Asks until the condition holds, taking an error for a no. */
async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  await eventually(what, async () => condition().catch(() => false))
}

function claimOf(epoch: number, owner: Region): EpochRecord {
  return { epoch, owner, incarnation: `${owner}-1`, state: 'claimed', primary: null, previous: null, history: [] }
}

suite('etcd', { timeout: 120_000 }, () => {
  let members: Members
  const opened: Etcd[] = []
  const endpoint = (region: Region): string => members.endpoint(region)
  const open = (...members: readonly Region[]): Etcd => {
    const etcd = new Etcd(members.map(endpoint), monotonicMs)
    opened.push(etcd)
    return etcd
  }
  const storeOf = (dataSet: string, ...members: readonly Region[]): EpochStore =>
    new EpochStore(open(...members), dataSet, endpoint)

  before(async () => {
    members = await Members.start()
    await until('a leader', async () => (await open('a', 'b', 'c').leader(1000)) !== null)
  })

  after(async () => {
    await Promise.all(opened.map(async (each) => each.close()))
    await members?.[Symbol.asyncDispose]()
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

  test('a claim by a process that has no lease yet gets one first, which bounds its permits, and keeps it', async () => {
    const store = storeOf('leaseless', 'a')
    const won = await store.claim(claimOf(1, 'a'), '0')
    assert.ok(won.result === 'won')
    assert.deepEqual((await store.read()).holders, [{ epoch: 1, leaseId: won.leaseId }])
    assert.equal((await store.renewLease())?.leaseId, won.leaseId)
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

  test('with one member killed reads and claims go on; it rejoins with its data', async () => {
    const store = storeOf('loss', 'a', 'b', 'c')
    await store.renewLease()
    await members.kill('a')
    const won = await store.claim(claimOf(1, 'b'), (await store.read()).revision)
    assert.equal(won.result, 'won')
    await members.startAgain('a')
    await until('a alone answers with the record', async () => (await storeOf('loss', 'a').read()).record?.epoch === 1)
  })

  test('without a majority nothing is claimed, and the outcome is unknown, not lost', async () => {
    const store = storeOf('minority', 'a', 'b', 'c')
    await store.renewLease()
    await members.kill('b', 'c')
    assert.equal((await store.claim(claimOf(1, 'a'), '0')).result, 'unknown')
    await assert.rejects(store.read())
    await members.startAgain('b', 'c')
    await until('a quorum again', async () => (await store.read()).revision !== '')
  })
})
