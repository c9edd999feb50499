// The looks at a world that the dashboard repeats, each of one thing and with a limit of its own, so that what is dead holds up nothing.
import { z } from 'zod'
import { agentStatus, type AgentStatus } from '#protocol/agent.ts'
import { busReply } from '#protocol/bus.ts'
import { controllerStatus, type ControllerStatus } from '#protocol/controller.ts'
import { loadStatus, type LoadStatus, type Operation } from '#protocol/operation.ts'
import { ports, type Area, type Region } from '#protocol/sites.ts'
import { eventsReply, type TimelineEvent } from '#protocol/timeline.ts'
import { clockReply, counters, fenceState, ledgerReply, linksReply } from '#protocol/wan.ts'
import type { FenceState, LedgerEntry, LinksReply } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { fetchOperations } from '../load.ts'
import { getFromSite } from '../site-http.ts'
import type { AppSeen } from './observed.ts'

const timeoutMs = 1500
/** Nobody has this order: what is asked is whether the app has a permit, which it says beside any answer. */
const nobodysOrder = '/orders/00000000-0000-4000-8000-000000000000'
const readyReply = z.object({ reason: z.string() })

export function lookAtController(world: RunningWorld, region: Region): Promise<ControllerStatus> {
  return world.wayIn.control(`controller.${region}`, {
    method: 'GET',
    path: '/status',
    timeoutMs,
    reply: controllerStatus,
  })
}

export function lookAtAgent(world: RunningWorld, region: Region): Promise<AgentStatus> {
  return world.wayIn.control(`postgres.${region}`, { method: 'GET', path: '/status', timeoutMs, reply: agentStatus })
}

export async function lookAtApp(world: RunningWorld, region: Region): Promise<AppSeen> {
  const host = `app.${region}`
  const ready = async (path: string): Promise<AppSeen['reads']> => {
    const { status, body } = await getFromSite(world, host, ports.app, path, timeoutMs)
    return { status, reason: readyReply.parse(JSON.parse(body)).reason }
  }
  // An order that another app sent on is not sent on again.
  const forwarded = { 'x-firedrill-forwarded': 'dashboard' }
  const [reads, writes, order, relay] = await Promise.all([
    ready('/readyz'),
    ready('/readyz?for=writes'),
    getFromSite(world, host, ports.app, nobodysOrder, timeoutMs, forwarded),
    world.wayIn
      .control(host, { method: 'GET', path: '/bus', timeoutMs, reply: busReply })
      .then((bus) => bus.relay.behindMs)
      .catch(() => null),
  ])
  const isPermitted = order.status !== 503 && order.headers['x-firedrill-permit'] !== 'none'
  return { reads, writes, isPermitted, relayBehindMs: relay }
}

export interface WanSeen {
  readonly links: LinksReply
  readonly fence: FenceState
  readonly ledger: readonly LedgerEntry[]
  readonly bytes: ReadonlyMap<string, number>
  readonly nowNs: bigint
  /** Of this host, in the middle of reading the world's clock. */
  readonly clockOffsetMs: number
}

export async function lookAtWan(world: RunningWorld): Promise<WanSeen> {
  const get = { method: 'GET', timeoutMs } as const
  const [links, fence, ledger, counted, clock] = await Promise.all([
    world.wayIn.wan({ ...get, path: '/links', reply: linksReply }),
    world.wayIn.wan({ ...get, path: '/fence', reply: fenceState }),
    world.wayIn.wan({ ...get, path: '/ledger', reply: ledgerReply }),
    world.wayIn.wan({ ...get, path: '/counters', reply: counters }),
    readClock(world),
  ])
  const bytes = new Map<string, number>()
  for (const each of counted.links) {
    const key = `${each.from}>${each.to}`
    bytes.set(key, (bytes.get(key) ?? 0) + each.bytes)
  }
  return { links, fence, ledger: ledger.entries, bytes, nowNs: BigInt(counted.atNs), ...clock }
}

async function readClock(world: RunningWorld): Promise<{ readonly clockOffsetMs: number }> {
  const beforeMs = Date.now()
  const { monotonicNs } = await world.wayIn.wan({ method: 'GET', path: '/clock', reply: clockReply, timeoutMs })
  const middleMs = (beforeMs + Date.now()) / 2
  return { clockOffsetMs: middleMs - Number(BigInt(monotonicNs) / 1000n) / 1000 }
}

export function lookAtLoad(world: RunningWorld, area: Area): Promise<LoadStatus> {
  return world.wayIn.control(`client.${area}`, { method: 'GET', path: '/load', timeoutMs, reply: loadStatus })
}

/** Follows what is counted from 0 again when its process, or its plan, begins anew. */
export class Followed {
  #next: number | null = null

  /** Events of a controller or an agent that were not fetched before. */
  async events(world: RunningWorld, host: string): Promise<readonly TimelineEvent[]> {
    const from = this.#next ?? 0
    const call = { method: 'GET', path: `/events?from=${from}`, reply: eventsReply, timeoutMs } as const
    const { next, events } = await world.wayIn.control(host, call)
    this.#next = next < from ? 0 : next
    return events
  }

  /** Operations that ended since the last call; the first call only finds out where the end is. */
  async operations(world: RunningWorld, area: Area, done: number): Promise<readonly Operation[]> {
    if (this.#next === null) {
      this.#next = done
      return []
    }
    if (done < this.#next) this.#next = 0
    if (done === this.#next) return []
    const { operations, next } = await fetchOperations(world, area, this.#next)
    this.#next = next
    return operations
  }

  /** What was missed while nobody looked is not fetched later. */
  skip(): void {
    this.#next = null
  }
}
