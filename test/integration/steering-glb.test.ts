import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Agent, request } from 'undici'
import { lastOctet, regions, siteHosts, type Region } from '#protocol/sites.ts'
import { eventually, type StartedRigContainer } from './rig.ts'
import { type FakeApp, SteeringRig } from './steering-rig.ts'

void describe('the point of presence of eu', () => {
  let rig: SteeringRig
  let glb: StartedRigContainer
  let authority: string
  const fakes = {} as Record<Region, FakeApp>
  const connections = new Agent({ keepAliveTimeout: 1000 })
  let keys = 0

  const post = async (): Promise<{ status: number; region: string | null; body: unknown; key: string }> => {
    const key = `key-${(keys += 1)}`
    const response = await request(`http://${authority}/orders`, {
      dispatcher: connections,
      method: 'POST',
      headers: { 'idempotency-key': key, 'content-type': 'application/json' },
      body: '{}',
    })
    const text = await response.body.text()
    const region = (response.headers['x-region'] as string | undefined) ?? null
    return { status: response.statusCode, region, body: JSON.parse(text), key }
  }
  const readRegion = async (): Promise<string | null> => {
    const response = await request(`http://${authority}/orders/none`, { dispatcher: connections })
    await response.body.dump()
    return (response.headers['x-region'] as string | undefined) ?? null
  }
  const postsOf = async (key: string): Promise<number> => {
    const counted = await Promise.all(regions.map((region) => fakes[region].counts()))
    return counted.flatMap(({ posts }) => posts).filter((each) => each === key).length
  }
  /** Names of the servers whose checks say that they are ready, such as `write-ready/a-1`. */
  const readyServers = async (): Promise<readonly string[]> => {
    const script = 'exec 3<>/dev/tcp/127.0.0.1/9999; echo "show stat" >&3; cat <&3'
    const rows = (await glb.exec(['bash', '-c', script])).stdout.split('\n').map((line) => line.split(','))
    const servers = rows.filter(([backend, server]) => backend?.endsWith('-ready') && server !== 'BACKEND')
    return servers.filter((row) => row[17]?.startsWith('UP')).map(([backend, server]) => `${backend}/${server}`)
  }
  const untilReady = (region: Region, use: 'write' | 'read', ready: boolean): Promise<unknown> =>
    eventually(`checks for ${use} of ${region} say ${ready}`, async () => {
      const servers = await readyServers()
      return servers.some((name) => name.startsWith(`${use}-ready/${region}`)) === ready
    })
  const setAll = (settings: Parameters<FakeApp['set']>[0]): Promise<unknown> =>
    Promise.all(regions.map((region) => fakes[region].set(settings)))

  before(async () => {
    rig = await SteeringRig.open()
    for (const region of regions) fakes[region] = await rig.startFake(region)
    await fakes.a.set({ writes: true })
    await setAll({ reads: true })
    glb = await rig.start({
      image: 'glb',
      octet: lastOctet('eu', siteHosts.gateway - 1),
      environment: { FIREDRILL_SITE: 'eu', FIREDRILL_HOME: 'a' },
      ports: [8080],
    })
    authority = await glb.at(8080)
    await eventually('the point of presence answers', () => post().catch(() => null))
  })
  after(async () => {
    await connections.destroy()
    await rig[Symbol.asyncDispose]()
  })

  void it('sends writes to the region that is ready for them, and follows when it moves', async () => {
    await eventually('writes reach a', async () => (await post()).region === 'a')
    await fakes.a.set({ writes: false })
    await fakes.b.set({ writes: true })
    await eventually('writes reach b', async () => (await post()).region === 'b')
    await fakes.b.set({ writes: false })
    await fakes.c.set({ writes: true })
    await eventually('writes reach c', async () => (await post()).region === 'c')
  })

  void it('prefers the region that became ready last while an old one still calls itself ready', async () => {
    await untilReady('a', 'write', false)
    assert.equal((await post()).region, 'c')
    await fakes.a.set({ writes: true })
    await eventually('writes reach a though c is ready too', async () => (await post()).region === 'a')
    for (let count = 0; count < 50; count += 1) assert.equal((await post()).region, 'a')
    await fakes.c.set({ writes: false })
    await untilReady('c', 'write', false)
    for (let count = 0; count < 50; count += 1) assert.equal((await post()).region, 'a')
  })

  void it('keeps a check of a region open until it is ready, which is no failure of it', async () => {
    await fakes.c.reset()
    await eventually('checks of c were kept open to their end', async () => (await fakes.c.counts()).checks >= 4)
    assert.equal((await post()).region, 'a', 'an open check says nothing')
    await fakes.c.reset()
    await fakes.c.set({ writes: true })
    await eventually('writes reach c', async () => (await post()).region === 'c')
    const { checks, heldUntilReady } = await fakes.c.counts()
    assert.ok(heldUntilReady > 0, `a check that was open told it, saw ${checks} new ones`)
    await fakes.a.set({ writes: false })
    await untilReady('a', 'write', false)
    assert.equal((await post()).region, 'c')
    await fakes.a.set({ writes: true })
    await eventually('writes reach a again', async () => (await post()).region === 'a')
    await fakes.c.set({ writes: false })
    await untilReady('c', 'write', false)
  })

  void it('sends reads to the nearest ready region', async () => {
    await eventually('reads reach b', async () => (await readRegion()) === 'b')
    await fakes.b.set({ reads: false })
    await eventually('reads reach a', async () => (await readRegion()) === 'a')
    await fakes.a.set({ reads: false })
    await eventually('reads reach c', async () => (await readRegion()) === 'c')
    await setAll({ reads: true })
    await eventually('reads come back to b', async () => (await readRegion()) === 'b')
  })

  void it('sends reads to a region that may be stale only if no other is ready, and to the nearest of them', async () => {
    await fakes.b.set({ stale: true })
    await eventually('reads reach a', async () => (await readRegion()) === 'a')
    await setAll({ stale: true })
    await eventually('reads reach b', async () => (await readRegion()) === 'b')
    await fakes.c.set({ stale: false })
    await eventually('reads reach c', async () => (await readRegion()) === 'c')
    await setAll({ stale: false })
    await eventually('reads are back at b', async () => (await readRegion()) === 'b')
    await fakes.b.set({ reads: false })
    await eventually('reads reach a', async () => (await readRegion()) === 'a')
    await setAll({ reads: true })
    await eventually('reads come back to b', async () => (await readRegion()) === 'b')
  })

  void it('sends on to the last known regions when none is ready', async () => {
    await eventually('reads reach b', async () => (await readRegion()) === 'b')
    await eventually('writes reach a', async () => (await post()).region === 'a')
    await setAll({ writes: false, reads: false })
    await eventually('all checks have failed', async () => (await readyServers()).length === 0)
    const answered = await post()
    assert.deepEqual([answered.status, answered.region], [201, 'a'])
    assert.equal(await readRegion(), 'b')
    await fakes.a.set({ writes: true })
    await setAll({ reads: true })
  })

  void it('never sends a write twice, and says what became of it', async () => {
    await eventually('writes reach a', async () => (await post()).region === 'a')
    for (const [behaviour, status, outcome] of [
      ['hang', 504, 'unknown'],
      ['refuse', 503, 'failed'],
    ] as const) {
      await fakes.a.set({ behaviour })
      const answered = await post()
      assert.equal(answered.status, status, behaviour)
      assert.equal((answered.body as { outcome: string }).outcome, outcome)
      assert.equal(await postsOf(answered.key), 1)
    }
    // On a connection to the region that was used before, HAProxy passes the break on instead of answering 502.
    await fakes.a.set({ behaviour: 'break' })
    const broken = await post().catch((error: NodeJS.ErrnoException) => error.code)
    assert.ok(broken === 'UND_ERR_SOCKET' || (typeof broken === 'object' && broken.status === 502))
    assert.equal(await postsOf(`key-${keys}`), 1)
    await fakes.a.set({ behaviour: 'accept' })
  })

  void it('calls a write failed that found no connection to any region', async () => {
    await setAll({ writes: false })
    await Promise.all(regions.map((region) => fakes[region].kill()))
    const answered = await eventually('a write without a connection', async () => {
      // The first ones may still be sent on connections that are just closing: then the answer breaks off.
      const tried = await post().catch(() => null)
      return tried?.status === 503 ? tried : null
    })
    assert.equal((answered.body as { outcome: string }).outcome, 'failed')
  })
})

void describe('a point of presence with a wrong environment', () => {
  void it('ends and names the variable', async () => {
    await using rig = await SteeringRig.open()
    const glb = await rig.start({ image: 'glb', octet: 99, environment: { FIREDRILL_SITE: 'a' }, ports: [] })
    const seen = await eventually('its last words', async () => (await glb.log()) || null)
    assert.match(seen, /environment variable FIREDRILL_SITE: expected na, eu or ap, saw 'a'/)
  })
})
