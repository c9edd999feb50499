// Who has a world, with a real WAN: holders that are killed, frozen, or outlive the WAN; guards that take each other's place; and
// makers where there is no WAN.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import type { HoldsReply } from '#protocol/holds.ts'
import { loadHostConfig } from '#runtime/config.ts'
import { lockWorld, type WorldLock } from '#world/busy-lock.ts'
import { dockerOf } from '#world/docker-engine.ts'
import { openWorldOn } from '#world/docker-world.ts'
import { takeHold } from '#world/hold.ts'
import { describeSelf } from '#world/holder.ts'
import { guardsWork, locateWan, readHolds } from '#world/holds.ts'
import { becomeMaker, endMaking } from '#world/maker.ts'
import { command, Driver, here, start } from './drivers.ts'
import { eventually, Rig } from './rig.ts'
import { WanWorld } from './wan-world.ts'

const docker = dockerOf(loadHostConfig())

describe('a world with a WAN', () => {
  let small: WanWorld
  const said: string[] = []
  const drivers: Driver[] = []
  const seen = async (): Promise<HoldsReply> => {
    await using world = await openWorldOn(docker, small.name)
    return await readHolds(world)
  }
  const drive = async (options: Parameters<typeof Driver.start>[1] = {}): Promise<Driver> => {
    // Of a test that has failed.
    for (const former of drivers) await former.kill()
    const driver = await Driver.start(small.name, options)
    drivers.push(driver)
    assert.equal(driver.said.at(-1), 'driving')
    return driver
  }
  const lock = (): Promise<WorldLock> => {
    said.length = 0
    return lockWorld({ docker, world: small.name, doing: 'a test', say: (line) => said.push(line) })
  }
  const held = (driver: Driver): RegExp =>
    new RegExp(`held by "run a-drill" of user .* process ${driver.child.pid} on host`)

  before(async () => {
    small = await WanWorld.start(['app.b'])
  })
  after(async () => {
    for (const driver of drivers) await driver.kill()
    await small[Symbol.asyncDispose]()
  })

  test('has one driver, whatever the temporary folder; kill -9 frees it, and the next one is told whose it was', async () => {
    const driver = await drive({ origin: { ...here, temporaryFolder: '/var/tmp' } })
    await assert.rejects(lock(), held(driver))
    await driver.kill()
    await eventually('its end', async () => (await seen()).driver.state === 'dead')
    await using _mine = await lock()
    assert.match(said.join(), new RegExp(`took over .* "run a-drill" .* process ${driver.child.pid} .*which has died`))
    await _mine.release()
    assert.equal((await seen()).driver.state, 'free')
  })

  test('is kept by a frozen driver, and by a driver of a WAN that is restarted', async () => {
    const driver = await drive()
    driver.child.kill('SIGSTOP')
    await assert.rejects(lock(), held(driver))
    driver.child.kill('SIGCONT')
    await small.restartWan()
    await assert.rejects(lock(), held(driver))
    assert.equal((await seen()).driver.state, 'held')
    assert.doesNotMatch(driver.words, /lost/)
    await driver.kill()
  })

  test('is lost by a driver that was frozen while the WAN was restarted: it says to whom', async () => {
    const driver = await drive()
    driver.child.kill('SIGSTOP')
    await small.restartWan()
    await using mine = await lock()
    assert.match(said.join('\n'), /was restarted: waiting whether .* comes back\ntook over world/)
    driver.child.kill('SIGCONT')
    await eventually('its word', async () => /lost: world .* taken over by "a test" of user/.test(driver.words))
    assert.equal(mine.lost.aborted, false)
    await driver.kill()
  })

  test('is refused also while its WAN is dead, to others than its living driver', async () => {
    const driver = await drive()
    await small.killWan()
    await assert.rejects(lock(), held(driver))
    await driver.kill()
    await using mine = await lock()
    assert.equal(mine.isHeld, false)
    await mine.claim()
    await small.startWan()
    await mine.attach()
    assert.match(said.join(), /took over world .* "run a-drill"/)
    assert.equal(mine.isHeld, true)
  })

  test("is nobody's while its WAN is dead and its guard had it: a dead WAN would say so for ever", async () => {
    const attempt = await takeHold({
      world: small.name,
      name: 'driver',
      holder: describeSelf(guardsWork),
      locate: locateWan(docker, small.name),
    })
    assert.ok(attempt.taken)
    await using _guards = attempt.hold
    await small.killWan()
    await using mine = await lock()
    await mine.claim()
    await small.startWan()
  })

  test('has one guard: one of other code takes its place through the WAN, and the former one ends', async () => {
    const former = start(here, ['cli/guard-process.ts', small.name, 'guard of other code'])
    let words = ''
    former.stdout?.on('data', (chunk: Buffer) => (words += chunk.toString()))
    const ended = once(former, 'exit')
    await eventually('a guard', async () => (await seen()).guard.holder?.pid === former.pid)
    const second = start(here, ['cli/guard-process.ts', small.name, 'guard of other code'])
    assert.deepEqual(await once(second, 'exit'), [0, null])
    const at = ['--world', small.name]
    assert.equal((await command(here, 'chaos', 'status', ...at)).exitCode, 0)
    assert.equal((await seen()).guard.holder?.pid, former.pid)
    const { exitCode, words: told } = await command(
      here,
      'chaos',
      'inject',
      'process-kill',
      'app.b',
      '--for',
      '9s',
      ...at,
    )
    assert.equal(exitCode, 0, told)
    assert.deepEqual(await ended, [0, null])
    assert.match(words, /ended: asked to by "chaos inject" of user/)
    const { guard } = await seen()
    assert.match(guard.holder?.doing ?? '', /^guard at .*, code [0-9a-f]{12}$/)
    assert.equal((await command(here, 'down', ...at)).exitCode, 0)
  })
})

describe('a world without a WAN', () => {
  let rig: Rig
  before(async () => {
    rig = await Rig.open('maker')
  })
  after(() => rig[Symbol.asyncDispose]())

  test('has one maker of many that want to be', async () => {
    const wanted = Array.from({ length: 6 }, (_, each) => describeSelf(`up ${each}`))
    const attempts = await Promise.all(wanted.map((self) => becomeMaker(docker, rig.name, self)))
    const [made, ...more] = attempts.filter((each) => each.taken)
    assert.ok(made)
    assert.equal(more.length, 0)
    for (const each of attempts) if (!each.taken) assert.equal(each.holder.id, made.maker.holder.id)
    await endMaking(docker, made.maker)
    const again = await becomeMaker(docker, rig.name, describeSelf('up'))
    assert.ok(again.taken)
    assert.equal(again.from, null)
    await endMaking(docker, again.maker)
  })

  test('is not taken from its maker, frozen or not, but from a dead one', async () => {
    const driver = await Driver.start(rig.name, { how: 'claim' })
    assert.equal(driver.words, 'driving')
    driver.child.kill('SIGSTOP')
    const { exitCode, words } = await command(here, 'down', '--world', rig.name)
    assert.equal(exitCode, 3)
    assert.match(words, new RegExp(`held by "run a-drill" of user .* process ${driver.child.pid} on host`))
    await driver.kill()
    const gone = await command(here, 'down', '--world', rig.name)
    assert.equal(gone.exitCode, 0, gone.words)
    assert.match(gone.words, /took over world .* which has died/)
  })
})
