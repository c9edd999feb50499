// The load of a drill: a plan for each client area, and what became of each operation.
import { z } from 'zod'
import { loadStatus, operation, type LoadPlan, type Operation } from '#protocol/operation.ts'
import type { Runbook } from '#protocol/runbook.ts'
import { areas, ports, type Area } from '#protocol/sites.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { getFromSite } from './site-http.ts'

/** Long enough for any step to run into its own limit. */
const longestLoadMs = 24 * 3_600_000

export function planFor(runbook: Runbook, drill: string, seed: number, startNs: bigint): LoadPlan {
  return {
    drill,
    seed,
    rate: runbook.load.rate / runbook.load.from.length,
    reads: runbook.load.reads,
    steering: runbook.topology.steering,
    startNs: startNs.toString(),
    durationMs: longestLoadMs,
    timeoutMs: runbook.load.timeout,
    maxInFlight: 1000,
  }
}

export async function startLoad(world: RunningWorld, from: readonly Area[], plan: LoadPlan): Promise<void> {
  await Promise.all(
    from.map((area) =>
      world.wayIn.control(`client.${area}`, {
        method: 'POST',
        path: '/load',
        body: plan,
        reply: loadStatus,
        timeoutMs: 5000,
      }),
    ),
  )
}

/** Ends the arrivals and waits for what is in flight. No error if there is no load. */
export async function stopLoad(world: RunningWorld, from: readonly Area[]): Promise<void> {
  await Promise.all(
    from.map((area) =>
      world.wayIn.control(`client.${area}`, { method: 'DELETE', path: '/load', reply: z.unknown(), timeoutMs: 15_000 }),
    ),
  )
}

/** Areas whose client makes load now: somebody else's drill. */
export async function loadedAreas(world: RunningWorld, among: readonly Area[] = areas): Promise<readonly Area[]> {
  const seen = await Promise.all(
    among.map(async (area) => {
      const call = { method: 'GET', path: '/load', reply: loadStatus, timeoutMs: 3000 } as const
      return { area, running: (await world.wayIn.control(`client.${area}`, call)).running }
    }),
  )
  return seen.filter((each) => each.running).map((each) => each.area)
}

/** Operations that ended since index `from`, and the next index. */
export async function fetchOperations(
  world: RunningWorld,
  area: Area,
  from: number,
): Promise<{ readonly operations: readonly Operation[]; readonly next: number }> {
  const answer = await getFromSite(world, `client.${area}`, ports.control, `/operations?from=${from}`, 10_000)
  if (answer.status !== 200) throw new Error(`client.${area} answered ${answer.status}: ${answer.body.slice(0, 200)}`)
  const lines = answer.body.split('\n').filter((line) => line !== '')
  return {
    operations: lines.map((line) => operation.parse(JSON.parse(line))),
    next: Number(answer.headers['x-next'] ?? from + lines.length),
  }
}
