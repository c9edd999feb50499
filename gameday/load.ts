// The load of a drill: a plan for each client area, and what its client is asked about it.
import { setTimeout as sleep } from 'node:timers/promises'
import { loadStatus, operation, type LoadPlan, type LoadStatus, type Operation } from '#protocol/operation.ts'
import type { Runbook } from '#protocol/runbook.ts'
import { areas, ports, type Area } from '#protocol/sites.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { getFromSite } from './site-http.ts'

/** Long enough for any step to run into its own limit. */
const longestLoadMs = 24 * 3_600_000
const fewestInFlight = 1000
/** As many sockets as one client can have to one address, with some left for its next ones. */
const mostInFlight = 20_000
const statusTimeoutMs = 3000
const pollMs = 100
/** A client's own time limits end what is in flight; this is for its answers. */
const graceMs = 5000

/** So many are under way while nothing is answered, and half as many more: a service that hangs makes no client shed. */
function inFlightLimit(ratePerSecond: number, timeoutMs: number): number {
  return Math.min(mostInFlight, Math.max(fewestInFlight, Math.ceil((ratePerSecond * timeoutMs * 1.5) / 1000)))
}

export function planFor(runbook: Runbook, drill: string, seed: number, startNs: bigint): LoadPlan {
  const rate = runbook.load.rate / runbook.load.from.length
  return {
    drill,
    seed,
    rate,
    reads: runbook.load.reads,
    steering: runbook.topology.steering,
    startNs: startNs.toString(),
    durationMs: longestLoadMs,
    timeoutMs: runbook.load.timeout,
    maxInFlight: inFlightLimit(rate, runbook.load.timeout),
  }
}

/** @throws Error of a client that did not begin, once all have answered */
export async function startLoad(world: RunningWorld, from: readonly Area[], plan: LoadPlan): Promise<void> {
  const call = { method: 'POST', path: '/load', body: plan, reply: loadStatus, timeoutMs: 5000 } as const
  const answers = await Promise.allSettled(from.map((area) => world.wayIn.control(`client.${area}`, call)))
  const failed = answers.find((each) => each.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

/**
 * Ends the arrivals at once and waits for what is in flight, whoever's load it is. No error if there is no load.
 * @throws Error if a client does not answer, or does not come to an end within its plan's own time limit
 */
export async function stopLoad(world: RunningWorld, from: readonly Area[]): Promise<void> {
  await Promise.all(from.map((area) => stopIn(world, area)))
}

async function stopIn(world: RunningWorld, area: Area): Promise<void> {
  const call = { path: '/load', reply: loadStatus, timeoutMs: statusTimeoutMs } as const
  let status = await world.wayIn.control(`client.${area}`, { method: 'DELETE', ...call })
  const withinMs = status.timeoutMs + graceMs
  const deadline = performance.now() + withinMs
  while (status.running) {
    if (performance.now() > deadline)
      throw new Error(
        `client.${area}: expected its load to end within ${withinMs} ms, saw ${status.inFlight} operations`,
      )
    await sleep(pollMs)
    status = await world.wayIn.control(`client.${area}`, { method: 'GET', ...call })
  }
}

/** Areas whose client makes load now: somebody else's drill. */
export async function loadedAreas(world: RunningWorld, among: readonly Area[] = areas): Promise<readonly Area[]> {
  const seen = await Promise.all(
    among.map(async (area) => ({ area, running: (await clientOf(world, area).status()).running })),
  )
  return seen.filter((each) => each.running).map((each) => each.area)
}

/** Operations that ended, in the order in which they did. */
export interface OperationsPage {
  /** Names the log they are from. */
  readonly run: string
  readonly operations: readonly Operation[]
  /** Index after the last of them, and after the last that there is. */
  readonly next: number
  readonly end: number
  /** What was asked for is not kept any more: `next` is the oldest that is. */
  readonly dropped: boolean
}

/** One client, as a drill asks it. All reject if it does not answer. */
export interface ClientAccess {
  operations(from: number): Promise<OperationsPage>
  status(): Promise<LoadStatus>
  endAt(drill: string, untilNs: bigint): Promise<unknown>
}

export function clientOf(world: RunningWorld, area: Area): ClientAccess {
  const host = `client.${area}`
  const call = { reply: loadStatus, timeoutMs: statusTimeoutMs } as const
  return {
    operations: (from) => fetchOperations(world, area, from),
    status: () => world.wayIn.control(host, { ...call, method: 'GET', path: '/load' }),
    endAt: (drill, untilNs) => {
      const body = { drill, untilNs: untilNs.toString() }
      return world.wayIn.control(host, { ...call, method: 'POST', path: '/load/end', body })
    },
  }
}

/** Some of the operations that ended from index `from` on; no error where the client's log begins later, or ends before. */
export async function fetchOperations(world: RunningWorld, area: Area, from: number): Promise<OperationsPage> {
  const answer = await getFromSite(world, `client.${area}`, ports.control, `/operations?from=${from}`, 5000)
  const { status, headers, body } = answer
  const run = headers['x-run']
  const [first, next, end] = ['x-first', 'x-next', 'x-end'].map((name) => Number(headers[name] ?? Number.NaN))
  if (typeof run !== 'string' || first === undefined || next === undefined || end === undefined || Number.isNaN(end))
    throw new Error(`client.${area} answered ${status}: ${body.slice(0, 200)}`)
  const nothing = { run, operations: [], end }
  if (status === 410) return { ...nothing, next: first, dropped: true }
  // Only a client that was restarted, or was given another plan, has fewer than it had.
  if (status === 400) return { ...nothing, next: 0, dropped: false }
  if (status !== 200) throw new Error(`client.${area} answered ${status}: ${body.slice(0, 200)}`)
  const lines = body.split('\n').filter((line) => line !== '')
  if (lines.length !== next - from)
    throw new Error(`client.${area}: expected operations ${from} to ${next - 1}, saw ${lines.length} lines`)
  return { run, operations: lines.map((line) => operation.parse(JSON.parse(line))), next, end, dropped: false }
}
