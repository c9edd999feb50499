// Gathers a drill's timeline and operations while it runs: polls controllers, agents and clients, and keeps what the harness says.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Operation } from '#protocol/operation.ts'
import { regions, type Area } from '#protocol/sites.ts'
import { eventsReply, type TimelineEvent } from '#protocol/timeline.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { clockNs } from '#chaos/wan-calls.ts'
import { fetchOperations } from './load.ts'

const pollMs = 500

/** Where lines go as they come, so that a killed drill leaves what it saw. */
export interface CollectorFiles {
  timeline(event: TimelineEvent): void
  operations(batch: readonly Operation[]): void
}

export class Collector {
  readonly #world: RunningWorld
  readonly #areas: readonly Area[]
  readonly #files: CollectorFiles
  readonly #events = new Map<string, TimelineEvent>()
  readonly #operations: Operation[] = []
  readonly #nextEvent = new Map<string, number>()
  readonly #nextOperation = new Map<Area, number>()
  readonly #stopping = new AbortController()
  #sinceNs = 0n
  #loadBegan = false
  #running: Promise<unknown> = Promise.resolve()

  constructor(world: RunningWorld, areas: readonly Area[], files: CollectorFiles) {
    this.#world = world
    this.#areas = areas
    this.#files = files
  }

  /** Events from `sinceNs` on; older ones belong to earlier drills of the same world. */
  start(sinceNs: bigint): void {
    this.#sinceNs = sinceNs
    const hosts = regions.flatMap((region) => [`controller.${region}`, `postgres.${region}`])
    this.#running = Promise.all([
      ...hosts.map((host) => this.#loop(() => this.#pollEvents(host))),
      ...this.#areas.map((area) => this.#loop(() => this.#pollOperations(area))),
    ])
  }

  /** Called when the load has begun: only then do the clients' operations belong to this drill. */
  loadBegan(): void {
    this.#loadBegan = true
  }

  /** Ends the polling after one last round. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    await this.catchUp()
  }

  async catchUp(): Promise<void> {
    await Promise.all(this.#areas.map((area) => this.#pollOperations(area).catch(() => {})))
    const hosts = regions.flatMap((region) => [`controller.${region}`, `postgres.${region}`])
    await Promise.all(hosts.map((host) => this.#pollEvents(host).catch(() => {})))
  }

  /** What the harness itself did. */
  async note(kind: string, reason: string, detail: Record<string, unknown> = {}, atNs?: bigint): Promise<bigint> {
    const whenNs = atNs ?? (await clockNs(this.#world))
    this.#keep({ atNs: whenNs.toString(), source: 'harness', site: 'harness', kind, reason, detail })
    return whenNs
  }

  get operations(): readonly Operation[] {
    return this.#operations
  }

  get events(): readonly TimelineEvent[] {
    return [...this.#events.values()].toSorted((left, right) => (BigInt(left.atNs) < BigInt(right.atNs) ? -1 : 1))
  }

  async #loop(poll: () => Promise<void>): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      // Dead and cut hosts are part of a drill.
      await poll().catch(() => {})
      await sleep(pollMs, undefined, { signal }).catch(() => {})
    }
  }

  async #pollEvents(host: string): Promise<void> {
    const from = this.#nextEvent.get(host) ?? 0
    try {
      const call = { method: 'GET', path: `/events?from=${from}`, reply: eventsReply, timeoutMs: 2000 } as const
      const reply = await this.#world.wayIn.control(host, call)
      // A restarted process counts from 0 again.
      this.#nextEvent.set(host, reply.next < from ? 0 : reply.next)
      for (const event of reply.events) this.#keep(event)
    } catch (error) {
      this.#nextEvent.set(host, 0)
      throw error
    }
  }

  async #pollOperations(area: Area): Promise<void> {
    if (!this.#loadBegan) return
    const { operations, next } = await fetchOperations(this.#world, area, this.#nextOperation.get(area) ?? 0)
    this.#nextOperation.set(area, next)
    this.#operations.push(...operations)
    if (operations.length > 0) this.#files.operations(operations)
  }

  #keep(event: TimelineEvent): void {
    if (BigInt(event.atNs) < this.#sinceNs) return
    const key = `${event.atNs} ${event.source} ${event.site} ${event.kind} ${event.reason}`
    if (this.#events.has(key)) return
    this.#events.set(key, event)
    this.#files.timeline(event)
  }
}
