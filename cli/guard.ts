// What every command does about a world's guard: says what it has healed, notices that it is not there, and starts another.
import { createHash } from 'node:crypto'
import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { checkout } from '#world/checkout.ts'
import { startDetached } from '#world/detached.ts'
import type { Engine } from '#world/docker-engine.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { endGuard, takeHealed } from '#world/guard-files.ts'
import { guardLockFile, guardLogFile } from '#world/world-files.ts'
import { lookAtLock } from '#world/process-lock.ts'
import { listContainers } from '#world/world-containers.ts'
import { hostConfig, say } from './shared.ts'

const startsWithinMs = 30_000
const largestLogBytes = 1_000_000
const guardsCode = ['chaos', 'gameday', 'protocol', 'runtime', 'world', 'cli']

/**
 * Sees to it that a world that is up is guarded.
 * @param may `replace`: the command is about to inject faults, so the guard has to know those of this very code, and watch this
 * very Docker; `start`: any living guard will do
 * @throws EnvironmentError if the guard does not start and faults are to be injected
 */
export async function seeToGuard(engine: Engine, world: string, may: 'start' | 'replace'): Promise<void> {
  tellHealed(world)
  const { state, holder } = await lookAtLock(guardLockFile(world))
  const identity = identityOf(engine)
  if (state === 'held' && (may === 'start' || holder.doing === identity)) return
  if (!(await isUp(engine, world))) return
  if (state === 'held') await endGuard(world)
  const started = await startGuard(world, identity)
  if (!started) {
    const what = `the guard of world ${world} does not start; see ${guardLogFile(world)}`
    if (may === 'replace') throw new EnvironmentError(what)
    say(what)
  } else if (state === 'dead')
    say(`the guard of world ${world} was not running (killed? it was process ${holder.pid}); started another`)
  else if (state === 'free' && may === 'start') say(`world ${world} had no guard; started one`)
}

/** What the guard has healed since a command told it last. */
export function tellHealed(world: string): void {
  for (const sentence of takeHealed(world)) say(`the guard of world ${world} has healed: ${sentence}`)
}

async function isUp(engine: Engine, world: string): Promise<boolean> {
  const containers = await listContainers(engine.docker, world)
  return containers.some(({ service, state }) => service === 'wan' && state === 'running')
}

/** Which Docker it watches, and what it knows. */
function identityOf(engine: Engine): string {
  const hash = createHash('sha256')
  for (const folder of guardsCode)
    for (const file of readdirSync(join(checkout, folder)).filter((name) => name.endsWith('.ts'))) {
      const { size, mtimeMs } = statSync(join(checkout, folder, file))
      hash.update(`${folder}/${file} ${size} ${mtimeMs}\n`)
    }
  return `guard at ${engine.endpoint.host}, code ${hash.digest('hex').slice(0, 12)}`
}

/** Detached: a session of its own, no terminal, no pipe of this process. @returns whether it runs */
async function startGuard(world: string, identity: string): Promise<boolean> {
  const logFile = guardLogFile(world)
  if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > largestLogBytes) rmSync(logFile)
  const child = startDetached({
    program: ['cli/guard-process.ts', world, identity],
    // It stays as long as the world.
    flags: ['--max-old-space-size=64', '--max-semi-space-size=1'],
    logFile,
    appends: true,
    environment: hostConfig().environment,
  })
  let exited = false
  for (const event of ['error', 'exit'] as const)
    child.once(event, () => {
      exited = true
    })
  const deadline = performance.now() + startsWithinMs
  for (;;) {
    // Another command may have been quicker: then its guard is there.
    if ((await lookAtLock(guardLockFile(world))).state === 'held') return true
    if (exited || performance.now() > deadline) return false
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
