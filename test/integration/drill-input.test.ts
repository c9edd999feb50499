// Bad input to `run`, `validate` and `bench`: one clear line for each mistake, exit code 3, and nothing is started. Needs no world.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { loadHostConfig } from '#runtime/config.ts'
import { lockWorld } from '#world/busy-lock.ts'
import { checkout } from '#world/checkout.ts'
import { dockerOf } from '#world/docker-engine.ts'

interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

async function firedrill(
  argv: readonly string[],
  options: { readonly environment?: Readonly<Record<string, string>>; readonly uid?: number } = {},
): Promise<Ended> {
  const { environment = {}, ...more } = options
  const child = spawn(process.execPath, [join(checkout, 'cli', 'main.ts'), ...argv], {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
    ...more,
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  const [exitCode] = (await once(child, 'close')) as [number | null]
  return { exitCode, ...output }
}

function assertRefused({ exitCode, stdout, stderr }: Ended, expected: RegExp): void {
  assert.equal(exitCode, 3, stderr)
  assert.equal(stdout, '')
  assert.match(stderr, expected)
  assert.equal(stderr.trim().split('\n').length, 1, stderr)
}

const head = `title: A drill
load: { rate: 10/s }
steady-state-hypothesis: { success-rate: '>= 99%', p99: '<= 500ms' }
method:
`

/** What is wrong, the method (or the whole file), and the one line. */
const books: readonly (readonly [string, string, RegExp])[] = [
  ['broken-yaml', `${head}  - hold: [1s\n`, /broken-yaml\.yaml:5:11: expected YAML, found/],
  [
    'unknown-key',
    `${head}  - holt: 1s\n`,
    /unknown-key\.yaml:5:5: method\[0\]\.holt: expected a key of hold, .*found the key "holt"/,
  ],
  [
    'unknown-region',
    `${head}  - fault: { id: x, kind: freeze, target: region q }\n`,
    /unknown-region\.yaml:5:43: method\[0\]\.fault\.target: expected "region X" with X one of a, b, c, found "region q"/,
  ],
  [
    'nobody-to-ask',
    `${head}  - approve: Really?\n`,
    /nobody-to-ask\.yaml:5:14: .*expected a terminal to ask at, or --yes, or --approve-in-dashboard/,
  ],
]

describe('bad input of a drill', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'firedrill-input-'))
  })
  after(() => rm(folder, { recursive: true }))

  for (const [name, text, expected] of books)
    test(`a runbook with ${name} is refused with line and column`, async () => {
      const file = join(folder, `${name}.yaml`)
      await writeFile(file, text)
      assertRefused(await firedrill(['run', file]), expected)
    })

  for (const [argv, expected] of [
    [['run', 'region-los'], /expected a runbook's name \(.*control-plane-loss.*\) or the path .*, found "region-los"/],
    [['run', 'region-loss', '--comit', 'async'], /unknown option '--comit'.*--commit/],
    [
      ['run', 'region-loss', '--set', 'topology.home=d'],
      /--set topology\.home=d: .*expected one of a, b, c, found "d"/,
    ],
    [['run', 'region-loss', '--set', 'topology.region=a'], /--set topology\.region=a: .*expected a key of/],
    [['run', 'region-loss', '--seed', 'x'], /--seed: expected a whole number/],
    [['validate', 'region-loss', '--set', 'x'], /--set: expected path=value/],
    [
      ['validate', 'region-loss', '--set', 'x=1'],
      /--set x=1: expected a parameter of the runbook \(none is declared\) or a path/,
    ],
    [['validate'], /expected a runbook, or --schema, saw neither/],
    [['run'], /expected a runbook \(.*region-loss.*, or a path\) or --all, saw none/],
    [['run', 'region-loss', '--all'], /expected runbooks or --all, saw both: region-loss and --all/],
    [['run', 'region-loss', 'region-los'], /expected a runbook's name .*found "region-los"/],
    [
      ['run', 'region-loss', '--junit', '/dev/null/junit.xml'],
      /--junit \/dev\/null\/junit\.xml: expected a file that can be written, saw: /,
    ],
    [['bench', 'failover', '--runbook', 'luck'], /expected a runbook's name/],
    [['bench', 'failover', '--runs', '0'], /--runs: expected a whole number from 1/],
    [['bench', 'steady', '--duration', 'long'], /--duration: expected a duration such as 250ms/],
    [['failover', '--to', 'd'], /--to <region>.*a, b, c/],
  ] as const)
    test(`firedrill ${argv.join(' ')}: one clear line`, async () => {
      assertRefused(await firedrill(argv), expected)
    })

  test('a second run on a busy world is told who is busy with it', async () => {
    const docker = dockerOf(loadHostConfig())
    await using lock = await lockWorld({ docker, world: 'test-busy', doing: 'a test', say: () => {} })
    await lock.claim()
    const busy = new RegExp(
      `world test-busy is held by "a test" of user .*, process ${process.pid} on host .* in ${checkout} \\(since [\\d:]{8}\\): wait for it, end it, or use --world NAME`,
    )
    assertRefused(await firedrill(['run', 'region-loss', '--world', 'test-busy']), busy)
    for (const command of ['up', 'heal', 'down', 'failover', 'failback'])
      assertRefused(await firedrill([command, '--world', 'test-busy']), busy)
  })
})

describe("a game-day folder of one's own", () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'firedrill-init-'))
  })
  after(() => rm(folder, { recursive: true }))

  test('is begun by init: its runbook is valid, has a plan without Docker, and lies beside its schema', async () => {
    const own = join(folder, 'days')
    const begun = await firedrill(['init', own])
    assert.equal(begun.exitCode, 0, begun.stderr)
    assert.deepEqual((await readdir(own)).sort(), [
      'README.md',
      'lose-a-region.md',
      'lose-a-region.yaml',
      'runbook.schema.json',
    ])
    const book = join(own, 'lose-a-region.yaml')
    assert.equal((await firedrill(['validate', book, 'region-loss'])).stdout.split('\n').length, 3)
    const environment = { DOCKER_HOST: `unix://${folder}/none.sock` }
    const { exitCode, stdout } = await firedrill(['run', book, '--dry-run', '--set', 'target=b'], { environment })
    assert.equal(exitCode, 0)
    assert.match(stdout, /^Lose region b \(lose-a-region\): what would be done/)
    assert.match(stdout, /touches: app\.b, postgres\.b/)
    assert.match(stdout, /takes +at least .*, and as long as people take to answer a question/)
  })

  test('is never written over', async () => {
    const own = join(folder, 'mine')
    await mkdir(own)
    await writeFile(join(own, 'README.md'), 'mine')
    assertRefused(
      await firedrill(['init', own]),
      /expected a folder without .*README\.md, saw them there: nothing was written/,
    )
    assert.deepEqual(await readdir(own), ['README.md'])
    assertRefused(
      await firedrill(['init', '/dev/null/days']),
      /\/dev\/null\/days: expected a folder that can be written, saw: /,
    )
  })
})

/** An engine that answers as an old Docker would. */
async function oldDocker(socket: string): Promise<Server> {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json')
    const version = request.url?.includes('version') === true
    response.end(JSON.stringify(version ? { Version: '19.03.15', Arch: 'amd64' } : { OSType: 'linux' }))
  }).listen(socket)
  await once(server, 'listening')
  return server
}

describe('a machine that is not ready for a drill', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'firedrill-docker-'))
  })
  after(() => rm(folder, { recursive: true }))

  test('Docker that does not answer is named with what mends it', async () => {
    const environment = { DOCKER_HOST: `unix://${folder}/none.sock` }
    assertRefused(
      await firedrill(['run', 'region-loss', '--world', 'test-none'], { environment }),
      /does not answer; start it/,
    )
  })

  test('Docker that is too old is named with the version that is needed', async () => {
    const socket = join(folder, 'old.sock')
    const server = await oldDocker(socket)
    const environment = { DOCKER_HOST: `unix://${socket}` }
    const ended = await firedrill(['run', 'region-loss', '--world', 'test-old'], { environment })
    server.close()
    assertRefused(ended, /Docker Engine 19\.03\.15 is too old, expected 20\.10 or newer; upgrade Docker/)
  })

  test('Docker without permission is named with what gives it', async () => {
    const socket = join(folder, 'closed.sock')
    const server = await oldDocker(socket)
    await chmod(socket, 0)
    await chmod(folder, 0o755)
    const environment = { DOCKER_HOST: `unix://${socket}` }
    // Root may do everything, so it asks as nobody.
    const uid = process.getuid?.() === 0 ? { uid: 65_534 } : {}
    const ended = await firedrill(['status', '--world', 'test-closed'], { environment, ...uid })
    server.close()
    assertRefused(ended, /no permission for Docker at unix:.*; run: sudo usermod -aG docker \$USER/)
  })
})

describe('a reader that has gone', () => {
  async function unread(stream: 'stdout' | 'stderr', ...argv: readonly string[]): Promise<Ended> {
    const child = spawn(process.execPath, [join(checkout, 'cli', 'main.ts'), ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
    child[stream].destroy()
    const [exitCode] = (await once(child, 'close')) as [number | null]
    return { exitCode, ...output }
  }

  test('of the result is told on the error stream', async () => {
    assertRefused(
      await unread('stdout', 'validate', 'region-loss'),
      /^firedrill: standard output can't be written \(.*EPIPE.*\), so the result is not shown$/m,
    )
  })

  test('of what is said for people ends nothing', async () => {
    assert.deepEqual(await unread('stderr', 'validate', 'no-such-one'), { exitCode: 3, stdout: '', stderr: '' })
  })
})
