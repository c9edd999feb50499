// `test`: brings Docker and the images, runs the tests, removes what they left.
import { globSync } from 'node:fs'
import { Argument, type Command } from 'commander'
import { checkout } from '#world/checkout.ts'
import { connectEngine } from '#world/docker-engine.ts'
import { buildImages } from '#world/images/build-images.ts'
import { removeWorld } from '#world/down.ts'
import { listWorlds } from '#world/world-containers.ts'
import { hostConfig, say } from '../shared.ts'
import { runTestGroups, type TestGroup } from '../test-runner.ts'

const parts = ['unit', 'property', 'integration', 'scenario', 'all'] as const
type Part = (typeof parts)[number]

/** Where a part's tests lie; property tests are unit tests as well. */
const patterns: Readonly<Record<Exclude<Part, 'all'>, string>> = {
  unit: '{protocol,runtime,services,orchestrator,world,chaos,gameday,simulation,cli,test/checker,test/property}/**/*.test.ts',
  property: '{{gameday,orchestrator}/**/*propert{y,ies},test/{checker,property}/*}.test.ts',
  integration: 'test/integration/**/*.test.ts',
  scenario: 'test/scenario/**/*.test.ts',
}
/** Looks at what the tests left. */
const afterwards = 'test/afterwards/**/*.test.ts'
/** Worlds that tests make are named so; they are removed when the tests have ended. */
const testWorldPrefix = 'test-'

export function registerTest(program: Command): void {
  program
    .command('test')
    .description('run the tests (unit, property, integration, scenario); same as npm test')
    .addArgument(new Argument('[part]', 'only this part').choices([...parts]).default('all'))
    .action(async (part: Part) => {
      const files = (...wanted: readonly (keyof typeof patterns)[]): readonly string[] =>
        wanted
          .filter((each) => part === each || (part === 'all' && each !== 'property'))
          .flatMap((each) => globSync(patterns[each], { cwd: checkout }))
      const needsDocker = part !== 'unit' && part !== 'property'
      const groups = [
        // Their containers share the machine.
        { files: files('unit', 'property', 'integration'), concurrency: 2 },
        // Drills judge how fast a world is: each has the machine for itself.
        { files: files('scenario'), concurrency: 1 },
        { files: needsDocker ? globSync(afterwards, { cwd: checkout }) : [], concurrency: 1 },
      ]
      const passed = needsDocker ? await withImages(groups) : await runTestGroups(groups, checkout)
      process.exitCode = passed ? 0 : 1
    })
}

async function withImages(groups: readonly TestGroup[]): Promise<boolean> {
  const config = hostConfig()
  const engine = await connectEngine(config, say)
  await buildImages(engine, config)
  // What is there already belongs to another run.
  const before = new Set(await listWorlds(engine.docker))
  try {
    return await runTestGroups(groups, checkout)
  } finally {
    const left = (await listWorlds(engine.docker)).filter(
      (world) => world.startsWith(testWorldPrefix) && !before.has(world),
    )
    for (const world of left) await removeWorld(engine.docker, world)
  }
}
