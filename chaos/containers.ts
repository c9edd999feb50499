// What faults ask and do of the containers that they name: how they are, starting the dead.
import { agentStatus } from '#protocol/agent.ts'
import type { ContainerFacts, RunningWorld, ServiceName, Target } from '#world/running-world.ts'
import { released, type Held } from './held.ts'
import { nameOf } from './targets.ts'

const dead: readonly ContainerFacts['state'][] = ['exited', 'created', 'dead']

export async function factsOf(
  world: RunningWorld,
  targets: readonly Target[],
): Promise<readonly (ContainerFacts & { readonly label: string })[]> {
  const names = new Set(targets.map(nameOf))
  const facts = await world.containers()
  return facts.filter((each) => names.has(nameOf(each))).map((each) => ({ ...each, label: nameOf(each) }))
}

/** But for those that another fault keeps dead. */
export async function startDead(world: RunningWorld, targets: readonly Target[], held: Held): Promise<void> {
  const facts = await factsOf(world, released(targets, 'dead', held))
  await world.start(facts.filter((each) => dead.includes(each.state)))
}

/** Null if all of them run, else the names of the others. */
export async function notRunning(world: RunningWorld, targets: readonly Target[]): Promise<string | null> {
  const facts = await factsOf(world, targets)
  const names = facts.filter((each) => each.state !== 'running').map((each) => each.label)
  return names.length === 0 ? null : names.join(', ')
}

const withoutControl: readonly ServiceName[] = ['redis', 'kafka', 'etcd', 'resolver', 'glb']

/** Whether a process of ours in it answers control calls; the other containers run servers that are not ours. */
export function hasControl({ service }: Target): boolean {
  return !withoutControl.includes(service)
}

/** What shows that a region's Postgres is back after a crash; null while it is not. */
export async function postgresIsBack(world: RunningWorld, region: string): Promise<string | null> {
  const status = await world.wayIn
    .control(`postgres.${region}`, { method: 'GET', path: '/status', reply: agentStatus, timeoutMs: 1000 })
    .catch(() => null)
  if (status?.responsive === true) return `Postgres of region ${region} answers its agent`
  // The crash is over: what keeps Postgres down now is that its copying was broken off, until there is a primary to copy.
  return status?.whole === false ? `the agent of region ${region} answers; its Postgres comes with a new copy` : null
}
