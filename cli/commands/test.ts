// `test`: brings Docker and the images, runs the tests, removes what they left.
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { Argument, type Command } from 'commander'
import { checkout } from '#world/checkout.ts'
import { connectEngine } from '#world/docker-engine.ts'
import { buildImages } from '#world/images/build-images.ts'
import { removeWorld } from '#world/down.ts'
import { listWorlds } from '#world/world-containers.ts'
import { hostConfig, say } from '../shared.ts'

const parts = ['unit', 'property', 'integration', 'scenario', 'all'] as const
type Part = (typeof parts)[number]

/** Where a part's tests lie, and whether they start containers. */
const patterns: Readonly<Record<Exclude<Part, 'all'>, string>> = {
  unit: '{protocol,runtime,services,orchestrator,world,chaos,gameday,simulation,cli}/**/*.test.ts',
  property: 'test/property/**/*.test.ts',
  integration: 'test/integration/**/*.test.ts',
  scenario: 'test/scenario/**/*.test.ts',
}
/** Worlds that tests make are named so; they are removed when the tests have ended. */
const testWorldPrefix = 'test-'

export function registerTest(program: Command): void {
  program
    .command('test')
    .description('run the tests (unit, property, integration, scenario); same as npm test')
    .addArgument(new Argument('[part]', 'only this part').choices([...parts]).default('all'))
    .action(async (part: Part) => {
      const wanted = part === 'all' ? (['unit', 'property', 'integration', 'scenario'] as const) : [part]
      const files = wanted.flatMap((each) => globSync(patterns[each], { cwd: checkout }))
      const needsDocker = wanted.some((each) => each === 'integration' || each === 'scenario')
      process.exitCode = needsDocker ? await withImages(files) : await nodeTest(files)
    })
}

async function withImages(files: readonly string[]): Promise<number> {
  const config = hostConfig()
  const engine = await connectEngine(config, say)
  await buildImages(engine, config)
  // What is there already belongs to another run.
  const before = new Set(await listWorlds(engine.docker))
  try {
    return await nodeTest(files)
  } finally {
    const left = (await listWorlds(engine.docker)).filter(
      (world) => world.startsWith(testWorldPrefix) && !before.has(world),
    )
    for (const world of left) await removeWorld(engine.docker, world)
  }
}

/** Node's own runner ends with the totals. Two files at a time: their containers share the machine. */
async function nodeTest(files: readonly string[]): Promise<number> {
  const { environment } = hostConfig()
  const child = spawn(process.execPath, ['--test', '--test-concurrency=2', ...files], {
    cwd: checkout,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...environment, TESTCONTAINERS_RYUK_DISABLED: 'true' },
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? 1))
  })
}
