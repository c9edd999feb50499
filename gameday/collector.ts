// Gathers a drill's timeline, operations and samples while it runs: polls controllers, agents and clients, and keeps what the
// harness says.
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { exportedTail, type ExportedTail } from '#protocol/agent.ts'
import type { Operation } from '#protocol/operation.ts'
import type { Sample } from '#protocol/sample.ts'
import { regions, type Area, type Region } from '#protocol/sites.ts'
import { eventsReply, type TimelineEvent } from '#protocol/timeline.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { clockNs } from '#chaos/wan-calls.ts'
import { fetchOperations } from './load.ts'
import { MachineLoad } from './machine-load.ts'
import { inOrderOfTime } from './measure/history.ts'
import { takeSample } from './sampler.ts'

const pollMs = 500
const sampleMs = 1000
const exportTimeoutMs = 3000

/** Where lines go as they come, so that a killed drill leaves what it saw. */
export interface CollectorFiles {
  timeline(event: TimelineEvent): void
  operations(batch: readonly Operation[]): void
  sample(sample: Sample): void
}

export class Collector {
  readonly #world: RunningWorld
  readonly #areas: readonly Area[]
  readonly #files: CollectorFiles
  readonly #events = new Map<string, TimelineEvent>()
  readonly #operations: Operation[] = []
  readonly #samples: Sample[] = []
  readonly #machine = new MachineLoad()
  /** Exports of earlier drills of the same world, `region/name`. */
  readonly #oldExports = new Set<string>()
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
    this.#machine.start()
    this.#running = Promise.all([
      ...hosts.map((host) => this.#loop(() => this.#pollEvents(host), pollMs)),
      ...this.#areas.map((area) => this.#loop(() => this.#pollOperations(area), pollMs)),
      this.#loop(() => this.#sample(), sampleMs),
      this.#eachExport((key) => {
        this.#oldExports.add(key)
        return Promise.resolve()
      }),
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
    this.#machine.stop()
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
    return inOrderOfTime([...this.#events.values()])
  }

  get samples(): readonly Sample[] {
    return this.#samples
  }

  /** What rewinds have thrown away since the drill began, from every agent that answers. */
  async exports(): Promise<readonly ExportedTail[]> {
    const tails: ExportedTail[] = []
    await this.#eachExport(async (key, region, name) => {
      if (this.#oldExports.has(key)) return
      const path = `/exports/${encodeURIComponent(name)}`
      const call = { method: 'GET', path, reply: exportedTail, timeoutMs: exportTimeoutMs } as const
      tails.push(await this.#world.wayIn.control(`postgres.${region}`, call))
    })
    return tails.toSorted((left, right) => (left.name < right.name ? -1 : 1))
  }

  async #eachExport(look: (key: string, region: Region, name: string) => Promise<void>): Promise<void> {
    const reply = z.object({ exports: z.array(z.string()) })
    const call = { method: 'GET', path: '/exports', reply, timeoutMs: exportTimeoutMs } as const
    const ofRegion = async (region: Region): Promise<void> => {
      const { exports } = await this.#world.wayIn.control(`postgres.${region}`, call)
      for (const name of exports) await look(`${region}/${name}`, region, name)
    }
    await Promise.all(regions.map((region) => ofRegion(region).catch(() => {})))
  }

  async #sample(): Promise<void> {
    const sample = await takeSample(this.#world, () => this.#machine.read())
    if (sample === null) return
    this.#samples.push(sample)
    this.#files.sample(sample)
  }

  async #loop(poll: () => Promise<void>, everyMs: number): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      // Dead and cut hosts are part of a drill.
      await poll().catch(() => {})
      await sleep(everyMs, undefined, { signal }).catch(() => {})
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
