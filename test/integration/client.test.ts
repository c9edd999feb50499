import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { request } from 'undici'
import { loadStatus, operation, type LoadPlan, type LoadStatus, type Operation } from '#protocol/operation.ts'
import { areaHosts, lastOctet, regionHosts, regions, type Region } from '#protocol/sites.ts'
import { monotonicNs } from '#runtime/clock.ts'
import { arrivals, plannedBefore } from '#runtime/arrivals.ts'
import { eventually, type StartedRigContainer } from './rig.ts'
import { controlToken, type FakeApp, SteeringRig } from './steering-rig.ts'

void describe('the load client', () => {
  let rig: SteeringRig
  let client: StartedRigContainer
  let control: string
  let resolver: StartedRigContainer
  const fakes = {} as Record<Region, FakeApp>
  let plans = 0

  const call = async (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown, token = controlToken) => {
    const response = await request(`http://${control}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    })
    return { status: response.statusCode, headers: response.headers, text: await response.body.text() }
  }
  const status = async (): Promise<LoadStatus> => loadStatus.parse(JSON.parse((await call('GET', '/load')).text))
  const planned = (fields: Partial<LoadPlan> = {}): LoadPlan => ({
    drill: `drill-${(plans += 1)}`,
    seed: 7,
    rate: 50,
    reads: 0,
    steering: 'glb',
    startNs: String(monotonicNs() + 100_000_000n),
    durationMs: 1000,
    timeoutMs: 3000,
    maxInFlight: 1000,
    ...fields,
  })
  const operations = async (): Promise<Operation[]> => {
    const { text, headers } = await call('GET', '/operations?from=0')
    const lines = text.split('\n').filter((line) => line !== '')
    assert.equal(headers['x-next'], String(lines.length))
    return lines.map((line) => operation.parse(JSON.parse(line)))
  }
  /** Runs a plan to its end. */
  const run = async (plan: LoadPlan): Promise<Operation[]> => {
    assert.equal((await call('POST', '/load', plan)).status, 200)
    await eventually('the load has ended', async () => !(await status()).running)
    return operations()
  }

  before(async () => {
    rig = await SteeringRig.open()
    for (const region of regions) fakes[region] = await rig.startFake(region)
    await Promise.all(regions.map((region) => fakes[region].set({ writes: region === 'a', reads: region === 'a' })))
    const site = { FIREDRILL_SITE: 'na', FIREDRILL_NETS: Array(6).fill(rig.net).join(',') }
    const start = (image: 'node' | 'glb' | 'resolver', octet: number, environment = {}, command: string[] = []) =>
      rig.start({
        image,
        octet,
        environment: { ...site, ...environment },
        ports: image === 'node' ? [9000] : [],
        ...(command.length === 0 ? {} : { command: ['node', ...command] }),
      })
    const dns = { FIREDRILL_SITE: 'a', FIREDRILL_DNS_TTL_S: '1' }
    await start('node', lastOctet('a', regionHosts.dns), dns, ['services/dns/main.ts'])
    resolver = await start('resolver', lastOctet('na', areaHosts.resolver))
    await start('glb', lastOctet('na', areaHosts.glb))
    client = await start('node', lastOctet('na', areaHosts.client), {}, ['services/client/main.ts'])
    control = await client.at(9000)
    await eventually('the client listens', () => status().catch(() => null))
  })
  after(async () => rig?.[Symbol.asyncDispose]())

  void it('sends what the seed says, when it says, once each, and keeps how each ended', async () => {
    await fakes.a.reset()
    const plan = planned({ durationMs: 3000, reads: 0.5 })
    const seen = await run(plan)
    const expected = [...arrivals(plan, 'na')]
    assert.deepEqual(
      seen.map(({ seq, intendedNs }) => `${seq} ${intendedNs}`).sort(),
      expected.map(({ seq, offsetNs }) => `${seq} ${BigInt(plan.startNs) + offsetNs}`).sort(),
    )
    assert.deepEqual(
      seen.filter(({ outcome }) => outcome !== 'ok'),
      [],
    )
    for (const { intendedNs, sentNs, doneNs } of seen) {
      assert.ok(sentNs !== null && BigInt(intendedNs) <= BigInt(sentNs) && BigInt(sentNs) < BigInt(doneNs))
    }
    const writes = seen.filter(({ kind }) => kind === 'write')
    const { posts, gets } = await fakes.a.counts()
    assert.deepEqual([...posts].sort(), writes.map(({ key }) => key).sort())
    assert.ok(writes.every(({ region, epoch, orderId }) => region === 'a' && epoch === 1 && orderId !== null))
    const own = new Map(writes.map((write) => [write.orderId, BigInt(write.doneNs)]))
    const reads = seen.filter(({ kind }) => kind === 'read')
    assert.ok(reads.length > 10 && reads.length === gets.length)
    for (const read of reads) assert.ok(BigInt(read.intendedNs) - own.get(read.key)! >= 1_000_000_000n)
  })

  void it('goes on sending while nothing is answered, and calls that unknown', async () => {
    await fakes.a.set({ behaviour: 'hang' })
    const seen = await run(planned({ timeoutMs: 500 }))
    await fakes.a.set({ behaviour: 'accept' })
    assert.ok(seen.length > 20)
    assert.deepEqual([...new Set(seen.map(({ outcome, reason }) => `${outcome} ${reason}`))], ['unknown timeout'])
    // Open loop: others were sent before the first one had ended.
    const [firstDone] = seen.map(({ doneNs }) => BigInt(doneNs)).sort((one, other) => (one < other ? -1 : 1))
    assert.ok(seen.filter(({ sentNs }) => BigInt(sentNs!) < firstDone!).length > 1)
  })

  void it('sheds what is above the limit, as failed and never sent', async () => {
    await fakes.a.set({ behaviour: 'hang' })
    const seen = await run(planned({ maxInFlight: 5, timeoutMs: 2000 }))
    await fakes.a.set({ behaviour: 'accept' })
    const shed = seen.filter(({ reason }) => reason?.startsWith('shed'))
    assert.equal(seen.length - shed.length, 5)
    assert.ok(shed.every(({ outcome, sentNs }) => outcome === 'failed' && sentNs === null))
  })

  void it('calls a refused write failed, and one whose connection broke unknown', async () => {
    await fakes.a.set({ behaviour: 'refuse' })
    const refused = await run(planned())
    assert.deepEqual([...new Set(refused.map(({ outcome, status }) => `${outcome} ${status}`))], ['failed 503'])
    await fakes.a.set({ behaviour: 'break' })
    const broken = await run(planned())
    assert.deepEqual([...new Set(broken.map(({ outcome }) => outcome))], ['unknown'])
    await fakes.a.set({ behaviour: 'accept' })
  })

  void it('ends at once when it is told to, and then takes another plan', async () => {
    assert.equal((await call('POST', '/load', planned({ durationMs: 600_000 }))).status, 200)
    const second = await call('POST', '/load', planned())
    assert.equal(second.status, 409)
    await eventually('operations are done', async () => (await status()).done > 3)
    await call('DELETE', '/load')
    await eventually('the load has ended', async () => !(await status()).running)
    assert.ok((await run(planned())).length > 0)
  })

  void it('ends at the instant that it is told: each arrival before it, none after', async () => {
    const plan = planned({ durationMs: 600_000 })
    assert.equal((await call('POST', '/load', plan)).status, 200)
    const untilNs = monotonicNs() + 700_000_000n
    assert.equal((await call('POST', '/load/end', { drill: 'another', untilNs: `${untilNs}` })).status, 409)
    assert.equal((await call('POST', '/load/end', { drill: plan.drill, untilNs: `${untilNs}` })).status, 200)
    await eventually('the load has ended', async () => !(await status()).running)
    const seen = await operations()
    const count = plannedBefore(plan, 'na', untilNs)
    assert.ok(count > 10)
    assert.deepEqual(
      seen.map(({ seq }) => seq).sort((one, other) => one - other),
      [...Array(count).keys()],
    )
    for (const { intendedNs, startedNs } of seen) assert.ok(BigInt(intendedNs) <= BigInt(startedNs ?? 0))
    assert.equal((await status()).planned, count)
  })

  void it('names another log after a restart, whoever asks for the old one', async () => {
    assert.equal((await call('POST', '/load', planned({ durationMs: 600_000 }))).status, 200)
    await eventually('operations are done', async () => (await status()).done > 20)
    const before = await status()
    assert.equal((await call('GET', '/operations?from=5')).headers['x-run'], before.run)
    await client.kill()
    await client.start()
    control = await client.at(9000)
    await eventually('the client listens', () => status().catch(() => null))
    const after = await status()
    assert.deepEqual([after.running, after.drill, after.planned], [false, null, 0])
    assert.notEqual(after.run, before.run)
    assert.ok(BigInt(after.processSinceNs) > BigInt(before.processSinceNs))
    const old = await call('GET', '/operations?from=20')
    assert.deepEqual([old.status, old.headers['x-run'], old.headers['x-end']], [400, after.run, '0'])
    assert.ok((await run(planned())).length > 0)
  })

  void it('refuses what it cannot do, with a reason', async () => {
    assert.equal((await call('POST', '/load', { ...planned(), rate: -1 })).status, 400)
    const late = await call('POST', '/load', planned({ startNs: '1' }))
    assert.equal(late.status, 400)
    assert.match(late.text, /expected startNs at most 2 s ago/)
    assert.equal((await call('GET', '/operations?from=x')).status, 400)
    assert.equal((await call('GET', '/operations?from=1000000')).status, 400)
    assert.equal((await call('GET', '/load', undefined, 'another token')).status, 401)
  })

  void it('steered by DNS: follows the write region once the TTL has ended', async () => {
    await fakes.b.reset()
    const plan = planned({ steering: 'dns', durationMs: 600_000 })
    assert.equal((await call('POST', '/load', plan)).status, 200)
    await eventually('writes at a', async () => (await operations()).some(({ region }) => region === 'a'))
    await Promise.all([fakes.a.set({ writes: false }), fakes.b.set({ writes: true })])
    await eventually('writes at b', async () => (await fakes.b.counts()).posts.length > 5)
    await call('DELETE', '/load')
    await eventually('the load has ended', async () => !(await status()).running)
    const seen = await operations()
    assert.deepEqual([...new Set(seen.map(({ outcome }) => outcome))], ['ok'])
    assert.equal(seen.at(-1)?.region, 'b')
  })

  void it('steered by DNS: calls a write failed whose name could not be resolved', async () => {
    await resolver.kill()
    const seen = await run(planned({ steering: 'dns', timeoutMs: 1000 }))
    assert.deepEqual([...new Set(seen.map(({ outcome, sentNs }) => `${outcome} ${sentNs}`))], ['failed null'])
    assert.ok(seen.every(({ reason }) => reason?.startsWith('not sent: no address:')))
  })
})
