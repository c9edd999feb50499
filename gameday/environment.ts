// What a drill ran on: this tool's version, the machine, Docker, the images.
import { readFile } from 'node:fs/promises'
import { arch, cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import type { Environment } from '#protocol/journal.ts'
import { checkout } from '#world/checkout.ts'
import { run } from '#world/child-process.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { nameOf } from '#chaos/targets.ts'

const gitTimeoutMs = 5000

/** Null where the checkout is no git repository, or there is no git. */
async function commitOf(folder: string): Promise<string | null> {
  const argv = ['git', '-C', folder, 'describe', '--always', '--dirty', '--abbrev=12', '--exclude=*'] as const
  const { exitCode, stdout } = await run([...argv], { timeoutMs: gitTimeoutMs })
  return exitCode === 0 && stdout.trim() !== '' ? stdout.trim() : null
}

export async function describeEnvironment(world: RunningWorld): Promise<Environment> {
  const packageFile = await readFile(join(checkout, 'package.json'), 'utf8')
  const processors = cpus()
  const [commit, docker, containers] = await Promise.all([
    commitOf(checkout),
    world.engine().catch(() => null),
    world.containers().catch(() => []),
  ])
  return {
    firedrill: { version: z.object({ version: z.string() }).parse(JSON.parse(packageFile)).version, commit },
    node: process.version,
    machine: {
      processors: processors.length,
      processorModel: processors[0]?.model ?? 'unknown',
      memoryBytes: totalmem(),
      kernel: `${type()} ${release()}`,
      arch: arch(),
    },
    docker,
    images: Object.fromEntries(
      containers
        .map((each) => [nameOf(each), each.image] as const)
        .toSorted(([left], [right]) => (left < right ? -1 : 1)),
    ),
  }
}
