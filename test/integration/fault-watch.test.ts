// Faults of a drill in a real world: one that ends early is noticed with its time, one that somebody undoes is noticed though he does it
// again at once, and of two on one container each is healed alone.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, afterEach, before, describe, test } from 'node:test'
import { healFault, injectFault, renewFault } from '#chaos/inject.ts'
import { clockNs, readLedger, renewLedger } from '#chaos/wan-calls.ts'
import { LiveFaults } from '#gameday/live-faults.ts'
import { faultSpec } from '#protocol/faults.ts'
import type { FaultRecord } from '#protocol/journal.ts'
import { manualDrill } from '#protocol/wan.ts'
import { loadHostConfig } from '#runtime/config.ts'
import { dockerOf } from '#world/docker-engine.ts'
import { openWorldOn, type DockerWorld } from '#world/docker-world.ts'
import { removeWorld } from '#world/down.ts'
import type { Target } from '#world/running-world.ts'
import { firedrill } from './firedrill.ts'
import { eventually } from './rig.ts'

const docker = dockerOf(loadHostConfig())
const name = `test-watch-${randomBytes(3).toString('hex')}`
const controller: Target = { site: 'c', service: 'controller' }

describe('faults that are watched in a world', () => {
  let world: DockerWorld
  const opened: LiveFaults[] = []
  /** In the name of a person: the guard heals what a drill left that does not hold the world. */
  const newFaults = (drill = manualDrill): LiveFaults => {
    const collector = {
      note: (_kind: unknown, _reason: unknown, _detail: unknown, atNs?: bigint) => Promise.resolve(atNs ?? 0n),
    }
    const faults = new LiveFaults({ world, drill, collector })
    opened.push(faults)
    return faults
  }
  const stateOf = async (service: string): Promise<string | undefined> =>
    (await world.containers()).find((each) => each.service === service && each.site === 'c')?.state
  const firstOf = (faults: LiveFaults): FaultRecord => {
    const [record] = faults.records
    assert.ok(record)
    return record
  }

  before(async () => {
    const { exitCode, stderr } = await firedrill('up', '--world', name, '--no-dashboard')
    assert.equal(exitCode, 0, stderr)
    world = await openWorldOn(docker, name)
  })
  afterEach(async () => {
    for (const faults of opened.splice(0)) {
      await faults.healRest(() => {})
      await faults.stop()
    }
  })
  after(async () => {
    world?.wayIn.close()
    await removeWorld(docker, name)
  })

  test('a cut whose time is over at the WAN has that very end, and its heal says so', async (t) => {
    const faults = newFaults()
    const notes: string[] = []
    const spec = faultSpec.parse({ id: 'cut', kind: 'partition', target: 'a -> c', class: 'kafka', for: '6s' })
    await faults.inject(spec, (text) => notes.push(text))
    const ended = await eventually('the end', async () => firstOf(faults).endedNs ?? false, 15_000)
    const record = firstOf(faults)
    const lastedMs = Number(BigInt(ended) - BigInt(record.firstNs)) / 1e6
    t.diagnostic(`lasted ${lastedMs.toFixed(1)} ms of 6000; blind ${record.blindMs} ms`)
    assert.ok(Math.abs(lastedMs - 6000) < 150, `expected 6000 ms, saw ${lastedMs}`)
    assert.equal(record.endedBy, 'its time was over (for: 6s)')
    await faults.heal('cut', (text) => notes.push(text))
    assert.match(notes.at(-2) ?? '', /^it had ended (5\.9|6\.)\d+ s after it began: its time was over/)
  })

  test('a pause that somebody took back between two looks is noticed, with its time', async (t) => {
    const faults = newFaults()
    await faults.inject(faultSpec.parse({ id: 'still', kind: 'pause', target: 'controller.c' }), () => {})
    const beforeNs = await clockNs(world)
    await world.unpause([controller])
    const afterNs = await clockNs(world)
    await world.pause([controller])
    const endedNs = BigInt(await eventually('the end', async () => firstOf(faults).endedNs ?? false, 10_000))
    t.diagnostic(
      `ended ${Number(endedNs - beforeNs) / 1e6} ms after the call, which took ${Number(afterNs - beforeNs) / 1e6} ms`,
    )
    assert.equal(firstOf(faults).endedBy, 'container controller.c was unpaused by somebody else')
    assert.ok(endedNs >= beforeNs - 20_000_000n && endedNs <= afterNs + 20_000_000n)
    assert.deepEqual(await faults.healRest(() => {}), [])
    assert.equal(await stateOf('controller'), 'running')
  })

  test('of a pause and a freeze on one container, either can be healed first; nothing ends early', async () => {
    for (const order of [
      ['small', 'big'],
      ['big', 'small'],
    ] as const) {
      const faults = newFaults()
      await faults.inject(faultSpec.parse({ id: 'small', kind: 'pause', target: 'controller.c' }), () => {})
      await faults.inject(faultSpec.parse({ id: 'big', kind: 'freeze', target: 'region c' }), () => {})
      await faults.heal(order[0], () => {})
      assert.equal(await stateOf('controller'), 'paused')
      assert.equal(await stateOf('kafka'), order[0] === 'big' ? 'running' : 'paused')
      await faults.heal(order[1], () => {})
      assert.deepEqual([await stateOf('controller'), await stateOf('kafka')], ['running', 'running'])
      assert.deepEqual(
        faults.records.map(({ id, endedBy }) => [id, endedBy]),
        [
          ['small', null],
          ['big', null],
        ],
      )
      assert.ok(
        faults.records.every(({ blindMs }) => blindMs < 5000),
        JSON.stringify(faults.records),
      )
    }
  })

  test('a kill beside a pause of the same container is refused, and a renewal outlasts the first lease', async () => {
    const faults = newFaults()
    await faults.inject(
      faultSpec.parse({ id: 'slow', kind: 'link-degrade', target: 'b -> c', delay: '60ms' }),
      () => {},
    )
    await faults.inject(faultSpec.parse({ id: 'still', kind: 'pause', target: 'controller.c' }), () => {})
    const killed = faultSpec.parse({ id: 'kill', kind: 'process-kill', target: 'controller.c' })
    await assert.rejects(injectFault(world, 'other', killed), /one pauses controller\.c, the other kills it/)
    const [before] = await readLedger(world)
    await renewLedger(world, 'manual.slow', 60_000)
    const [after] = await readLedger(world)
    assert.ok(BigInt(after?.expiresNs ?? 0) > BigInt(before?.expiresNs ?? 0))
    assert.deepEqual(await faults.healRest(() => {}), [])
    assert.deepEqual(await readLedger(world), [])
  })

  test('a stale DNS server stays stale over a renewal of its expiry', async () => {
    const faults = newFaults()
    await faults.inject(faultSpec.parse({ id: 'stale', kind: 'dns-fail', target: 'dns.c', mode: 'stale' }), () => {})
    const [entry] = await readLedger(world)
    assert.ok(entry)
    assert.equal(await renewFault(world, entry), true)
    assert.equal(firstOf(faults).endedBy, null)
    await healFault(world, entry)
    assert.equal(await renewFault(world, entry), false)
  })

  // The last one: it leaves a container without its network.
  test('what others do to containers, and inject, is told as theirs; what the drill does is not', async (t) => {
    const faults = newFaults('d')
    await faults.start()
    const dns: Target = { site: 'c', service: 'dns' }
    const redis: Target = { site: 'c', service: 'redis' }
    await faults.inject(faultSpec.parse({ id: 'own', kind: 'process-kill', target: 'dns.c' }), () => {})
    await faults.heal('own', () => {})
    await world.pause([dns])
    await world.unpause([dns])
    await world.kill([redis])
    await world.start([redis])
    await world.limit(dns, { processors: 1 })
    const injected = await firedrill('chaos', 'inject', 'pause', 'bridge.c', '--for', '1s', '--world', name)
    assert.equal(injected.exitCode, 0, injected.stderr)
    const containers = await world.containers()
    const bridge = containers.find((each) => each.site === 'c' && each.service === 'bridge')
    assert.ok(bridge?.networks[0])
    const network = docker.getNetwork(bridge.networks[0])
    await network.disconnect({ Container: bridge.id })
    await eventually(
      'the disconnect',
      async () => faults.records.some(({ kind }) => kind === 'docker-disconnect'),
      15_000,
    )
    const { status, reason } = await faults.stop()
    const told = faults.records.map(({ id, kind, target, outside, healedNs, firstNs }) => {
      const lastedMs = healedNs === null ? null : Number(BigInt(healedNs) - BigInt(firstNs)) / 1e6
      t.diagnostic(`${id}: ${kind} of ${target}, ${lastedMs} ms`)
      return [kind, target, outside]
    })
    assert.deepEqual(told, [
      ['process-kill', 'dns.c', false],
      ['docker-pause', 'dns.c', true],
      ['docker-kill', 'redis.c', true],
      ['docker-update', 'dns.c', true],
      ['pause', 'bridge.c', true],
      ['docker-disconnect', 'bridge.c', true],
    ])
    assert.deepEqual([status, reason], ['pass', 'nobody else did anything to the world'])
  })
})
