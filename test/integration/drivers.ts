// Processes that drive a world, for tests: what stands in for a drill, by whatever user, from whatever checkout and temporary folder.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { checkout } from '#world/checkout.ts'

export interface Origin {
  readonly checkout: string
  readonly temporaryFolder: string
  /** Null: the user of this test. */
  readonly uid: number | null
  /** The group that may talk to Docker, where it is another user. */
  readonly gid: number | null
}

export const here: Origin = { checkout, temporaryFolder: '/tmp', uid: null, gid: null }

export function start(origin: Origin, argv: readonly string[]): ChildProcess {
  return spawn(process.execPath, argv, {
    cwd: origin.checkout,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: origin.temporaryFolder, HOME: origin.temporaryFolder },
    ...(origin.uid === null ? {} : { uid: origin.uid }),
    ...(origin.gid === null ? {} : { gid: origin.gid }),
  })
}

/** One command, to its end. */
export async function command(
  origin: Origin,
  ...argv: readonly string[]
): Promise<{ readonly exitCode: number | null; readonly words: string }> {
  const child = start(origin, ['cli/main.ts', ...argv])
  let words = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (words += chunk.toString()))
  const [exitCode] = (await once(child, 'close')) as [number | null]
  return { exitCode, words: words.trim() }
}

const program = (world: string, how: 'hold' | 'claim', fault: object | null): string => `
import { loadHostConfig } from '#runtime/config.ts'
import { lockWorld } from '#world/busy-lock.ts'
import { dockerOf } from '#world/docker-engine.ts'
import { openWorldOn } from '#world/docker-world.ts'
import { injectFault } from '#chaos/inject.ts'
import { faultSpec } from '#protocol/faults.ts'
const say = (line) => console.log(line)
const docker = dockerOf(loadHostConfig())
try {
  const lock = await lockWorld({ docker, world: '${world}', doing: 'run a-drill', say })
  if ('${how}' === 'claim') await lock.claim()
  lock.lost.addEventListener('abort', () => say('lost: ' + lock.lost.reason.message))
  const fault = ${JSON.stringify(fault)}
  if (fault !== null) await injectFault(await openWorldOn(docker, '${world}'), 'a-drill', faultSpec.parse(fault))
  say('driving')
} catch (error) {
  say('refused: ' + error.message)
}
setInterval(() => {}, 1000)
`

/** A process that drives a world, and what it says. */
export class Driver {
  readonly child: ChildProcess
  readonly said: string[] = []

  private constructor(child: ChildProcess) {
    this.child = child
  }

  /** Resolves once it drives the world, or is refused. */
  static async start(
    world: string,
    {
      origin = here,
      how = 'hold',
      fault = null,
    }: { origin?: Origin; how?: 'hold' | 'claim'; fault?: object | null } = {},
  ): Promise<Driver> {
    const driver = new Driver(start(origin, ['--input-type=module', '-e', program(world, how, fault)]))
    driver.child.stderr?.on('data', (chunk: Buffer) => driver.said.push(chunk.toString()))
    await new Promise<void>((resolve) => {
      if (driver.child.stdout === null) return
      createInterface({ input: driver.child.stdout }).on('line', (line) => {
        driver.said.push(line)
        if (line === 'driving' || line.startsWith('refused')) resolve()
      })
      driver.child.once('exit', () => resolve())
    })
    return driver
  }

  get words(): string {
    return this.said.join('\n')
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await ended
  }
}
