// What the faults of Kafka, Redis and etcd ask of a world: which containers run, what a region's Kafka holds, who reaches whom.
import { ordersTopic } from '#protocol/order.ts'
import { ports, regions, type LinkClass, type Region } from '#protocol/sites.ts'
import type { KafkaSession } from '#runtime/kafka.ts'
import { openKafka } from '#runtime/kafkajs-session.ts'
import type { RunningWorld, Target } from '#world/running-world.ts'
import { NothingToBreak } from './fault.ts'
import { nameOf, servicesOf } from './targets.ts'
import { linksState } from './wan-calls.ts'

export interface OpenSession extends AsyncDisposable {
  readonly session: KafkaSession
}

/** Names of the containers that run. */
export async function runningNames(world: RunningWorld): Promise<ReadonlySet<string>> {
  return new Set((await world.containers()).filter((each) => each.state === 'running').map(nameOf))
}

/** Those of a fault's targets that run. @throws NothingToBreak if none does */
export async function runningTargets(world: RunningWorld, target: string): Promise<readonly Target[]> {
  const running = await runningNames(world)
  const found = servicesOf(target).filter((each) => running.has(nameOf(each)))
  if (found.length === 0) throw new NothingToBreak(`expected ${target} to run, saw none of it run`)
  return found
}

/** A region's Kafka, through the way in. */
export async function openRegionKafka(world: Pick<RunningWorld, 'wayIn'>, region: Region): Promise<OpenSession> {
  const forward = await world.wayIn.forward(`kafka.${region}`, ports.kafka)
  try {
    const session = await openKafka(`127.0.0.1:${forward.port}`)
    return {
      session,
      [Symbol.asyncDispose]: async () => {
        session.close()
        await forward.close()
      },
    }
  } catch (error) {
    await forward.close()
    throw error
  }
}

/** Id and ends of topic `orders`; null if there is no such topic. */
export async function ordersEnds(
  world: RunningWorld,
  region: Region,
): Promise<{ readonly topicId: string; readonly ends: readonly number[] } | null> {
  await using opened = await openRegionKafka(world, region)
  const { session } = opened
  const facts = await session.topic(ordersTopic)
  if (facts === null) return null
  const ends: number[] = []
  for (let partition = 0; partition < facts.partitions; partition += 1)
    ends.push((await session.offsets(ordersTopic, partition)).end)
  return { topicId: facts.id, ends }
}

/** The other regions that a region reaches and that reach it. */
export async function reachableRegions(
  world: RunningWorld,
  region: Region,
  linkClass: LinkClass,
): Promise<readonly Region[]> {
  const { effective, fenced } = await linksState(world)
  if (fenced.includes(region)) return []
  const isCut = (other: Region): boolean =>
    effective.some(
      (link) =>
        link.class === linkClass &&
        !link.up &&
        ((link.from === region && link.to === other) || (link.from === other && link.to === region)),
    )
  return regions.filter((other) => other !== region && !fenced.includes(other) && !isCut(other))
}
