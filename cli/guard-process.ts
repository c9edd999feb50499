// The guard's own process: `node cli/guard-process.ts WORLD IDENTITY`, started by commands, detached. It imports little, since it
// stays as long as the world. Its output is the guard's log.
import { Guard } from '#chaos/guard.ts'
import { endLoad, healWorld } from '#gameday/heal-world.ts'
import { loadHostConfig } from '#runtime/config.ts'
import { messageOf } from '#runtime/message-of.ts'
import { dockerOf } from '#world/docker-engine.ts'
import { openWorldOn } from '#world/docker-world.ts'
import { type Hold, takeHold } from '#world/hold.ts'
import { describeSelf, holderWords } from '#world/holder.ts'
import { guardsWork, locateWan, lookAtDriver, noteHealed } from '#world/holds.ts'
import { lookAtMaker } from '#world/maker.ts'
import { startWan } from '#world/wan-start.ts'
import { listContainers } from '#world/world-containers.ts'

const pollMs = 2000
const [world = '', identity = ''] = process.argv.slice(2)
const docker = dockerOf(loadHostConfig())
const locate = locateWan(docker, world)

function say(line: string): void {
  process.stdout.write(`${new Date().toISOString()} ${line}\n`)
}

/** A heal is not waited for: it is idempotent, and its faults are still in the ledger. */
function end(why: string): never {
  say(`ended: ${why}`)
  process.exit(0)
}

function createGuard(hold: Hold): Guard {
  return new Guard({
    open: async () => {
      const containers = await listContainers(docker, world)
      const wan = containers.find((each) => each.service === 'wan')
      // One of the same name is another world, and has a guard of its own.
      if (containers.length === 0 || (wan !== undefined && wan.id !== hold.wanId)) return 'gone'
      return wan?.state === 'running' ? openWorldOn(docker, world) : 'asleep'
    },
    wakeWan: () => startWan(docker, world),
    lookAtDriver: (opened) => lookAtDriver(docker, world, opened),
    takeLock: async () => {
      const attempt = await takeHold({ world, name: 'driver', holder: describeSelf(guardsWork), locate })
      if (!attempt.taken) return null
      const lock = { tookOverFrom: attempt.from, [Symbol.asyncDispose]: () => attempt.hold.release() }
      // Somebody makes the world anew, or takes it down.
      if ((await lookAtMaker(docker, world)) === null) return lock
      await attempt.hold.release()
      return null
    },
    healWorld,
    endLoad,
    say,
    noteHealed,
    nowMs: () => performance.now(),
  })
}

async function holdWorld(): Promise<Hold> {
  try {
    const attempt = await takeHold({ world, name: 'guard', holder: describeSelf(identity), locate })
    if (attempt.taken) return attempt.hold
    const { holder } = attempt.sight
    return end(`world ${world} has a guard: ${holder === null ? 'another' : holderWords(holder)}`)
  } catch (error) {
    return end(`the WAN of world ${world} does not say whether it has a guard: ${messageOf(error)}`)
  }
}

const hold = await holdWorld()
hold.lost.addEventListener('abort', () => end(messageOf(hold.lost.reason)))
process.on('SIGTERM', () => {
  const ending = (): never => end('told to')
  hold.release().then(ending, ending)
})
process.on('SIGHUP', () => {})
process.title = `firedrill guard ${world}`
say(`process ${process.pid} guards world ${world}`)
const guard = createGuard(hold)
let ended: string | null = null
while (ended === null) {
  ended = await guard.round()
  if (ended === null) await new Promise((resolve) => setTimeout(resolve, pollMs))
}
end(ended)
