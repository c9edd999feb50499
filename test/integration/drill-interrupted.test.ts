// A drill that ends early leaves nothing behind: Ctrl-C heals by itself; after kill -9 in any phase, `heal` or `down` from a fresh
// process does. One world, several drills.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import Dockerode from 'dockerode'
import { linkChanges, readLedger } from '#chaos/wan-calls.ts'
import { loadedAreas } from '#gameday/load.ts'
import { loadHostConfig } from '#runtime/config.ts'
import { checkout } from '#world/checkout.ts'
import { findEndpoint } from '#world/docker-endpoint.ts'
import { openWorldOn } from '#world/docker-world.ts'
import { removeWorld } from '#world/down.ts'
import { standardTargets, worldLabel } from '#world/world-containers.ts'

const docker = new Dockerode(findEndpoint(loadHostConfig()).options)
const name = `test-drill-${randomBytes(3).toString('hex')}`

const head = `title: Hurt what is not the primary
load: { rate: 30/s }
steady-state-hypothesis: { success-rate: '>= 90%', p99: '<= 3s' }
method:
  - hold: 1s
`
/** Links and containers, and quickly mended. */
const scratch = `${head}
  - fault: { id: slow, kind: link-degrade, target: 'a <-> c', class: kafka, delay: 200ms }
  - fault: { id: dead, kind: process-kill, target: 'app.c, bridge.c, redis.c' }
  - hold: 2s
  - heal: dead
  - heal: slow
  - hold: 1s
`
const powerLoss = `${head}
  - fault: { id: outage, kind: power-loss, target: region c }
  - hold: 10s
`

interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the tool; at the first line that matches `at`, the process gets the signal. */
async function firedrill(
  argv: readonly string[],
  strike?: { readonly at: RegExp; readonly signal: NodeJS.Signals },
): Promise<Ended> {
  const child = spawn(process.execPath, [join(checkout, 'cli', 'main.ts'), ...argv], {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close') as Promise<[number | null]>
  const output = { stdout: '', stderr: '' }
  let struck = false
  for (const stream of ['stdout', 'stderr'] as const)
    createInterface({ input: child[stream] }).on('line', (line) => {
      output[stream] += `${line}\n`
      if (strike === undefined || struck || !strike.at.test(line)) return
      struck = true
      child.kill(strike.signal)
    })
  const [exitCode] = await ended
  if (strike !== undefined) assert.ok(struck, `expected a line like ${strike.at}, saw:\n${output.stderr}`)
  return { exitCode, ...output }
}

/** What a drill may leave in a world, one word each. */
async function leftInWorld(): Promise<readonly string[]> {
  await using world = await openWorldOn(docker, name)
  const [ledger, links, loaded, containers] = await Promise.all([
    readLedger(world),
    linkChanges(world),
    loadedAreas(world),
    world.containers(),
  ])
  const down = containers.filter(({ state }) => state !== 'running')
  assert.equal(containers.length, standardTargets.length)
  return [
    ...ledger.map((entry) => `ledger ${entry.id}`),
    ...links.map((change) => `link ${change.id}`),
    ...loaded.map((area) => `load ${area}`),
    ...down.map((each) => `${each.name} ${each.state}`),
  ]
}

async function leftOnMachine(): Promise<number> {
  const label = [`${worldLabel}=${name}`]
  const [containers, networks, volumes] = await Promise.all([
    docker.listContainers({ all: true, filters: { label } }),
    docker.listNetworks({ filters: { label } }),
    docker.listVolumes({ filters: { label } }),
  ])
  return containers.length + networks.length + (volumes.Volumes ?? []).length
}

describe('a drill that ends early', () => {
  let folder: string
  const run = (book: string): readonly string[] => ['run', join(folder, book), '--world', name, '--seed', '1']

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'firedrill-interrupted-'))
    await writeFile(join(folder, 'scratch.yaml'), scratch)
    await writeFile(join(folder, 'power-loss.yaml'), powerLoss)
    const { exitCode, stderr } = await firedrill(['up', '--world', name])
    assert.equal(exitCode, 0, stderr)
  })

  after(async () => {
    await removeWorld(docker, name)
    await rm(folder, { recursive: true })
  })

  for (const [phase, at] of [
    ['the steady state', /❯ Hold for 1\.00 s/],
    ['a fault', /✔ Fault: process-kill/],
    ['healing', /❯ Heal dead/],
    ['the final reads', /❯ Final reads/],
  ] as const)
    test(`by kill -9 in ${phase} is healed whole by heal, from a fresh process`, async () => {
      await firedrill(run('scratch.yaml'), { at, signal: 'SIGKILL' })
      const { exitCode, stderr } = await firedrill(['heal', '--world', name])
      assert.equal(exitCode, 0, stderr)
      // Or the guard was quicker.
      assert.match(stderr, /took over world .* which has died|the guard of world .* has healed/)
      assert.deepEqual(await leftInWorld(), [])
      assert.match((await firedrill(['heal', '--world', name])).stdout, /no fault and no load/)
    })

  test('by Ctrl-C heals by itself, says what it leaves, and is neither passed nor failed', async () => {
    const { exitCode, stdout, stderr } = await firedrill(run('scratch.yaml'), {
      at: /✔ Fault: process-kill/,
      signal: 'SIGINT',
    })
    assert.equal(exitCode, 2, stderr)
    assert.match(stderr, /SIGINT: healing what the drill has broken/)
    assert.match(stdout, /UNKNOWN .*\n.*Ended early +interrupted by SIGINT/)
    assert.match(stderr, new RegExp(`world ${name} is left up; remove it: \\./firedrill down --world ${name}`))
    assert.deepEqual(await leftInWorld(), [])
  })

  test('by kill -9 in a fault is removed whole by down, from a fresh process', async () => {
    await firedrill(run('power-loss.yaml'), { at: /✔ Fault: power-loss/, signal: 'SIGKILL' })
    const { exitCode, stderr } = await firedrill(['down', '--world', name])
    assert.equal(exitCode, 0, stderr)
    assert.equal(await leftOnMachine(), 0)
  })
})
