// Two drivers of one world, in all orders: another temporary folder, another checkout, another user. The second one is refused by the
// name of the first, and nothing is healed by a stranger.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, chownSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { readLedger } from '#chaos/wan-calls.ts'
import { loadHostConfig } from '#runtime/config.ts'
import { checkout } from '#world/checkout.ts'
import { dockerOf } from '#world/docker-engine.ts'
import { openWorldOn } from '#world/docker-world.ts'
import { readHolds } from '#world/holds.ts'
import { command, Driver, here, type Origin } from './drivers.ts'
import { eventually } from './rig.ts'
import { WanWorld } from './wan-world.ts'

const docker = dockerOf(loadHostConfig())
const nobody = 65_534
const socket = '/var/run/docker.sock'
const isRoot = process.getuid?.() === 0
const refused = [['up'], ['run', 'region-loss'], ['heal'], ['down']] as const
const refusedToo = [['failover'], ['failback'], ['fuzz'], ['bench', 'steady']] as const

/** A second checkout of the same code, which the user owns. */
function copyCheckout(to: string, uid: number | null): void {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: checkout, encoding: 'utf8' }).split('\0')
  for (const file of files.filter((each) => each !== '' && statSync(join(checkout, each), { throwIfNoEntry: false }))) {
    mkdirSync(dirname(join(to, file)), { recursive: true })
    cpSync(join(checkout, file), join(to, file))
  }
  mkdirSync(join(to, '.firedrill'))
  symlinkSync(join(checkout, 'node_modules'), join(to, 'node_modules'))
  if (uid !== null) for (const each of [to, join(to, '.firedrill')]) chownSync(each, uid, uid)
}

describe('two drivers', () => {
  let small: WanWorld
  let folder: string
  const origins = new Map<string, Origin>()
  const drivers: Driver[] = []

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'firedrill-drivers-'))
    chmodSync(folder, 0o755)
    const temporary = (name: string, uid: number | null): string => {
      const path = join(folder, name)
      mkdirSync(path)
      if (uid !== null) chownSync(path, uid, uid)
      return path
    }
    copyCheckout(join(folder, 'second'), null)
    origins.set('here', here)
    origins.set('another temporary folder', { ...here, temporaryFolder: temporary('t1', null) })
    origins.set('another checkout', {
      ...here,
      checkout: join(folder, 'second'),
      temporaryFolder: temporary('t2', null),
    })
    if (isRoot) {
      copyCheckout(join(folder, 'third'), nobody)
      const { gid } = statSync(socket)
      const theirs = { checkout: join(folder, 'third'), temporaryFolder: temporary('t3', nobody) }
      origins.set('another user', { ...theirs, uid: nobody, gid })
    }
    small = await WanWorld.start(['app.b'])
  })
  after(async () => {
    for (const driver of drivers) await driver.kill()
    await small[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  const fault = { id: 'struck', kind: 'process-kill', target: 'app.b', for: '10m' }
  /** Long enough for any guard to have looked at the world again. */
  const looks = 3
  const ledger = async (): Promise<readonly string[]> => {
    await using world = await openWorldOn(docker, small.name)
    return (await readLedger(world)).map((each) => each.id)
  }

  for (const [first, second] of [
    ['here', 'another temporary folder'],
    ['another temporary folder', 'another checkout'],
    ['another checkout', 'here'],
    ['here', 'another user'],
    ['another user', 'here'],
    ['another user', 'another checkout'],
  ] as const)
    test(`${second} is refused while ${first} drives`, async (context) => {
      const [holding, coming] = [origins.get(first), origins.get(second)]
      if (holding === undefined || coming === undefined) return context.skip('another user needs root')
      const at = ['--world', small.name]
      const driver = await Driver.start(small.name, { origin: holding, fault })
      drivers.push(driver)
      assert.equal(driver.said.at(-1), 'driving', driver.words)
      const name = new RegExp(
        `held by "run a-drill" of user ${holding.uid === null ? '\\S+' : 'nobody'}, process ${driver.child.pid} on host \\S+ in ${holding.checkout} \\(since [\\d:]{8}\\): wait for it, end it, or use --world NAME`,
      )
      for (const argv of first === 'here' ? [...refused, ...refusedToo] : refused) {
        const { exitCode, words } = await command(coming, ...argv, ...at)
        context.diagnostic(`${argv.join(' ')}: ${exitCode}: ${words}`)
        assert.equal(exitCode, 3, words)
        assert.match(words, name)
      }
      // It may look, and then is the one who starts the guard; that guard leaves the drill's fault alone.
      const { exitCode, words } = await command(coming, 'chaos', 'status', ...at)
      assert.equal(exitCode, 0, words)
      for (let look = 0; look < looks; look += 1) {
        await command(coming, 'chaos', 'status', ...at)
        assert.deepEqual(await ledger(), ['a-drill.struck'])
      }
      await driver.kill()
      await eventually('what the killed drill left to be healed', async () => (await ledger()).length === 0)
      await using world = await openWorldOn(docker, small.name)
      await eventually('a free world', async () => (await readHolds(world)).driver.state === 'free')
    })
})
