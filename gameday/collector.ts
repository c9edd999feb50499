// Gathers a drill's timeline, operations and samples while it runs: polls controllers, agents and clients, and keeps what the
// harness says. In the end it says what it could not have.
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { exportedTail, type ExportedTail } from '#protocol/agent.ts'
import type { LoadPlan, Operation } from '#protocol/operation.ts'
import type { Sample } from '#protocol/sample.ts'
import { regions, type Area, type Region } from '#protocol/sites.ts'
import { eventsReply, type TimelineEvent } from '#protocol/timeline.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { clockNs } from '#chaos/wan-calls.ts'
import { plannedBefore } from '#runtime/arrivals.ts'
import { EventReader } from './event-reader.ts'
import { clientOf } from './load.ts'
import { MachineLoad } from './machine-load.ts'
import { inOrderOfTime } from './measure/history.ts'
import type { AreaLoad } from './measure/record.ts'
import { OperationReader } from './operation-reader.ts'
import { takeSample } from './sampler.ts'
import { WorldClock } from './world-clock.ts'

const pollMs = 500
const sampleMs = 1000
const clockMs = 1000
const exportTimeoutMs = 3000
/** At the end, for whoever does not answer, or answers no more. */
const patienceMs = { operations: 30_000, events: 10_000 }

export type AreaLoads = Readonly<Partial<Record<Area, AreaLoad>>>

/** Where lines go as they come, so that a killed drill leaves what it saw. */
export interface CollectorFiles {
  timeline(event: TimelineEvent): void
  operations(batch: readonly Operation[]): void
  sample(sample: Sample): void
}

export class Collector {
  readonly clock: WorldClock
  readonly #world: RunningWorld
  readonly #files: CollectorFiles
  readonly #patienceMs: typeof patienceMs
  readonly #events = new Map<string, TimelineEvent>()
  readonly #operations: Operation[] = []
  readonly #samples: Sample[] = []
  readonly #machine = new MachineLoad()
  /** Exports of earlier drills of the same world, `region/name`. */
  readonly #oldExports = new Set<string>()
  readonly #readers: ReadonlyMap<Area, OperationReader>
  #eventReaders: ReadonlyMap<string, EventReader> = new Map()
  #inOrder: readonly TimelineEvent[] | null = null
  #unheard: readonly string[] = []
  readonly #stopping = new AbortController()
  #sinceNs = 0n
  #running: Promise<unknown> = Promise.resolve()

  constructor(world: RunningWorld, areas: readonly Area[], files: CollectorFiles, patience = patienceMs) {
    this.#world = world
    this.#files = files
    this.#patienceMs = patience
    this.clock = new WorldClock(() => clockNs(world))
    this.#readers = new Map(areas.map((area) => [area, this.#readerOf(area)]))
  }

  /** Events from `sinceNs` on; older ones belong to earlier drills of the same world. */
  start(sinceNs: bigint): void {
    this.#sinceNs = sinceNs
    const hosts = regions.flatMap((region) => [`controller.${region}`, `postgres.${region}`])
    this.#eventReaders = new Map(hosts.map((host) => [host, this.#eventReaderOf(host)]))
    this.#machine.start()
    this.#running = Promise.all([
      ...[...this.#eventReaders.values()].map((reader) => this.#loop(reader.read, pollMs)),
      ...[...this.#readers.values()].map((reader) => this.#loop(reader.read, pollMs)),
      this.#loop(() => this.clock.ask(), clockMs),
      this.#loop(() => this.#sample(), sampleMs),
      this.#eachExport((key) => {
        this.#oldExports.add(key)
        return Promise.resolve()
      }),
    ])
  }

  /** From now on the clients' operations of this drill are taken. */
  loadBegins(drill: string, fromNs: bigint): void {
    for (const reader of this.#readers.values()) reader.begin(drill, fromNs)
  }

  /**
   * Ends the load, if there is one, so that no arrival intended at `untilNs` or later belongs to it; takes what is left to be read, and
   * ends the polling. Whoever does not answer is asked again for a while.
   * @returns what the load of each area was to be, and why its operations could not all be had
   */
  async finish(end: { readonly plan: LoadPlan; readonly untilNs: bigint } | null): Promise<AreaLoads> {
    const loads = end === null ? {} : await this.#finishLoad(end.plan, end.untilNs)
    this.#stopping.abort()
    await this.#running
    this.#machine.stop()
    const giveUpAtMs = performance.now() + this.#patienceMs.events
    const unheard = await Promise.all(
      [...this.#eventReaders].map(async ([host, reader]) => {
        const reason = await reader.finish(giveUpAtMs)
        return host.startsWith('controller.') ? reason : null
      }),
    )
    this.#unheard = unheard.filter((each) => each !== null)
    return loads
  }

  async #finishLoad(plan: LoadPlan, untilNs: bigint): Promise<AreaLoads> {
    const giveUpAtMs = performance.now() + plan.timeoutMs + this.#patienceMs.operations
    const loads = await Promise.all(
      [...this.#readers].map(async ([area, reader]) => {
        const planned = (): number => plannedBefore(plan, area, untilNs)
        return [area, await reader.finish({ untilNs, planned, giveUpAtMs })] as const
      }),
    )
    for (const [area, reader] of this.#readers)
      if (reader.repeated > 0)
        await this.#say('repeated', `client.${area} gave ${reader.repeated} operations twice; each was taken once`)
    return Object.fromEntries(loads)
  }

  /** Takes all that clients, controllers and agents have seen before the call. */
  async catchUp(): Promise<void> {
    const readers = [...this.#readers.values(), ...this.#eventReaders.values()]
    await Promise.all(readers.map((reader) => reader.read().catch(() => {})))
  }

  /** What the harness itself did. Without a WAN the time is the harness's own, and says so. */
  async note(kind: string, reason: string, detail: Record<string, unknown> = {}, atNs?: bigint): Promise<bigint> {
    const { atNs: whenNs, errorNs } = atNs === undefined ? await this.clock.now() : { atNs, errorNs: 0n }
    const about = errorNs === 0n ? {} : { giveOrTakeMs: Number(errorNs) / 1e6 }
    this.#keep({
      atNs: whenNs.toString(),
      source: 'harness',
      site: 'harness',
      kind,
      reason,
      detail: { ...detail, ...about },
    })
    return whenNs
  }

  async #say(kind: string, reason: string): Promise<void> {
    // Without any clock there is no place for it in the timeline.
    await this.note(kind, reason).catch(() => {})
  }

  get operations(): readonly Operation[] {
    return this.#operations
  }

  /** Those that ended at `ns` or later, area by area. */
  endedSince(ns: bigint): readonly Operation[] {
    return [...this.#readers.values()].flatMap((reader) => reader.endedSince(ns))
  }

  get events(): readonly TimelineEvent[] {
    this.#inOrder ??= inOrderOfTime([...this.#events.values()])
    return this.#inOrder
  }

  /** Controllers whose events could not be read to the end, and why. Known after `finish`. */
  get unheard(): readonly string[] {
    return this.#unheard
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

  async #loop(poll: () => Promise<unknown>, everyMs: number): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      // Dead and cut hosts are part of a drill.
      await poll().catch(() => {})
      await sleep(everyMs, undefined, { signal }).catch(() => {})
    }
  }

  #readerOf(area: Area): OperationReader {
    return new OperationReader({
      area,
      client: clientOf(this.#world, area),
      gateway: () => this.clock.ask(),
      keep: (batch) => {
        for (const each of batch) this.#operations.push(each)
        this.#files.operations(batch)
      },
      lost: (why) => void this.#say('client-lost', why),
    })
  }

  #eventReaderOf(host: string): EventReader {
    return new EventReader({
      host,
      fetch: (from) =>
        this.#world.wayIn.control(host, {
          method: 'GET',
          path: `/events?from=${from}`,
          reply: eventsReply,
          timeoutMs: 2000,
        }),
      keep: (event) => this.#keep(event),
      sinceNs: this.#sinceNs,
    })
  }

  #keep(event: TimelineEvent): void {
    if (BigInt(event.atNs) < this.#sinceNs) return
    const key = `${event.atNs} ${event.source} ${event.site} ${event.kind} ${event.reason}`
    if (this.#events.has(key)) return
    this.#events.set(key, event)
    this.#inOrder = null
    this.#files.timeline(event)
  }
}
