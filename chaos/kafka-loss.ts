// A region's broker dies by kill -9, and comes back with its disk or with an empty one.
//
// The lost disk is put aside a moment before the kill, since nothing can be done inside a dead container: whoever starts it then,
// it finds no data and lays out new ones. Only the ids of the lost topics are kept, to show that the new ones are others.
import { z } from 'zod'
import { positionsReply } from '#protocol/bus.ts'
import { ports, type Region } from '#protocol/sites.ts'
import type { RunningWorld, Target } from '#world/running-world.ts'
import { FaultUnproven, type FaultHandler } from './fault.ts'
import { heldWords, holdOn, nothingHeld, released } from './held.ts'
import { containersStay } from './sight.ts'
import { ordersEnds, reachableRegions, runningNames, runningTargets } from './stores.ts'
import { nameOf, servicesOf } from './targets.ts'
import { between } from './wan-calls.ts'

const lossDetail = z.object({ target: z.string(), data: z.enum(['kept', 'lost']) })
const askTimeoutMs = 2000

const folder = '/var/lib/firedrill/kafka'
const putAside = `set -e; cd ${folder}; rm -rf lost; mv data lost`
const isHere = `[ -d ${folder}/data ]`
const forget = `cd ${folder}; [ ! -d lost ] || find lost -type f ! -name partition.metadata -delete`
/** Two lines: the id of topic `orders` on the lost disk, and now; empty where there is none. */
const topicIds = `cd ${folder}; for each in lost data; do grep -s topic_id $each/orders-0/partition.metadata || echo; done`

async function shell(world: RunningWorld, target: Target, script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await world.exec(target, ['sh', '-c', script])
  if (exitCode !== 0) throw new FaultUnproven(`expected ${nameOf(target)} to do "${script}", saw: ${stderr.trim()}`)
  return stdout
}

/** Whether something takes connections where the broker should. */
async function listens(world: RunningWorld, target: Target): Promise<boolean> {
  try {
    ;(await world.wayIn.connect(nameOf(target), ports.kafka, askTimeoutMs)).destroy()
    return true
  } catch {
    return false
  }
}

/** How the region's bridge stands to the regions that it can reach: a sentence once it has all that they had; null before. */
async function caughtUp(world: RunningWorld, region: Region, running: ReadonlySet<string>): Promise<string | null> {
  if (!running.has(`bridge.${region}`)) return `it is filled when bridge.${region} runs again`
  const sources = (await reachableRegions(world, region, 'kafka')).filter((each) => running.has(`kafka.${each}`))
  if (sources.length === 0) return 'it is filled when another Kafka can be reached'
  const ends = await Promise.all(sources.map((each) => ordersEnds(world, each)))
  const call = { method: 'GET', path: '/positions', reply: positionsReply, timeoutMs: askTimeoutMs } as const
  const positions = (await world.wayIn.control(`bridge.${region}`, call)).sources
  const isThere = sources.every((source, at) => {
    const wanted = ends[at]
    const position = positions.find((each) => each.source === source)
    if (wanted == null) return true
    return position?.topicId === wanted.topicId && wanted.ends.every((end, of) => (position.offsets[of] ?? -1) >= end)
  })
  return isThere ? `its bridge has all that ${sources.map((each) => `kafka.${each}`).join(' and ')} had` : null
}

async function isBack(
  world: RunningWorld,
  target: Target,
  data: 'kept' | 'lost',
  running: ReadonlySet<string>,
): Promise<string | null> {
  const region = target.site as Region
  const own = await ordersEnds(world, region)
  if (own === null) return null
  const [before = '', now = ''] = (await shell(world, target, topicIds)).split('\n')
  if (data === 'lost' && before === now) return null
  const disk = data === 'lost' && before !== '' ? 'its topic orders is a new one' : 'its topics are there'
  const filled = await caughtUp(world, region, running)
  return filled === null ? null : `${nameOf(target)} answers and ${disk}; ${filled}`
}

export const kafkaLoss: FaultHandler<'kafka-loss'> = {
  summary: 'a broker dies by kill -9, and comes back with an empty disk (data: lost) or its own (data: kept)',
  expected: (spec) =>
    spec.data === 'lost'
      ? `${spec.target} is gone with all events; orders go on, events wait in the outbox, and an empty broker is filled from the other regions' copies`
      : `${spec.target} is gone; orders go on, events wait in the outbox until it is back with its disk`,
  touches: (spec) => servicesOf(spec.target).map(nameOf),
  holds: (target) => servicesOf(target).map(holdOn('dead')),

  detail: (spec) => ({ target: spec.target, data: spec.data }),

  async inject(world, entry) {
    const { target, data } = lossDetail.parse(entry.detail)
    const targets = await runningTargets(world, target)
    return between(world, async () => {
      if (data === 'lost') await Promise.all(targets.map((each) => shell(world, each, putAside)))
      await world.kill(targets)
    })
  },

  async prove(world, entry) {
    const { target } = lossDetail.parse(entry.detail)
    const targets = servicesOf(target)
    const seen = await Promise.all(targets.map(async (each) => ((await listens(world, each)) ? [nameOf(each)] : [])))
    if (seen.flat().length > 0)
      throw new FaultUnproven(`expected ${target} to be gone, saw ${seen.flat().join(', ')} take connections`)
    return `nothing listens at port ${ports.kafka} of ${targets.map(nameOf).join(', ')}`
  },

  endedIn: (entry, sight) => containersStay(servicesOf(lossDetail.parse(entry.detail).target), 'dead', sight),

  async heal(world, entry, held = nothingHeld) {
    const targets = released(servicesOf(lossDetail.parse(entry.detail).target), 'dead', held)
    const running = await runningNames(world)
    // One whose disk was put aside and that was not killed any more: it must not go on without a disk.
    for (const target of targets.filter((each) => running.has(nameOf(each))))
      if ((await world.exec(target, ['sh', '-c', isHere])).exitCode !== 0) await world.kill([target])
    await world.start(targets)
    await Promise.all(targets.map((target) => shell(world, target, forget)))
  },

  async isHealed(world, entry, held = nothingHeld) {
    const { target, data } = lossDetail.parse(entry.detail)
    const running = await runningNames(world)
    const brokers = servicesOf(target)
    const seen = await Promise.all(
      released(brokers, 'dead', held).map((each) => isBack(world, each, data, running).catch(() => null)),
    )
    return seen.includes(null) ? null : `${seen.join('; ')}${heldWords(brokers, 'dead', held)}`.replace(/^; /, '')
  },
}
