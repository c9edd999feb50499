// A drill that ends early leaves nothing behind: Ctrl-C heals by itself; after kill -9 in any phase, `heal` or `down` from a fresh
// process does. One world, several drills.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import Dockerode from 'dockerode'
import { linkChanges, readLedger } from '#chaos/wan-calls.ts'
import { loadedAreas } from '#gameday/load.ts'
import { loadHostConfig } from '#runtime/config.ts'
import { journal as journalShape, type Journal } from '#protocol/journal.ts'
import { liveDrill } from '#protocol/live-drill.ts'
import { checkout } from '#world/checkout.ts'
import { liveFolder } from '#world/world-files.ts'
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

/** The rollback mends what the branches broke; so does nobody else, since the fault lasts. */
const branches = `${head}
  - parallel:
      - - fault: { id: slow, kind: link-degrade, target: 'a <-> c', class: kafka, delay: 200ms }
        - hold: 60s
      - - fault: { id: dead, kind: process-kill, target: 'bridge.c, redis.c' }
        - hold: 60s
rollback:
  - heal: dead
  - wait-for: { event: resynced, within: 90s }
  - action: failback
`
/** No client reaches anybody: the stop loss sees it. */
const silenced = `title: Nobody is served
load: { rate: 30/s, timeout: 1s }
steady-state-hypothesis: { success-rate: '>= 90%', p99: '<= 3s' }
abort-when: { no-acks-for: 5s }
method:
  - hold: 4s
  - fault: { id: dark, kind: link-degrade, target: 'na,eu,ap <-> a,b,c', loss: 1 }
  - hold: 120s
rollback:
  - heal: dark
  - wait-for: { event: steady, within: 60s }
`
const asked = `${head}  - approve: Really?
  - hold: 1s
`

/** Docker's socket at another path, until Docker goes away there: with every answer that is under way. */
class DockerElsewhere {
  readonly path: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(path: string) {
    this.path = path
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const docker = connect({ path: findEndpoint(loadHostConfig()).options.socketPath ?? '', allowHalfOpen: true })
      for (const [from, to] of [
        [socket, docker],
        [docker, socket],
      ] as const) {
        this.#sockets.add(from)
        from.on('error', () => to.destroy())
        from.pipe(to)
      }
    })
  }

  static async open(path: string): Promise<DockerElsewhere> {
    const elsewhere = new DockerElsewhere(path)
    elsewhere.#server.listen(path)
    await once(elsewhere.#server, 'listening')
    return elsewhere
  }

  goAway(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

interface Strike {
  /** At the first line that matches. */
  readonly at: RegExp
  /** What the process gets, or what is done to it. */
  readonly by: NodeJS.Signals | (() => void)
}

async function firedrill(
  argv: readonly string[],
  strike?: Strike,
  environment: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [join(checkout, 'cli', 'main.ts'), ...argv], {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  const ended = once(child, 'close') as Promise<[number | null]>
  const output = { stdout: '', stderr: '' }
  let struck = false
  for (const stream of ['stdout', 'stderr'] as const)
    createInterface({ input: child[stream] }).on('line', (line) => {
      output[stream] += `${line}\n`
      if (strike === undefined || struck || !strike.at.test(line)) return
      struck = true
      if (typeof strike.by === 'string') child.kill(strike.by)
      else strike.by()
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

async function latestJournal(): Promise<Journal> {
  return journalShape.parse(JSON.parse(await readFile(join(checkout, 'drills', 'latest', 'journal.json'), 'utf8')))
}

/** Answers the next question of the world's drill, as the dashboard does. */
async function answerFromFile(approved: boolean): Promise<void> {
  const folder = liveFolder(name)
  for (const deadline = Date.now() + 120_000; Date.now() < deadline;) {
    const text = await readFile(join(folder, 'drill.json'), 'utf8').catch(() => '{}')
    const live = liveDrill.safeParse(JSON.parse(text))
    const id = live.success ? live.data.approval?.id : undefined
    if (id !== undefined) {
      await writeFile(join(folder, 'approval.json'), JSON.stringify({ id, approved, from: 'dashboard' }))
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('expected the drill to ask within two minutes')
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
    await writeFile(join(folder, 'branches.yaml'), branches)
    await writeFile(join(folder, 'silenced.yaml'), silenced)
    await writeFile(join(folder, 'asked.yaml'), asked)
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
      await firedrill(run('scratch.yaml'), { at, by: 'SIGKILL' })
      const { exitCode, stderr } = await firedrill(['heal', '--world', name])
      assert.equal(exitCode, 0, stderr)
      // Or the guard was quicker; a drill in its final reads has left nothing that it could tell of.
      const told = /took over world .* which has died|the guard of world .* has healed/
      if (phase !== 'the final reads') assert.match(stderr, told)
      assert.deepEqual(await leftInWorld(), [])
      assert.match((await firedrill(['heal', '--world', name])).stdout, /no fault and no load/)
    })

  test('by Ctrl-C heals by itself, says what it leaves, and is neither passed nor failed', async () => {
    const { exitCode, stdout, stderr } = await firedrill(run('scratch.yaml'), {
      at: /✔ Fault: process-kill/,
      by: 'SIGINT',
    })
    assert.equal(exitCode, 2, stderr)
    assert.match(stderr, /SIGINT: rolling back and healing what the drill has broken/)
    assert.match(stdout, /UNKNOWN .*\n.*Ended early +interrupted by SIGINT/)
    assert.match(stderr, new RegExp(`world ${name} is left up; remove it: \\./firedrill down --world ${name}`))
    assert.deepEqual(await leftInWorld(), [])
  })

  test('by Ctrl-C in its branches ends all of them, rolls back in order, and says so', async () => {
    const { exitCode, stderr } = await firedrill(
      [...run('branches.yaml'), '--json', '--junit', join(folder, 'all.xml')],
      {
        at: /✔ Fault: process-kill/,
        by: 'SIGINT',
      },
    )
    assert.equal(exitCode, 2, stderr)
    const journal = await latestJournal()
    assert.match(String(journal.interruption), /interrupted by SIGINT/)
    assert.deepEqual(
      journal.steps.map(({ at, failed }) => [at, failed]).filter(([at]) => at?.startsWith('rollback')),
      [
        ['rollback[0]', null],
        ['rollback[1]', null],
        ['rollback[2]', null],
      ],
    )
    const holds = journal.steps.filter(({ kind, at }) => kind === 'hold' && at.includes('parallel'))
    for (const hold of holds) assert.equal(hold.failed, 'interrupted by SIGINT')
    assert.equal(journal.checks.find(({ name: each }) => each === 'rollback')?.status, 'pass')
    assert.ok(journal.faults.length > 0 && journal.faults.every(({ healedNs }) => healedNs !== null))
    assert.match(await readFile(join(folder, 'all.xml'), 'utf8'), /name="drill complete"><error message="[^"]*SIGINT/)
    assert.deepEqual(await leftInWorld(), [])
  })

  test('by its stop loss has failed, rolls back, reads the stores, and names the condition', async () => {
    const { exitCode, stdout, stderr } = await firedrill(run('silenced.yaml'))
    assert.equal(exitCode, 1, stderr)
    assert.match(stdout, /FAIL .*\n.*Ended early +stop loss: no-acks-for: no write was acked for/)
    const journal = await latestJournal()
    assert.equal(journal.checks.find(({ name: each }) => each === 'stop loss')?.status, 'fail')
    assert.equal(journal.checks.find(({ name: each }) => each === 'rollback')?.status, 'pass')
    assert.equal(journal.rpo.postgres.lostCount, 0)
    const timeline = await readFile(join(checkout, 'drills', 'latest', 'timeline.ndjson'), 'utf8')
    assert.match(timeline, /"kind":"aborted","reason":"no-acks-for: no write was acked for/)
    assert.deepEqual(await leftInWorld(), [])
  })

  test('is not ended by a yes from a file, which it waits for without a terminal', async () => {
    const answering = answerFromFile(true)
    const { exitCode, stderr } = await firedrill([...run('asked.yaml'), '--approve-in-dashboard'])
    await answering
    assert.equal(exitCode, 0, stderr)
    const timeline = await readFile(join(checkout, 'drills', 'latest', 'timeline.ndjson'), 'utf8')
    assert.match(timeline, /"kind":"approval","reason":"Really\? Yes, from the dashboard"/)
    const live = liveDrill.parse(JSON.parse(await readFile(join(liveFolder(name), 'drill.json'), 'utf8')))
    assert.deepEqual([live.state, live.verdict, live.approval], ['ended', 'pass', null])
  })

  test('because Docker went away says what it knows, what it does not, and what it has left', async () => {
    const elsewhere = await DockerElsewhere.open(join(folder, 'docker.sock'))
    const { exitCode, stdout, stderr } = await firedrill(
      run('power-loss.yaml'),
      { at: /✔ Fault: power-loss/, by: () => elsewhere.goAway() },
      { DOCKER_HOST: `unix://${elsewhere.path}` },
    )
    assert.equal(exitCode, 2, stderr)
    assert.match(stdout, /UNKNOWN .*\n.*Ended early +.*does not heal/)
    assert.match(stderr, /power-loss of region c is not healed; heal it: \.\/firedrill heal --world/)
    const images = await readFile(join(checkout, 'drills', 'latest', 'images.json'), 'utf8')
    assert.match(images, /"unread": ".*docker\.sock/)
    const healed = await firedrill(['heal', '--world', name])
    assert.equal(healed.exitCode, 0, healed.stderr)
    assert.deepEqual(await leftInWorld(), [])
  })

  test('by kill -9 in a fault is removed whole by down, from a fresh process', async () => {
    await firedrill(run('power-loss.yaml'), { at: /✔ Fault: power-loss/, by: 'SIGKILL' })
    const { exitCode, stderr } = await firedrill(['down', '--world', name])
    assert.equal(exitCode, 0, stderr)
    assert.equal(await leftOnMachine(), 0)
  })
})
