// Keeps looking at a world and tells when anything was seen. While nobody watches, only its being there is looked at: looks cost
// processors that a drill needs.
import type { Engine } from '#world/docker-engine.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { areas, regions, type Area, type Region } from '#protocol/sites.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { type DockerWorld, openWorldOn } from '#world/docker-world.ts'
import { lookAtDriver } from '#world/holds.ts'
import type { RunningWorld } from '#world/running-world.ts'
import { listContainers } from '#world/world-containers.ts'
import { messageOf } from '#runtime/message-of.ts'
import { DrillFiles } from './drill-files.ts'
import { Followed, lookAtAgent, lookAtApp, lookAtController, lookAtLoad, lookAtWan, type WanSeen } from './look.ts'
import { byArea, nothingSeen, type Observed, type Seen } from './observed.ts'
import { lookAtSteering } from './steering.ts'

const presenceMs = 2000
const lookMs = 700
const slowLookMs = 3000
/** Docker is asked so often whether the world is still there before it counts as gone. */
const goneLooks = 2
/** A healed fault is shown so much longer. */
const healedShownMs = 30_000
const keptEvents = 600

export class Watch {
  readonly observed: Observed
  readonly #docker: Engine['docker']
  readonly #onSeen: () => void
  readonly #drillFiles: DrillFiles
  readonly #stopping = new AbortController()
  readonly #operations = byArea(() => new Followed())
  #world: DockerWorld | null = null
  #wanId = ''
  #mustReopen = false
  #viewers = 0
  #wake: () => void = () => {}
  #lastBytes: { readonly bytes: WanSeen['bytes']; readonly nowNs: bigint } | null = null

  constructor(docker: Engine['docker'], world: string, onSeen: () => void) {
    this.#docker = docker
    this.#onSeen = onSeen
    this.observed = nothingSeen(world)
    this.#drillFiles = new DrillFiles(this.observed)
  }

  /** The world as it is open now. @throws Error that says why it is not */
  get world(): RunningWorld {
    if (this.#world === null)
      throw new Error(this.observed.unreachable ?? `world ${this.observed.world} was not seen yet`)
    return this.#world
  }

  addViewer(): void {
    this.#viewers += 1
    this.#wake()
  }

  removeViewer(): void {
    this.#viewers -= 1
    if (this.#viewers > 0) return
    for (const area of areas) {
      this.#operations[area].skip()
      this.observed.loads[area].forget()
    }
    this.#lastBytes = null
  }

  /** What the dashboard itself did, beside the world's own events. */
  note(kind: string, reason: string): void {
    // Its place in time is known once anybody has looked at the world.
    if (this.observed.clockOffsetMs === null) return
    const nowNs = BigInt(Math.round((Date.now() - this.observed.clockOffsetMs) * 1e6))
    this.#keep({ atNs: nowNs.toString(), source: 'harness', site: 'dashboard', kind, reason })
    this.#onSeen()
  }

  changed(): void {
    this.#onSeen()
  }

  /** Resolves when the world has gone, or at `stop`. */
  async run(): Promise<void> {
    const { signal } = this.#stopping
    const looks = [
      this.#repeat(lookMs, (world) => this.#lookAtWan(world)),
      this.#repeat(lookMs, () => this.#drillFiles.read((event) => this.#keep(event))),
      ...regions.flatMap((region) => this.#regionLooks(region)),
      ...areas.flatMap((area) => this.#areaLooks(area)),
    ]
    let absent = 0
    while (!signal.aborted && absent < goneLooks) {
      absent = (await this.#isThere()) ? 0 : absent + 1
      await sleep(this.#viewers > 0 ? presenceMs / 2 : presenceMs, undefined, { signal }).catch(() => {})
    }
    this.#stopping.abort()
    this.#wake()
    this.#world?.wayIn.close()
    await Promise.all(looks)
  }

  stop(): void {
    this.#stopping.abort()
  }

  /** Also there while somebody works on it: `up` and `run` may be making it anew. */
  async #isThere(): Promise<boolean> {
    const { observed } = this
    try {
      observed.containers = await listContainers(this.#docker, observed.world)
      await this.#openIfNeeded()
      const doing = await this.#whatIsDone()
      observed.busyWith = doing
      this.#onSeen()
      return observed.containers.length > 0 || (doing !== null && !doing.startsWith('down'))
    } catch (error) {
      // Docker that does not answer has not lost the world.
      this.#unreachable(error)
      return true
    }
  }

  /** What whoever drives the world does; null: nobody does, or nobody says it. */
  async #whatIsDone(): Promise<string | null> {
    try {
      const { state, holder } = await lookAtDriver(this.#docker, this.observed.world, this.#world)
      return state === 'held' || state === 'away' ? holder.doing : null
    } catch {
      return null
    }
  }

  async #openIfNeeded(): Promise<void> {
    const wan = this.observed.containers.find((each) => each.service === 'wan')
    if (wan?.id === this.#wanId && wan.state === 'running' && !this.#mustReopen) return
    this.#world?.wayIn.close()
    this.#world = null
    this.#wanId = ''
    if (wan === undefined) {
      this.observed.unreachable = `world ${this.observed.world} has no WAN container`
      return
    }
    try {
      this.#world = await openWorldOn(this.#docker, this.observed.world)
      this.#wanId = wan.id
      this.#mustReopen = false
      this.observed.topology = this.#world.topology
      this.observed.unreachable = null
      this.#wake()
    } catch (error) {
      this.#unreachable(error)
    }
  }

  #unreachable(error: unknown): void {
    this.observed.unreachable = messageOf(error)
    this.#onSeen()
  }

  /** Runs `look` again and again while anybody watches and the world is open; one that fails is no trouble of the others. */
  async #repeat(everyMs: number, look: (world: RunningWorld) => Promise<void>): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      if (this.#viewers === 0 || this.#world === null) {
        await this.#untilAwake()
        continue
      }
      await look(this.#world).catch(() => {})
      this.#onSeen()
      await sleep(everyMs, undefined, { signal }).catch(() => {})
    }
  }

  #awake: Promise<void> | null = null
  #untilAwake(): Promise<void> {
    this.#awake ??= new Promise((resolve) => {
      this.#wake = () => {
        this.#awake = null
        resolve()
      }
    })
    return this.#awake
  }

  #regionLooks(region: Region): readonly Promise<void>[] {
    const { observed } = this
    const controller = new Followed()
    const agent = new Followed()
    const keepEvents = async (followed: Followed, host: string, world: RunningWorld): Promise<void> => {
      for (const event of await followed.events(world, host)) this.#keep(event)
    }
    return [
      this.#repeat(lookMs, async (world) => {
        observed.controllers[region] = await seen(lookAtController(world, region))
      }),
      this.#repeat(lookMs, async (world) => {
        observed.agents[region] = await seen(lookAtAgent(world, region))
      }),
      this.#repeat(lookMs, async (world) => {
        observed.apps[region] = await seen(lookAtApp(world, region))
      }),
      this.#repeat(lookMs, (world) => keepEvents(controller, `controller.${region}`, world)),
      this.#repeat(lookMs, (world) => keepEvents(agent, `postgres.${region}`, world)),
    ]
  }

  #areaLooks(area: Area): readonly Promise<void>[] {
    const { observed } = this
    const series = observed.loads[area]
    return [
      this.#repeat(lookMs, async (world) => {
        const status = await lookAtLoad(world, area)
        series.running = status.running
        series.inFlight = status.inFlight
        if (observed.clockOffsetMs !== null)
          series.watchFrom(BigInt(Math.round((Date.now() - observed.clockOffsetMs) * 1e6)))
        series.add(await this.#operations[area].operations(world, area, status.done))
      }),
      this.#repeat(slowLookMs, async (world) => {
        observed.steering[area] = await seen(lookAtSteering(world, area))
      }),
    ]
  }

  async #lookAtWan(world: RunningWorld): Promise<void> {
    try {
      const { links, fence, ledger, bytes, nowNs, clockOffsetMs } = await lookAtWan(world)
      const { observed } = this
      observed.links = { value: links }
      observed.fence = { value: fence }
      // Within a millisecond or two it is the reading that differs, not the clock.
      if (observed.clockOffsetMs === null || Math.abs(observed.clockOffsetMs - clockOffsetMs) > 50)
        observed.clockOffsetMs = clockOffsetMs
      observed.traffic = traffic(this.#lastBytes, { bytes, nowNs })
      this.#lastBytes = { bytes, nowNs }
      observed.unreachable = null
      rememberFaults(observed, ledger, Date.now())
    } catch (error) {
      this.#mustReopen = true
      this.#unreachable(error)
    }
  }

  #keep(event: TimelineEvent): void {
    const { events } = this.observed
    const key = `${event.atNs} ${event.source} ${event.site} ${event.kind}`
    events.set(key, event)
    if (events.size <= keptEvents) return
    const oldest = [...events.keys()].sort((left, right) =>
      Number(BigInt(left.split(' ')[0] ?? 0) - BigInt(right.split(' ')[0] ?? 0)),
    )
    for (const each of oldest.slice(0, events.size - keptEvents)) events.delete(each)
  }
}

async function seen<Value>(look: Promise<Value>): Promise<Seen<Value>> {
  try {
    return { value: await look }
  } catch (error) {
    return { reason: messageOf(error) }
  }
}

function traffic(
  before: { readonly bytes: WanSeen['bytes']; readonly nowNs: bigint } | null,
  now: { readonly bytes: WanSeen['bytes']; readonly nowNs: bigint },
): ReadonlyMap<string, number> {
  if (before === null) return new Map()
  const seconds = Number(now.nowNs - before.nowNs) / 1e9
  return new Map(
    [...now.bytes].map(([key, bytes]) => [
      key,
      Math.max(0, ((bytes - (before.bytes.get(key) ?? bytes)) * 8) / seconds),
    ]),
  )
}

/** Faults that have left the ledger are kept for a while, so that one sees them go. */
export function rememberFaults(observed: Pick<Observed, 'faults'>, ledger: WanSeen['ledger'], nowMs: number): void {
  const { faults } = observed
  for (const [id, { entry, healedMs }] of faults) {
    if (ledger.some((each) => each.id === id)) continue
    if (healedMs === null) faults.set(id, { entry, healedMs: nowMs })
    else if (nowMs - healedMs > healedShownMs) faults.delete(id)
  }
  for (const entry of ledger) faults.set(entry.id, { entry, healedMs: null })
}
