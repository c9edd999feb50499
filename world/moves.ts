// An operator's orders to the controllers, through the way in: any controller that answers passes them on.
import { controllerStatus, type MoveReply, moveReply } from '#protocol/controller.ts'
import { ordersDataSet } from '#protocol/epoch.ts'
import { type Region, regions } from '#protocol/sites.ts'
import { CallRefused } from '#runtime/http.ts'
import { WayInFailed } from './docker-way-in.ts'
import { EnvironmentError } from './environment-error.ts'
import type { RunningWorld } from './running-world.ts'

const moveTimeoutMs = 60_000

/** @throws EnvironmentError with the controllers' reason if it is refused, nobody answers, or its outcome is not heard */
export async function switchover(world: RunningWorld, to: Region): Promise<MoveReply> {
  return order(world, '/switchover', { dataSet: ordersDataSet, to }, [to, ...regions.filter((each) => each !== to)])
}

/** @throws EnvironmentError with the controllers' reason if it is refused, nobody answers, or its outcome is not heard */
export async function failover(
  world: RunningWorld,
  options: { readonly to: Region | null; readonly acceptDataLoss: boolean },
): Promise<MoveReply> {
  const body = {
    dataSet: ordersDataSet,
    acceptDataLoss: options.acceptDataLoss,
    ...(options.to === null ? {} : { to: options.to }),
  }
  const first = options.to ?? regions.find((each) => each !== world.topology.home) ?? regions[0]
  return order(world, '/failover', body, [first, ...regions.filter((each) => each !== first)])
}

/** The first controller that answers decides; an order is never given twice, since its outcome would be unknown. */
async function order(
  world: RunningWorld,
  path: '/switchover' | '/failover',
  body: unknown,
  candidates: readonly Region[],
): Promise<MoveReply> {
  const region = await firstThatAnswers(world, candidates)
  const move = path.slice(1)
  const look = `./firedrill status --world ${world.name}`
  try {
    const reply = await world.wayIn.control(`controller.${region}`, {
      method: 'POST',
      path,
      body,
      reply: moveReply,
      timeoutMs: moveTimeoutMs,
    })
    if (reply.done) return reply
    throw new CallRefused(path, 409, reply)
  } catch (error) {
    if (error instanceof WayInFailed)
      throw new EnvironmentError(
        `controller ${region} did not say how the ${move} ended (${error.message}); it may still be done: look with ${look} before ordering it again`,
        { cause: error },
      )
    if (!(error instanceof CallRefused)) throw error
    const refusal = moveReply.safeParse(error.body)
    const reason = refusal.success ? `controller ${region} says: ${refusal.data.reason}` : error.message
    throw new EnvironmentError(`the ${move} was not done, ${reason}; see: ${look}`, { cause: error })
  }
}

async function firstThatAnswers(world: RunningWorld, candidates: readonly Region[]): Promise<Region> {
  for (const region of candidates) {
    try {
      const call = { method: 'GET', path: '/status', reply: controllerStatus, timeoutMs: 2000 } as const
      await world.wayIn.control(`controller.${region}`, call)
      return region
    } catch {
      // The next one may answer.
    }
  }
  throw new EnvironmentError(
    `no controller of world ${world.name} answers; see: ./firedrill status --world ${world.name}`,
  )
}
