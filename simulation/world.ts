// A simulated world: the real cores in every region, the models around them, and the checker that watches.
import type { Region } from '#protocol/sites.ts'
import { Chance } from '#runtime/chance.ts'
import { Clocks } from './clocks.ts'
import type { Coverage } from './coverage.ts'
import { runStream, type Schedule } from './draw.ts'
import { Checker } from './invariants.ts'
import { Agent } from './models/agent.ts'
import { App } from './models/app.ts'
import { Area } from './models/area.ts'
import { Bridge } from './models/bridge.ts'
import { Controller } from './models/controller.ts'
import { Etcd } from './models/etcd.ts'
import { FenceDevice } from './models/fence-device.ts'
import { Relay } from './models/relay.ts'
import { Network } from './network.ts'
import type { WorldPhase } from './phases.ts'
import { Process } from './process.ts'
import { Timeline } from './timeline.ts'

/** A world on Docker has the first three; the cores are told which there are. */
const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'] as readonly string[] as readonly Region[]
const areaNames = ['na', 'eu', 'ap']
const dataSet = 'orders'
/** Seen by fuzz: a region that returns needs 4 to 13 s for its containers, one after another. */
const shortestStartMs = 800
const longestStartMs = 2600

export interface Watch {
  readonly coverage: Coverage
  /** Null: nobody reads. */
  readonly transcript: ((line: string) => void) | null
}

function latestBeatMs({ faults }: Schedule): number {
  const late = faults.map(({ kind, trouble, amountMs }) =>
    kind === 'bad-link' ? trouble.delayMs + trouble.jitterMs : kind === 'slow-process' ? amountMs : 0,
  )
  return Math.max(0, ...late)
}

export class World {
  readonly timeline = new Timeline()
  readonly regions: readonly Region[]
  readonly chance: Chance
  readonly network: Network
  readonly clocks: Clocks
  readonly checker: Checker
  readonly coverage: Coverage
  readonly etcd: Etcd
  readonly fence: FenceDevice
  readonly members: readonly Process[]
  readonly controllers: readonly Controller[]
  readonly agents: readonly Agent[]
  readonly apps: readonly App[]
  readonly relays: readonly Relay[]
  readonly bridges: readonly Bridge[]
  readonly areas: readonly Area[]
  readonly answers: { readonly request: string; readonly done: boolean; readonly reason: string }[] = []
  #waiting: { readonly phase: WorldPhase; readonly run: () => void }[] = []
  readonly #transcript: Watch['transcript']
  readonly #agentSenders: readonly string[]
  /** What is starting region by region; null: nothing. */
  readonly #returns: (object | null)[]
  #seq = 0

  constructor(schedule: Schedule, watch: Watch) {
    const { timeline } = this
    this.#transcript = watch.transcript
    this.coverage = watch.coverage
    this.regions = names.slice(0, schedule.regionCount)
    this.#returns = this.regions.map(() => null)
    this.#agentSenders = this.regions.map((region) => `agent-${region}`)
    this.chance = new Chance(schedule.seed, runStream)
    this.network = new Network(schedule.regionCount, areaNames.length, timeline, this.chance)
    this.clocks = new Clocks(this.network.siteCount)
    for (const [site, ppm] of schedule.clockPpm.entries()) this.clocks.setRate(site, 1 + ppm / 1e6)
    this.checker = new Checker(schedule.commit, schedule.maxLossMs, latestBeatMs(schedule), () => timeline.now)
    this.members = this.#each((site, region) => new Process(site, `etcd.${region}`, timeline, this.chance))
    const shared = {
      regions: this.regions,
      network: this.network,
      timeline,
      chance: this.chance,
      clocks: this.clocks,
      coverage: this.coverage,
      checker: this.checker,
      dataSet,
      commit: schedule.commit,
      trace: (site: number, text: string) => this.trace(site, text),
      controllers: () => this.controllers,
      agents: () => this.agents,
      apps: () => this.apps,
      bridges: () => this.bridges,
    }
    this.etcd = new Etcd({ ...shared, members: this.members })
    this.fence = new FenceDevice(this.regions)
    this.bridges = this.#each((site) => new Bridge({ ...shared, site }))
    this.agents = this.#each(
      (site) =>
        new Agent({
          ...shared,
          site,
          nodeOf: (region) => this.agents[this.regions.indexOf(region)] as Agent,
          sendBeat: (status) => this.#sendAgentBeat(site, status),
        }),
    )
    this.apps = this.#each(
      (site) =>
        new App({ ...shared, site, agent: this.agents[site] as Agent, ready: (region) => this.#tellAreas(region) }),
    )
    this.relays = this.#each((site, region) => {
      const app = this.apps[site] as App
      return new Relay({
        ...shared,
        region,
        process: app.process,
        agent: this.agents[site] as Agent,
        permittedEpoch: () => (app.isOpen() ? app.permittedEpoch() : null),
      })
    })
    const settings = {
      regions: this.regions,
      dataSet,
      home: this.regions[0] as Region,
      commit: schedule.commit,
      maxLossMs: schedule.maxLossMs,
      acceptDataLoss: schedule.acceptDataLoss,
    }
    this.controllers = this.#each(
      (site) =>
        new Controller({
          ...shared,
          settings,
          site,
          tickMs: schedule.tickMs,
          etcd: this.etcd,
          fence: this.fence,
          phaseChanged: () => this.#phaseChanged(),
          answered: (request, done, reason) => this.answers.push({ request, done, reason }),
        }),
    )
    this.areas = areaNames.map(
      (name, at) => new Area({ ...shared, name, site: schedule.regionCount + at, writeEveryMs: schedule.writeEveryMs }),
    )
  }

  #each<Value>(make: (site: number, region: Region) => Value): readonly Value[] {
    return this.regions.map((region, site) => make(site, region))
  }

  boot(): void {
    for (const site of this.regions.keys()) {
      this.agents[site]?.boot()
      this.controllers[site]?.boot()
      this.bridges[site]?.boot()
      this.apps[site]?.boot()
      this.relays[site]?.boot()
    }
    for (const area of this.areas) area.boot()
  }

  get now(): number {
    return this.timeline.now
  }

  trace(site: number, text: string): void {
    if (this.#transcript === null) return
    this.#transcript(`${String(this.timeline.now).padStart(7)}  ${this.regions[site] ?? '-'}  ${text}`)
  }

  get isTraced(): boolean {
    return this.#transcript !== null
  }

  // ---- starting and ending processes

  processesOf(site: number): readonly Process[] {
    const parts = [this.members, this.controllers, this.agents, this.bridges, this.apps] as const
    return parts.flatMap((part) => {
      const each = part[site]
      return each === undefined ? [] : [each instanceof Process ? each : each.process]
    })
  }

  #restart({ process, boot }: { readonly process: Process; readonly boot: () => void }): void {
    process.kill()
    process.start()
    boot()
  }

  startController(site: number): void {
    const each = this.controllers[site] as Controller
    this.#restart({ process: each.process, boot: () => each.boot() })
  }

  startAgent(site: number): void {
    const each = this.agents[site] as Agent
    if (each.process.isUp) each.kill()
    this.#restart({ process: each.process, boot: () => each.boot() })
  }

  startApp(site: number): void {
    const each = this.apps[site] as App
    this.#restart({
      process: each.process,
      boot: () => {
        each.boot()
        this.relays[site]?.boot()
      },
    })
  }

  startBridge(site: number): void {
    const each = this.bridges[site] as Bridge
    this.#restart({ process: each.process, boot: () => each.boot() })
  }

  startEtcd(site: number): void {
    this.#restart({ process: this.members[site] as Process, boot: () => undefined })
  }

  /** How each process of the region ends; what was to be started there stays down. */
  killsOf(site: number): readonly (() => void)[] {
    this.#returns[site] = null
    const agent = this.agents[site] as Agent
    const others = this.processesOf(site).filter((each) => each !== agent.process)
    return [() => agent.kill(), ...others.map((each) => () => each.kill())]
  }

  /** One after another, each when the one before it listens. */
  startRegion(site: number): void {
    const returning = {}
    this.#returns[site] = returning
    const starts = [
      () => this.startEtcd(site),
      () => this.startBridge(site),
      () => this.startAgent(site),
      () => this.startController(site),
      () => this.startApp(site),
    ]
    let inMs = 0
    for (const [at, start] of starts.entries()) {
      inMs += this.chance.between(shortestStartMs, longestStartMs)
      this.timeline.at(inMs, () => {
        if (this.#returns[site] !== returning) return
        start()
        if (at === starts.length - 1) this.#returns[site] = null
      })
    }
  }

  isReturning(site: number): boolean {
    return this.#returns[site] !== null
  }

  // ---- between the parts

  #sendAgentBeat(site: number, status: Parameters<Controller['hearAgent']>[2]): void {
    this.#seq += 1
    const seq = this.#seq
    const sender = this.#agentSenders[site] as string
    for (const controller of this.controllers)
      this.network.datagram(site, controller.process.site, 'postgres', () =>
        controller.process.deliver(() => controller.hearAgent(sender, seq, status)),
      )
  }

  #tellAreas(region: Region): void {
    const site = this.regions.indexOf(region)
    for (const area of this.areas)
      this.network.message(site, area.process.site, 'app', () => area.process.deliver(() => area.hear(region)), 1000)
  }

  // ---- phases

  phase(): WorldPhase {
    const moving = this.controllers.map((each) => (each.process.isUp ? each.state.move?.phase : undefined))
    for (const phase of ['claiming', 'preparing', 'draining', 'fencing', 'promoting'] as const)
      if (moving.includes(phase)) return phase
    const live = this.controllers.filter((each) => each.process.isUp)
    if (live.some((each) => each.phase === 'holding')) return 'holding'
    if (live.some((each) => each.phase === 'suspecting')) return 'suspecting'
    if (this.agents.some((each) => each.isRebuilding)) return 'rebuilding'
    return live.some((each) => each.phase === 'steered') ? 'steady' : 'leaderless'
  }

  /** Runs once the control plane enters the phase. */
  when(phase: WorldPhase, run: () => void): void {
    if (this.phase() === phase) this.timeline.at(0, run)
    else this.#waiting.push({ phase, run })
  }

  #phaseChanged(): void {
    if (this.#waiting.length === 0) return
    const phase = this.phase()
    const due = this.#waiting.filter((each) => each.phase === phase)
    this.#waiting = this.#waiting.filter((each) => each.phase !== phase)
    for (const each of due) this.timeline.at(0, each.run)
  }

  /** What still waits for a phase waits no longer. */
  runWaiting(): void {
    const due = this.#waiting
    this.#waiting = []
    for (const each of due) this.timeline.at(0, each.run)
  }
}
