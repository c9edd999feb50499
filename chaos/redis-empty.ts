// A region's Redis loses all that it holds, as a machine whose memory is lost. The region's consumer finds its position gone, and
// rebuilds the projection from Kafka's beginning; the cache fills as orders are read.
import { z } from 'zod'
import { redisKeys } from '#protocol/order.ts'
import type { Region } from '#protocol/sites.ts'
import type { RunningWorld, Target } from '#world/running-world.ts'
import { FaultUnproven, type FaultHandler } from './fault.ts'
import { ordersEnds, runningNames, runningTargets } from './stores.ts'
import { nameOf, servicesOf } from './targets.ts'
import { between } from './wan-calls.ts'

const emptyDetail = z.object({ target: z.string() })

/** Written in the same call as the loss, so whoever sees it knows that all older keys are gone. Redis itself drops it in the end. */
const markKey = 'firedrill:emptied'
const longestMarkSeconds = 3600
const emptyScript = `
local keys = redis.call('DBSIZE')
redis.call('FLUSHALL')
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. keys, 'EX', ARGV[2])
return keys`

async function ask(world: RunningWorld, target: Target, ...command: readonly string[]): Promise<readonly string[]> {
  const { exitCode, stdout, stderr } = await world.exec(target, ['redis-cli', '-e', ...command])
  if (exitCode !== 0)
    throw new FaultUnproven(`expected ${nameOf(target)} to do ${command[0]}, saw: ${(stderr || stdout).trim()}`)
  return stdout.trim().split('\n')
}

/** Where the region's consumer stands, by field; empty while there is no projection. */
async function positionOf(world: RunningWorld, target: Target): Promise<ReadonlyMap<string, string>> {
  const lines = await ask(world, target, 'HGETALL', redisKeys.position)
  return new Map(lines.flatMap((name, at) => (at % 2 === 0 ? [[name, lines[at + 1] ?? ''] as const] : [])))
}

/** A sentence once the projection is at the end that Kafka has now; null before. */
async function rebuilt(world: RunningWorld, target: Target, running: ReadonlySet<string>): Promise<string | null> {
  const region = target.site as Region
  const needed = [`redis.${region}`, `kafka.${region}`, `app.${region}`]
  const missing = needed.filter((name) => !running.has(name))
  if (missing.length > 0) return `${nameOf(target)} is rebuilt when ${missing.join(' and ')} runs again`
  const kafka = await ordersEnds(world, region)
  if (kafka === null) return `kafka.${region} has no events to rebuild ${nameOf(target)} from`
  const position = await positionOf(world, target)
  const isThere = kafka.ends.every((end, partition) => Number(position.get(String(partition)) ?? -1) >= end)
  if (position.get('topic') !== kafka.topicId || !isThere) return null
  const events = kafka.ends.reduce((sum, end) => sum + end, 0)
  return `the projection in ${nameOf(target)} is at the end of kafka.${region} again, ${events} records on`
}

export const redisEmpty: FaultHandler<'redis-empty'> = {
  summary: 'a Redis loses all that it holds, as by lost memory; it is rebuilt from Kafka',
  expected: (spec) =>
    `${spec.target}: cache and projection are gone at once; reads come from Postgres, and the projection from Kafka's beginning`,
  touches: (spec) => servicesOf(spec.target).map(nameOf),
  holds: () => [],

  detail: (spec) => ({ target: spec.target }),

  async inject(world, entry) {
    const targets = await runningTargets(world, emptyDetail.parse(entry.detail).target)
    const mark = ['EVAL', emptyScript, '1', markKey, entry.id, String(longestMarkSeconds)]
    return between(world, () => Promise.all(targets.map((target) => ask(world, target, ...mark))))
  },

  async prove(world, entry) {
    const targets = await runningTargets(world, emptyDetail.parse(entry.detail).target)
    const seen = await Promise.all(
      targets.map(async (target) => {
        const [mark = ''] = await ask(world, target, 'GET', markKey)
        const [id, keys] = mark.split(' ')
        if (id !== entry.id)
          throw new FaultUnproven(`expected ${nameOf(target)} to have been emptied by ${entry.id}, saw "${mark}"`)
        return `${nameOf(target)} lost its ${keys} keys in one call`
      }),
    )
    return seen.join('; ')
  },

  async heal(world, entry) {
    // What was lost comes back by itself; only our mark is taken away.
    const running = await runningNames(world)
    const targets = servicesOf(emptyDetail.parse(entry.detail).target).filter((each) => running.has(nameOf(each)))
    await Promise.all(targets.map((target) => ask(world, target, 'DEL', markKey)))
  },

  async isHealed(world, entry) {
    const running = await runningNames(world)
    const seen = await Promise.all(
      servicesOf(emptyDetail.parse(entry.detail).target).map((target) =>
        rebuilt(world, target, running).catch(() => null),
      ),
    )
    return seen.includes(null) ? null : seen.join('; ')
  },
}
