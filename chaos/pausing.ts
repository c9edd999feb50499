// What freeze and pause share: containers stand still, and go on where they were.
import { clockReply } from '#protocol/wan.ts'
import type { RunningWorld, Target } from '#world/running-world.ts'
import { factsOf, hasControl } from './containers.ts'
import { FaultUnproven } from './fault.ts'
import { heldWords, released, type Held } from './held.ts'
import { nameOf } from './targets.ts'

/** A thawed process answers within this time, so one that doesn't stands still. */
const answerMs = 1000

/** @throws FaultUnproven */
export async function provePaused(world: RunningWorld, targets: readonly Target[], what: string): Promise<string> {
  const awake = (await factsOf(world, targets)).filter((each) => each.state !== 'paused').map((each) => each.label)
  if (awake.length > 0) throw new FaultUnproven(`expected ${what} paused, saw ${awake.join(', ')} not paused`)
  // A pause can fail without a word on a busy host, so Docker's own view is not enough.
  const asked = targets.filter(hasControl)
  const answers = await Promise.all(asked.map(async (each) => ((await doesAnswer(world, each)) ? nameOf(each) : null)))
  const answered = answers.filter((each) => each !== null)
  if (answered.length > 0) throw new FaultUnproven(`expected ${what} to stand still, saw ${answered.join(', ')} answer`)
  return asked.length === 0 ? `${what}: paused` : `${what}: paused, and nothing of it answers`
}

async function doesAnswer(world: RunningWorld, target: Target): Promise<boolean> {
  return world.wayIn
    .control(nameOf(target), { method: 'GET', path: '/clock', reply: clockReply, timeoutMs: answerMs })
    .then(() => true)
    .catch(() => false)
}

/** But for those that another fault keeps paused. */
export async function thaw(world: RunningWorld, targets: readonly Target[], held: Held): Promise<void> {
  const facts = await factsOf(world, released(targets, 'paused', held))
  await world.unpause(facts.filter((each) => each.state === 'paused'))
}

export async function isThawed(
  world: RunningWorld,
  targets: readonly Target[],
  what: string,
  held: Held,
): Promise<string | null> {
  const free = released(targets, 'paused', held)
  const facts = await factsOf(world, free)
  if (facts.some((each) => each.state === 'paused')) return null
  const else_ = free.length === targets.length ? '' : ' else'
  return `${what}: nothing${else_} of it is paused${heldWords(targets, 'paused', held)}`
}
