// Who has a world, as anybody sees it who asks: from its WAN, or from what Docker has of it while there is no WAN that answers.
import type Dockerode from 'dockerode'
import type { z } from 'zod'
import {
  healedReply,
  holdsFile,
  holdsReply,
  keptHolds,
  type HoldsReply,
  type HoldSight,
  type KeptHolds,
} from '#protocol/holds.ts'
import { CallRefused } from '#runtime/http.ts'
import { messageOf } from '#runtime/message-of.ts'
import { readFileOf } from './docker-files.ts'
import { openWorldOn } from './docker-world.ts'
import { EnvironmentError } from './environment-error.ts'
import type { LocateWan } from './hold.ts'
import { processOf } from './holder.ts'
import { lookAtMaker } from './maker.ts'
import type { RunningWorld, WayInCall } from './running-world.ts'
import { listContainers } from './world-containers.ts'

/** What a guard says it does while it drives a world. */
export const guardsWork = 'guard: heal what was left'
const timeoutMs = 3000

/** @throws EnvironmentError if the WAN is of another version; Error if it does not answer */
export function readHolds(world: RunningWorld): Promise<HoldsReply> {
  return ask(world, { method: 'GET', path: '/holds', reply: holdsReply, timeoutMs })
}

async function ask<Shape extends z.ZodType>(world: RunningWorld, call: WayInCall<Shape>): Promise<z.infer<Shape>> {
  try {
    return await world.wayIn.wan(call)
  } catch (error) {
    if (!(error instanceof CallRefused) || error.status !== 404) throw error
    throw new EnvironmentError(
      `world ${world.name} was made by another version of firedrill, whose WAN does not say who has the world; make it anew: ./firedrill up --world ${world.name}`,
      { cause: error },
    )
  }
}

/** Asks the guard with this id to go; nothing is done to a later one. */
export async function askGuardToEnd(world: RunningWorld, id: string, by: string): Promise<void> {
  const body = { id, by }
  await ask(world, { method: 'POST', path: '/holds/guard/end', body, reply: holdsReply, timeoutMs })
}

/** Keeps a sentence for the next command. */
export async function noteHealed(world: RunningWorld, sentence: string): Promise<void> {
  const body = { sentence: sentence.slice(0, 5000) }
  await ask(world, { method: 'POST', path: '/healed', body, reply: healedReply, timeoutMs })
}

/** What the guard has healed since this was asked last; each sentence is given once. */
export async function takeHealed(world: RunningWorld): Promise<readonly string[]> {
  return (await ask(world, { method: 'POST', path: '/healed/taken', reply: healedReply, timeoutMs })).sentences
}

/** Where a world's WAN is now, for a hold. */
export function locateWan(docker: Dockerode, world: string): LocateWan {
  return async () => {
    const wan = (await listContainers(docker, world)).find(({ service }) => service === 'wan')
    if (wan === undefined) return 'gone'
    await using opened = await openWorldOn(docker, world)
    return { id: wan.id, address: opened.wayIn.address }
  }
}

/**
 * Who drives the world. Whoever makes or removes it counts too.
 * @param opened null: its WAN does not run
 * @throws Error if neither Docker nor the WAN says it
 */
export async function lookAtDriver(docker: Dockerode, world: string, opened: RunningWorld | null): Promise<HoldSight> {
  const maker = await lookAtMaker(docker, world)
  if (maker !== null) return { state: 'held', holder: maker }
  if (opened !== null) return (await readHolds(opened)).driver
  return driverOfDeadWan(docker, world)
}

/**
 * As the WAN has written it down; a process of this machine can be looked at. A guard keeps nobody out: after each command it
 * drives the world for a moment, and a WAN that died in that moment would say so for ever.
 */
export async function driverOfDeadWan(docker: Dockerode, world: string): Promise<HoldSight> {
  const kept = (await keptBy(docker, world))?.driver ?? null
  if (kept === null) return { state: 'free', holder: null }
  if (kept.state === 'dead' || processOf(kept.holder) === 'gone') return { state: 'dead', holder: kept.holder }
  if (kept.holder.doing === guardsWork) return { state: 'free', holder: null }
  return { state: 'held', holder: kept.holder }
}

async function keptBy(docker: Dockerode, world: string): Promise<KeptHolds | null> {
  const wan = (await listContainers(docker, world)).find(({ service }) => service === 'wan')
  if (wan === undefined) return null
  const text = await readFileOf(docker.getContainer(wan.id), holdsFile)
  try {
    return text === null ? null : keptHolds.parse(JSON.parse(text))
  } catch (error) {
    throw new Error(`${holdsFile} of the WAN of world ${world} can't be read: ${messageOf(error)}`, { cause: error })
  }
}
