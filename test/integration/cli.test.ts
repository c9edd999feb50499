// The front door as a process: exit codes and one clear line for bad input; the import rules of the checkout.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkout } from '#world/checkout.ts'

interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

async function start(
  program: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  cwd = checkout,
): Promise<Ended> {
  const child = spawn(program, argv, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exitCode) => resolve({ exitCode, stdout, stderr }))
  })
}

const firedrill = async (...argv: readonly string[]): Promise<Ended> =>
  start(process.execPath, [join(checkout, 'cli', 'main.ts'), ...argv])

const commands = [
  'doctor',
  'build',
  'up',
  'status',
  'logs',
  'connect',
  'init',
  'validate',
  'lint',
  'run',
  'chaos',
  'dashboard',
  'heal',
  'failover',
  'failback',
  'down',
  'report',
  'metrics',
  'bench',
  'fuzz',
  'test',
]

test('every command has a help of its own', async () => {
  for (const command of commands) {
    const { exitCode, stdout } = await firedrill(command, '--help')
    assert.equal(exitCode, 0, command)
    assert.match(stdout, new RegExp(`^Usage: firedrill ${command}`), command)
  }
})

const badInputs: readonly (readonly [readonly string[], RegExp])[] = [
  [['bild'], /unknown command 'bild'.*see: \.\/firedrill --help/],
  [['up', '--wrld', 'x'], /unknown option '--wrld'/],
  [['up', '--commit', 'maybe'], /--commit <mode>.*quorum, async/],
  [['up', '--home', 'd'], /--home <region>.*a, b, c/],
  [['up', '--set', 'max-loss=soon'], /max-loss/],
  [['up', '--set', 'colour=red'], /colour/],
  [['up', '--world', '../other'], /--world: expected a world's name .* found "\.\.\/other"/],
  [['down', '--world', ''], /--world: expected a world's name .* found ""/],
  [['logs', 'postgres.d'], /unknown target "postgres\.d"; expected one of wan, app\.a/],
  [['connect', 'mysql.a'], /unknown target/],
  [['logs'], /missing required argument 'target'/],
  [['run', 'no-such-runbook'], /no-such-runbook/],
  [['run', 'region-loss', '--otlp', 'collector'], /--otlp: expected an address such as .* saw "collector"/],
  [['run', 'region-loss', '--dry-run', '--json'], /expected --dry-run or --json, saw both/],
  [['init', ''], /expected a folder, saw ""/],
  [['validate', '/nonexistent.yaml'], /nonexistent/],
  [['lint', '/nonexistent.yml'], /nonexistent\.yml: expected a readable compose file/],
  [['lint', '--world', 'nobody-has-this-one'], /world nobody-has-this-one is not up/],
  [['bench', 'luck'], /bench|kind/],
  [['fuzz', '--runs', '0'], /--runs: expected a whole number from 1 to 10000, saw "0"/],
  [['fuzz', '--seed', 'luck'], /--seed: expected a whole number from 0 to 2147483647, saw "luck"/],
  [['fuzz', '--only', '1.5'], /--only: expected a whole number from 1 to 10000, saw "1\.5"/],
  [['fuzz', '--commit', 'maybe'], /--commit <mode>.*quorum, async/],
  [['fuzz', '--world', '...'], /--world: expected a world's name .* found "\.\.\."/],
  [['status', '--world', 'nobody-has-this-one'], /world nobody-has-this-one is not up.*\.\/firedrill up/],
  [['dashboard', '--world', 'nobody-has-this-one'], /world nobody-has-this-one is not up/],
  [['report', 'no-such-drill'], /no-such-drill/],
  [['chaos', 'list', 'luck'], /expected a kind of power-loss, .* saw "luck"/],
  [['chaos', 'inject', 'luck', 'region', 'a'], /expected a kind of power-loss, /],
  [['chaos', 'inject', 'disk-slow', 'postgres.a'], /disk-slow is not offered: .*block device/],
  [['chaos', 'list', 'disk-read-only'], /disk-read-only is not offered: .*privileged/],
  [['chaos', 'inject', 'freeze', 'region', 'd'], /target: expected "region X" with X one of a, b, c, found "region d"/],
  [['chaos', 'inject', 'freeze', 'region', 'a', '--for', '2h'], /for: expected at most 1h/],
  [['chaos', 'inject', 'link-degrade', 'all', '--set', 'loss=much'], /loss: expected a number, found "much"/],
  [['chaos', 'inject', 'partition', 'a,b|b,c'], /target: expected .*found .*b/],
  [
    ['chaos', 'inject', 'link-degrade', 'a -> b'],
    /expected at least one of delay, jitter, loss, reorder, bandwidth, found none/,
  ],
  [['chaos', 'inject', 'link-degrade', 'all', '--set', 'lost=1'], /lost: expected a key of .* found the key "lost"/],
  [['chaos', 'inject', 'link-degrade', 'all', '--set', 'id=x'], /--set: expected key=value/],
  [['chaos', 'status', '--world', 'nobody-has-this-one'], /world nobody-has-this-one is not up.*\.\/firedrill up/],
  [['heal', 'cut-1', '--all'], /expected the fault cut-1 or --all, saw both/],
  [['bench', 'guard', '--kind', 'luck'], /--kind: expected one of power-loss, .* saw "luck"/],
]

for (const [argv, expected] of badInputs) {
  test(`firedrill ${argv.join(' ')}: one clear line and exit code 3`, async () => {
    const { exitCode, stdout, stderr } = await firedrill(...argv)
    assert.equal(exitCode, 3, stderr)
    assert.equal(stdout, '')
    assert.match(stderr, expected)
    assert.equal(stderr.trim().split('\n').length, 1, stderr)
  })
}

test('Docker that does not answer is named with what mends it', async () => {
  const ended = await start(process.execPath, [join(checkout, 'cli', 'main.ts'), 'status'], {
    DOCKER_HOST: 'unix:///nonexistent/docker.sock',
  })
  assert.equal(ended.exitCode, 3)
  assert.match(ended.stderr, /Docker at unix:\/\/\/nonexistent\/docker\.sock .* does not answer; /)
})

test('the launcher works from any directory and through a symbolic link', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'firedrill-launcher-'))
  context.after(() => rmSync(folder, { recursive: true }))
  symlinkSync(join(checkout, 'firedrill'), join(folder, 'drill'))
  const { exitCode, stdout } = await start('./drill', ['--help'], {}, folder)
  assert.equal(exitCode, 0)
  assert.match(stdout, /^Usage: firedrill/)
})

/** Each folder, a line that must not be in it, and the rule that says so. */
const forbidden: readonly (readonly [string, string, string?])[] = [
  ['protocol', "import '#runtime/clock.ts'"],
  ['runtime', "import '#services/wan/tun.ts'"],
  ['services', "import '#world/checkout.ts'"],
  ['orchestrator', "import '#gameday/run-drill.ts'"],
  ['orchestrator/core', "import 'node:fs'"],
  ['services/app/core', "import '#runtime/clock.ts'"],
  ['world', "import '#orchestrator/core/step.ts'"],
  ['chaos', "import 'dockerode'"],
  ['gameday', "import '#services/app/app.ts'"],
  ['cli', "import '#services/app/app.ts'"],
  ['orchestrator/core', "import 'node:fs/promises'"],
  ['orchestrator/core', "import '#orchestrator/promotion/calls.ts'"],
  ['world', "import '../../chaos/heal.ts'"],
  ['services', "import '../../world/checkout.ts'"],
  ...['chaos', 'world', 'gameday', 'cli'].map(
    (folder) => [folder, 'export const deadline = Date.now() + 1000', 'no-restricted-properties'] as const,
  ),
]

test('an import against the direction of the folders, or a wait by wall time, is caught by the linter', async (context) => {
  const planted = forbidden.map(([folder, line, rule = 'no-restricted-imports'], index) => {
    return { folder: join(folder, 'planted-by-a-test'), line, rule, index }
  })
  context.after(async () =>
    Promise.all(planted.map(async ({ folder }) => rm(join(checkout, folder), { recursive: true, force: true }))),
  )
  for (const { folder, line, index } of planted) {
    await mkdir(join(checkout, folder), { recursive: true })
    await writeFile(join(checkout, folder, `planted-${index}.ts`), `${line}\n`)
  }
  const linter = join(checkout, 'node_modules', '.bin', 'oxlint')
  const { exitCode, stdout } = await start(linter, ['--format=unix', ...new Set(planted.map(({ folder }) => folder))])
  assert.notEqual(exitCode, 0)
  for (const { folder, line, rule, index } of planted)
    assert.match(stdout, new RegExp(`${folder}/planted-${index}\\.ts.*${rule}`), line)
})
