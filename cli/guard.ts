// What every command does about a world's guard: says what it has healed, notices that it is not there, and starts another.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { HoldsReply } from '#protocol/holds.ts'
import { messageOf } from '#runtime/message-of.ts'
import type { WorldLock } from '#world/busy-lock.ts'
import { checkout } from '#world/checkout.ts'
import { startDetached } from '#world/detached.ts'
import type { Engine } from '#world/docker-engine.ts'
import { type DockerWorld, openWorldOn } from '#world/docker-world.ts'
import { EnvironmentError } from '#world/environment-error.ts'
import { endGuardOf } from '#world/guard-files.ts'
import { describeSelf, holderWords } from '#world/holder.ts'
import { guardsWork, readHolds, takeHealed } from '#world/holds.ts'
import { guardLogFile } from '#world/world-files.ts'
import { listContainers } from '#world/world-containers.ts'
import { hostConfig, say } from './shared.ts'

const startsWithinMs = 30_000
const largestLogBytes = 1_000_000
/** All that the guard imports lies below these. */
const guardsCode = ['chaos', 'gameday', 'protocol', 'runtime', 'world', 'cli', 'package-lock.json']

/** The command is about to inject faults: the guard has to know those of this very code, and watch this very Docker. */
export interface Injects {
  /** By which the world is held; null: a fault by hand, which needs no hold. */
  readonly injects: WorldLock | null
}

/**
 * Sees to it that a world that is up is guarded; unless faults are to be injected, any living guard will do.
 * @throws EnvironmentError if faults are to be injected and the guard does not start, or may not be replaced
 */
export async function seeToGuard(engine: Engine, world: string, may: Injects | null = null): Promise<void> {
  if (!(await isUp(engine, world))) return
  try {
    await using opened = await openWorldOn(engine.docker, world)
    for (const sentence of await takeHealed(opened)) sayHealed(world, sentence)
    await seeTo(engine, opened, may)
  } catch (error) {
    if (may !== null) throw error
    say(`the guard of world ${world} can't be seen to: ${messageOf(error)}`)
  }
}

/** What the guard has healed since a command told it last. */
export async function tellHealed(docker: Engine['docker'], world: string): Promise<void> {
  try {
    await using opened = await openWorldOn(docker, world)
    for (const sentence of await takeHealed(opened)) sayHealed(world, sentence)
  } catch {
    // A world that is not there, or is as good as gone, has nothing to tell.
  }
}

function sayHealed(world: string, sentence: string): void {
  say(`the guard of world ${world} has healed: ${sentence}`)
}

async function seeTo(engine: Engine, opened: DockerWorld, may: Injects | null): Promise<void> {
  const world = opened.name
  const holds = await (may === null ? readHolds(opened) : onceBack(opened))
  const { state, holder } = holds.guard
  const lives = state === 'held' || state === 'away'
  if (lives && may === null) return
  const identity = identityOf(engine)
  if (lives && holder.doing === identity) return
  if (lives) {
    if (may?.injects === null) refuseBesideDrill(world, holds)
    await endGuardOf(opened, may?.injects?.self ?? describeSelf('chaos inject'))
  }
  if (!(await startGuard(opened, identity))) {
    const what = `the guard of world ${world} does not start; see ${guardLogFile(world)}`
    if (may !== null) throw new EnvironmentError(what)
    say(what)
  } else if (state === 'dead')
    say(`the guard of world ${world} was not running (killed? it was process ${holder.pid}); started another`)
  else if (state === 'free' && may === null) say(`world ${world} had no guard; started one`)
}

/** After a restart of the WAN its guard comes back, or has gone, within seconds. */
async function onceBack(opened: DockerWorld): Promise<HoldsReply> {
  const deadline = performance.now() + startsWithinMs
  for (;;) {
    const holds = await readHolds(opened)
    if (holds.guard.state !== 'away' || performance.now() > deadline) return holds
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** A drill's guard stays: what is of other code could not heal that drill's faults. */
function refuseBesideDrill(world: string, { driver, guard }: HoldsReply): void {
  const drives = driver.state === 'held' || driver.state === 'away'
  if (!drives || driver.holder.doing === guardsWork || guard.holder === null) return
  throw new EnvironmentError(
    `world ${world} is held by ${holderWords(driver.holder)}, and its guard is of other code or watches by another address (${holderWords(guard.holder)}): wait for the drill, or inject from that checkout`,
  )
}

async function isUp(engine: Engine, world: string): Promise<boolean> {
  const containers = await listContainers(engine.docker, world)
  return containers.some(({ service, state }) => service === 'wan' && state === 'running')
}

/** Which Docker it watches, and what it knows: the same for two checkouts of the same content. */
function identityOf(engine: Engine): string {
  const hash = createHash('sha256')
  for (const place of guardsCode)
    for (const file of codeBelow(place))
      hash
        .update(`${file}\n`)
        .update(readFileSync(join(checkout, file)))
        .update('\n')
  return `guard at ${engine.endpoint.host}, code ${hash.digest('hex').slice(0, 12)}`
}

function codeBelow(place: string): readonly string[] {
  if (!statSync(join(checkout, place)).isDirectory()) return [place]
  return readdirSync(join(checkout, place), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(place, name))
    .toSorted()
}

/** Detached: a session of its own, no terminal, no pipe of this process. @returns whether there is a guard */
async function startGuard(world: DockerWorld, identity: string): Promise<boolean> {
  const logFile = guardLogFile(world.name)
  if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > largestLogBytes) rmSync(logFile)
  const child = startDetached({
    program: ['cli/guard-process.ts', world.name, identity],
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
    if ((await readHolds(world)).guard.state === 'held') return true
    if (exited || performance.now() > deadline) return false
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
