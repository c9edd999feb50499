// The guard as a process, with the commands that start and miss it, in a world of a WAN and two bare hosts: who dies, and who heals.
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, afterEach, before, describe, test } from 'node:test'
import { linkChanges, readLedger } from '#chaos/wan-calls.ts'
import { loadHostConfig } from '#runtime/config.ts'
import { checkout } from '#world/checkout.ts'
import { dockerOf } from '#world/docker-engine.ts'
import { openWorldOn } from '#world/docker-world.ts'
import { readHolds } from '#world/holds.ts'
import { isAlive } from '#world/process-lock.ts'
import { firedrill } from './firedrill.ts'
import { eventually } from './rig.ts'
import { WanWorld } from './wan-world.ts'

const docker = dockerOf(loadHostConfig())

/** Stands in for a drill: holds the world's lock, has injected a fault, and waits. */
const drill = (world: string, fault: object): string => `
import { lockWorld } from '#world/busy-lock.ts'
import { openWorld } from '#world/docker-world.ts'
import { injectFault } from '#chaos/inject.ts'
import { faultSpec } from '#protocol/faults.ts'
const world = await openWorld('${world}')
await lockWorld({ docker: world.docker, world: '${world}', doing: 'run a-drill', say: () => {} })
await injectFault(world, 'a-drill', faultSpec.parse(${JSON.stringify({ id: 'struck', ...fault })}))
console.log('injected')
setInterval(() => {}, 1000)
`
const drills: ChildProcess[] = []

async function startDrill(world: string, fault: object): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', drill(world, fault)], {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  drills.push(child)
  const began = once(createInterface({ input: child.stdout }), 'line')
  const ended = once(child, 'exit').then(() => {
    throw new Error('the drill ended before it began: see its words above')
  })
  await Promise.race([began, ended])
  ended.catch(() => {})
  return child
}

describe('the guard of a world', () => {
  let small: WanWorld
  let name: string
  const at = (): readonly string[] => ['--world', name]
  const guardPid = async (): Promise<number | null> => {
    await using world = await openWorldOn(docker, name)
    const { state, holder } = (await readHolds(world)).guard
    return state === 'held' ? holder.pid : null
  }
  const stateOf = async (service: string): Promise<string | undefined> => {
    await using world = await openWorldOn(docker, name)
    return (await world.containers()).find((each) => each.service === service)?.state
  }
  const ledger = async (): Promise<readonly string[]> => {
    await using world = await openWorldOn(docker, name)
    return (await readLedger(world)).map((each) => each.id)
  }
  const ledgerIsEmpty = () => eventually('an empty ledger', async () => (await ledger()).length === 0)

  before(async () => {
    small = await WanWorld.start(['app.b', 'controller.b'])
    name = small.name
  })
  // One that a failed test leaves would hold the world in the next.
  afterEach(() => {
    for (const drill of drills.splice(0)) drill.kill('SIGKILL')
  })
  after(() => small[Symbol.asyncDispose]())

  test('is started by the first command, which ends all the same', async () => {
    const { exitCode, stdout, stderr } = await firedrill('chaos', 'status', ...at())
    assert.equal(exitCode, 0, stderr)
    assert.match(stderr, /had no guard; started one/)
    assert.match(stdout, /no fault in the ledger\nevery link has its own settings\nfence device: works/)
    assert.match(stdout, new RegExp(`guard: process ${await guardPid()} of user .* since`))
    assert.equal((await firedrill('chaos', 'status', ...at())).stderr, '')
  })

  test('killed, is missed by the next command, which starts another', async () => {
    const killed = await guardPid()
    assert.ok(killed)
    process.kill(killed, 'SIGKILL')
    await eventually('its end', async () => (await guardPid()) === null)
    const { stderr } = await firedrill('chaos', 'status', ...at())
    assert.match(stderr, new RegExp(`guard of world ${name} was not running \\(killed\\? it was process ${killed}\\)`))
    assert.notEqual(await guardPid(), null)
    assert.equal((await firedrill('chaos', 'status', ...at())).stderr, '')
  })

  test('lives through a hang-up, since no terminal is its own', async () => {
    const pid = await guardPid()
    assert.ok(pid)
    process.kill(pid, 'SIGHUP')
    await firedrill('chaos', 'status', ...at())
    assert.equal(await guardPid(), pid)
  })

  test('heals what was injected by hand once its time is over, and the next command tells it once', async () => {
    const words = ['process-kill', 'app.b', '--for', '4s']
    const { exitCode, stdout, stderr } = await firedrill('chaos', 'inject', ...words, ...at())
    assert.equal(exitCode, 0, stderr)
    assert.match(
      stdout,
      /^manual\.process-kill-\w+: process-kill of app\.b\n.*none of them runs\n.*the guard ends it\n/,
    )
    await ledgerIsEmpty()
    assert.equal(await stateOf('app'), 'running')
    const told = new RegExp(
      `the guard of world ${name} has healed: process-kill of app\\.b \\(manual\\).*time was over`,
    )
    await eventually('its word', async () => told.test((await firedrill('chaos', 'status', ...at())).stderr))
    assert.equal((await firedrill('chaos', 'status', ...at())).stderr, '')
  })

  test('leaves a fault by hand in force until then; `heal` ends it alone, though somebody holds the world', async () => {
    await using other = await openWorldOn(docker, name)
    const drill = await startDrill(name, { kind: 'link-degrade', target: 'a -> b', delay: '90ms' })
    const { stderr, stdout } = await firedrill('chaos', 'inject', 'process-kill', 'controller.b', ...at())
    assert.match(stderr, /is held by "run a-drill" of user .*: the drill tells of this fault, and can't pass any more/)
    const id = /^(manual\.[\w-]+):/.exec(stdout)?.[1] ?? ''
    const { stdout: shown } = await firedrill('chaos', 'status', ...at())
    assert.match(shown, new RegExp(`${id} +process-kill of controller\\.b +since \\d+ s +\\d+ min left +by hand`))
    assert.match(shown, /a-drill\.struck +link-degrade of a -> b +since \d+ s +until it is healed +drill a-drill/)
    assert.match(
      (await firedrill('status', ...at())).stdout,
      new RegExp(`${id} +process-kill of controller\\.b +since`),
    )
    drill.kill('SIGKILL')
    await eventually('the drill’s fault healed alone', async () => (await ledger()).join() === id)
    assert.deepEqual(await linkChanges(other), [])
    assert.equal(await stateOf('controller'), 'exited')
    const healed = await firedrill('heal', id, ...at())
    assert.match(healed.stdout, /healed: process-kill of controller\.b/)
    assert.deepEqual(await ledger(), [])
    assert.match((await firedrill('heal', id, ...at())).stderr, /has no fault .* there is none/)
  })

  test('heals all that a killed drill left, long before its time', async () => {
    const drill = await startDrill(name, { kind: 'process-kill', target: 'app.b' })
    await using world = await openWorldOn(docker, name)
    await world.kill([{ site: 'b', service: 'controller' }])
    drill.kill('SIGKILL')
    await ledgerIsEmpty()
    await eventually('controller.b', async () => (await stateOf('controller')) === 'running')
    assert.equal(await stateOf('app'), 'running')
  })

  test('heals a fault of a frozen drill by its time, though that holds the world', async () => {
    const drill = await startDrill(name, { kind: 'process-kill', target: 'app.b', for: '3s' })
    drill.kill('SIGSTOP')
    await ledgerIsEmpty()
    assert.equal(await stateOf('app'), 'running')
    await using opened = await openWorldOn(docker, name)
    const { state, holder } = (await readHolds(opened)).driver
    assert.deepEqual([state, holder?.pid], ['held', drill.pid])
    drill.kill('SIGKILL')
  })

  test('wakes a dead WAN to heal what a killed drill left behind it', async () => {
    const drill = await startDrill(name, { kind: 'process-kill', target: 'app.b' })
    const wan = (
      await docker.listContainers({ filters: { label: [`firedrill.world=${name}`, 'firedrill.service=wan'] } })
    )[0]
    assert.ok(wan)
    await docker.getContainer(wan.Id).kill()
    drill.kill('SIGKILL')
    await eventually('app.b', async () => (await stateOf('app').catch(() => null)) === 'running')
    await ledgerIsEmpty()
  })

  test('ends with `down`, and by itself once its world has gone', async () => {
    const pid = await guardPid()
    assert.ok(pid)
    assert.equal((await firedrill('down', ...at())).exitCode, 0)
    assert.equal(isAlive(pid), false)
    await small[Symbol.asyncDispose]()
    small = await WanWorld.start([])
    name = small.name
    await firedrill('chaos', 'status', ...at())
    const orphan = await guardPid()
    assert.ok(orphan)
    await small[Symbol.asyncDispose]()
    await eventually('its end', async () => !isAlive(orphan))
  })
})
