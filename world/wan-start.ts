// Brings a dead or paused WAN back: without it nothing else of a world can be reached or healed.
import type Dockerode from 'dockerode'
import { openWorldOn } from './docker-world.ts'
import { EnvironmentError } from './environment-error.ts'
import { readinessChecks, untilReady } from './readiness.ts'
import { findContainer } from './world-containers.ts'

const answersWithinMs = 20_000

/**
 * @returns a sentence that says what was done; null if the WAN runs
 * @throws EnvironmentError if it can't be started or does not answer; the world has to be made anew then
 */
export async function startWan(docker: Dockerode, world: string): Promise<string | null> {
  const { id, state } = await findContainer(docker, world, { site: null, service: 'wan' })
  if (state === 'running') return null
  try {
    const container = docker.getContainer(id)
    await (state === 'paused' ? container.unpause() : container.start())
    await using opened = await openWorldOn(docker, world)
    for (const check of readinessChecks(opened).slice(0, 1))
      await untilReady(check, AbortSignal.timeout(answersWithinMs), () => {})
  } catch (error) {
    throw new EnvironmentError(
      `the WAN of world ${world} is ${state} and does not start: ${(error as Error).message.trim()}; make the world anew: ./firedrill up --world ${world}`,
      { cause: error },
    )
  }
  return `wan (${state}) brought back`
}
