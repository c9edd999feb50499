// The guard's own process: `node cli/guard-process.ts WORLD IDENTITY`, started by commands, detached. It imports little, since it
// stays as long as the world. Its output is the guard's log.
import { Guard } from '#chaos/guard.ts'
import { endLoad, healWorld } from '#gameday/heal-world.ts'
import { loadHostConfig } from '#runtime/config.ts'
import { dockerOf, type Engine } from '#world/docker-engine.ts'
import { openWorldOn } from '#world/docker-world.ts'
import { guardsWork, noteHealed } from '#world/guard-files.ts'
import { guardLockFile, worldLockFile } from '#world/world-files.ts'
import { lookAtLock, tryLock } from '#world/process-lock.ts'
import { startWan } from '#world/wan-start.ts'
import { listContainers } from '#world/world-containers.ts'

const pollMs = 2000

function say(line: string): void {
  process.stdout.write(`${new Date().toISOString()} ${line}\n`)
}

function createGuard(docker: Engine['docker'], world: string): Guard {
  const lockFile = worldLockFile(world)
  return new Guard({
    open: async () => {
      const containers = await listContainers(docker, world)
      if (containers.length === 0) return 'gone'
      const wan = containers.find((each) => each.service === 'wan')
      return wan?.state === 'running' ? openWorldOn(docker, world) : 'asleep'
    },
    wakeWan: () => startWan(docker, world),
    lookAtLock: () => lookAtLock(lockFile),
    takeLock: async () => {
      const attempt = await tryLock(lockFile, guardsWork)
      return attempt.taken ? attempt.lock : null
    },
    healWorld,
    endLoad,
    say,
    noteHealed: (sentence) => noteHealed(world, sentence),
    nowMs: () => performance.now(),
  })
}

const [world = '', identity = ''] = process.argv.slice(2)
const attempt = await tryLock(guardLockFile(world), identity)
if (attempt.taken) {
  // Whoever asks it to end is not kept waiting by a heal: that is idempotent, and its faults are still in the ledger.
  process.on('SIGTERM', () => {
    say('told to end')
    process.exit(0)
  })
  process.on('SIGHUP', () => {})
  process.title = `firedrill guard ${world}`
  say(`process ${process.pid} guards world ${world}`)
  const guard = createGuard(dockerOf(loadHostConfig()), world)
  let ended: string | null = null
  while (ended === null) {
    ended = await guard.round()
    if (ended === null) await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  say(`ended: ${ended}`)
}
process.exit(0)
