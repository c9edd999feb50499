// Runs one schedule: start, load and faults, a survivable rest, everything healed, home again, as fresh.
import { majorityOf } from '#orchestrator/core/settings.ts'
import { Coverage, type Counts } from './coverage.ts'
import type { Schedule } from './draw.ts'
import { aimed } from './faults/aim.ts'
import { inject, loseRegion, order, type Heal } from './faults/inject.ts'
import type { Fault } from './faults/kinds.ts'
import type { Agent } from './models/agent.ts'
import { missingEvents } from './models/kafka.ts'
import { type Invariant, Violation } from './violation.ts'
import { World } from './world.ts'

export interface Outcome {
  readonly violation: { readonly invariant: Invariant; readonly atMs: number; readonly what: string } | null
  readonly simulatedMs: number
  readonly faults: number
  readonly acks: number
  readonly counts: Counts
}

/** The stated bounds, ms of simulated time. */
export const bounds = Object.freeze({
  firstEpoch: 20_000,
  /** From the last change on, while a majority of regions is whole and connected. */
  comesBack: 30_000,
  /** From the last heal on: every replica whole again and streaming. */
  whole: 60_000,
  failback: 40_000,
  settle: 15_000,
})
const shortestMs = 60_000
/** How often it is looked whether what is waited for has come. */
const lookEveryMs = 20
/** Into the chaos: a fault that still waits for its phase then comes without it. */
const latestShare = 0.85
/** Long enough for a failover from what is lost, and for the fence device to have done what it was asked. */
const crashAfterMs = 8000

export function runSchedule(schedule: Schedule, transcript: ((line: string) => void) | null = null): Outcome {
  const coverage = new Coverage()
  const world = new World(schedule, { coverage, transcript })
  const run = new Run(world, schedule)
  let violation: Outcome['violation'] = null
  try {
    run.all()
    if (world.checker.violation !== null) throw world.checker.violation
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    const { invariant, atMs, message } = error
    world.trace(-1, `VIOLATION of ${invariant}: ${message}`)
    violation = { invariant, atMs, what: message }
  }
  return {
    violation,
    simulatedMs: world.now,
    faults: run.injected,
    acks: world.checker.acks.length,
    counts: coverage.counts,
  }
}

class Run {
  readonly #world: World
  readonly #schedule: Schedule
  #heals: Heal[] = []
  #isChaos = true
  #struck: number | null = null
  injected = 0

  constructor(world: World, schedule: Schedule) {
    this.#world = world
    this.#schedule = schedule
  }

  all(): void {
    const world = this.#world
    world.boot()
    this.#until('comes-back', bounds.firstEpoch, 'a first epoch', () => world.etcd.record?.state === 'active')
    const startMs = world.now
    const { faults, chaosMs } = this.#schedule
    for (const fault of faults) world.timeline.at(fault.begin.atMs, () => this.#await(fault))
    world.timeline.at(chaosMs * latestShare, () => world.runWaiting())
    world.timeline.run(startMs + chaosMs)
    this.#isChaos = false
    this.#healAll()
    this.#rest()
    this.#comeHome()
    if (world.now < shortestMs) world.timeline.run(shortestMs)
    this.#finish()
  }

  #await(fault: Fault): void {
    const { phase, delayMs } = fault.begin
    const begin = (): void => this.#world.timeline.at(delayMs, () => this.#inject(fault))
    if (phase === null) begin()
    else this.#world.when(phase, begin)
  }

  #inject(drawn: Fault): void {
    if (!this.#isChaos) return
    const world = this.#world
    const fault = aimed(world, drawn, this.#struck)
    if (fault.aim === 'primary') this.#struck = fault.site
    this.injected += 1
    world.coverage.count('fault', fault.kind)
    world.coverage.count('fault in phase', `${fault.kind} while ${world.phase()}`)
    world.trace(fault.site, `FAULT ${fault.kind} for ${fault.forMs} ms${world.isTraced ? ` ${describe(fault)}` : ''}`)
    const heal = inject(world, fault)
    this.#heals.push(heal)
    world.timeline.at(fault.forMs, () => this.#heal(heal, fault))
  }

  #heal(heal: Heal, fault: Fault): void {
    if (!this.#heals.includes(heal)) return
    this.#heals = this.#heals.filter((each) => each !== heal)
    this.#world.trace(fault.site, `HEALED ${fault.kind}`)
    heal()
  }

  #healAll(): void {
    const heals = this.#heals
    this.#heals = []
    this.#world.trace(-1, 'ALL HEALED')
    for (const heal of heals) heal()
    this.#world.fence.broken = null
    this.#world.etcd.losesAnswers = 0
    // A process may have been killed by one fault and its restart have belonged to another.
    for (const site of this.#world.regions.keys()) this.#revive(site)
  }

  #revive(site: number): void {
    const world = this.#world
    for (const process of world.processesOf(site)) process.thaw()
    if (world.isReturning(site)) return
    if (world.controllers[site]?.process.isUp !== true) world.startController(site)
    if (world.agents[site]?.process.isUp !== true) world.startAgent(site)
    if (world.apps[site]?.process.isUp !== true) world.startApp(site)
    if (world.bridges[site]?.process.isUp !== true) world.startBridge(site)
    if (world.members[site]?.isUp !== true) world.startEtcd(site)
  }

  #until(invariant: Invariant, withinMs: number, what: string, condition: () => boolean): void {
    const { timeline } = this.#world
    let lookMs = timeline.now
    timeline.run(timeline.now + withinMs, () => {
      if (timeline.now < lookMs) return false
      lookMs = timeline.now + lookEveryMs
      return condition()
    })
    if (!condition())
      throw new Violation(invariant, timeline.now, `expected ${what} within ${withinMs} ms, saw ${this.#state()}`)
  }

  #state(): string {
    const { etcd, controllers, agents } = this.#world
    const record = etcd.record
    const held = controllers.map((each) => `${each.region} ${each.phase}`).join(', ')
    const nodes = agents.map((each) => {
      const { state, promised, streaming, following, whole } = each.status()
      return `${each.region} ${state} ${promised}${streaming ? ` streaming from ${following}` : ''}${whole ? '' : ' half-made'}`
    })
    const ahead = agents.filter((each) => !each.isWhole).map((each) => each.region)
    const draining = this.#world.apps.filter((each) => each.isDraining).map((each) => each.region)
    const ends = agents.map((each) => each.postgres.flushedLsn).join(' ')
    const rest = `; WAL to ${ends}; not whole: ${ahead.join(', ')}; draining: ${draining.join(', ')}; fenced: ${this.#world.fence.fenced.join(', ')}`
    return `epoch ${record?.epoch} ${record?.state} primary ${record?.primary}; controllers: ${held}; nodes: ${nodes.join(', ')}${rest}`
  }

  /** A minority stays lost: writes come back without it. */
  #rest(): void {
    const world = this.#world
    const { rest, restCrash, commit } = this.#schedule
    // Those that were just mended must be whole before others may go: else what is left is no majority of whole nodes.
    if (commit === 'async') this.#acceptLossAgain()
    if (rest.length > 0 || restCrash) this.#whole()
    const heals = rest.map((site) => loseRegion(world, site))
    if (rest.length > 0) world.trace(-1, `REST: ${rest.map((site) => world.regions[site]).join(', ')} lost`)
    if (restCrash) this.#crashPrimary()
    const sinceMs = world.now
    const alive = world.regions.length - rest.length
    if (alive >= majorityOf(world.regions.length)) {
      this.#until('comes-back', bounds.comesBack, 'an acked write', () =>
        world.checker.acks.slice(-20).some((ack) => ack.sentMs > sinceMs),
      )
    }
    for (const heal of heals) heal()
  }

  /** A crash of Postgres costs no node: the minority that is lost stays one, if the others are whole by then. */
  #crashPrimary(): void {
    const { agents, timeline } = this.#world
    const able = (): readonly Agent[] =>
      agents.filter(
        (each) => each.process.isAtWork && each.isWhole && (each.isStreaming || each.status().epochCommitted),
      )
    const isSurvivable = (): boolean =>
      able().length >= majorityOf(agents.length) && able().some((each) => each.isPrimary)
    timeline.run(this.#world.now + crashAfterMs)
    timeline.run(this.#world.now + bounds.comesBack, isSurvivable)
    if (isSurvivable())
      able()
        .find((each) => each.isPrimary)
        ?.crashPostgres()
  }

  /** What an operator does before a gate that refuses. */
  #acceptLossAgain(): void {
    const world = this.#world
    const ask = (): void => {
      const fencing = world.controllers.find((each) => each.process.isAtWork && each.state.move?.phase === 'fencing')
      const isRefused = fencing?.state.move?.phase === 'fencing' && fencing.state.move.refused
      if (fencing !== undefined && isRefused)
        order(world, fencing.process.site, { kind: 'failover', to: null, acceptDataLoss: true })
      world.timeline.at(1000, ask)
    }
    world.timeline.at(1000, ask)
  }

  #isWhole(): boolean {
    const { etcd, agents, controllers, fence, apps } = this.#world
    const record = etcd.record
    if (record?.state !== 'active' || record.primary === null) return false
    if (controllers.some((each) => each.state.move !== null)) return false
    const held = controllers.filter(
      (each) => each.phase === 'steered' && each.state.hold?.promotion.fence.claim.epoch === record.epoch,
    )
    if (held.length !== 1 || fence.fenced.length > 0 || apps.some((each) => each.isDraining)) return false
    return agents.every((each) => {
      const status = each.status()
      if (!each.isWhole || status.promised !== record.epoch) return false
      return each.region === record.primary
        ? each.isPrimary && status.epochCommitted
        : status.following === record.primary
    })
  }

  #whole(): void {
    this.#until('as-fresh', bounds.whole, 'a whole world', () => this.#isWhole())
  }

  #comeHome(): void {
    const world = this.#world
    const home = world.regions[0]
    const startMs = world.now
    for (;;) {
      this.#whole()
      if (world.etcd.record?.primary === home) return
      if (world.now - startMs > bounds.whole + bounds.failback)
        throw new Violation('as-fresh', world.now, `expected the role to be back in ${home}, saw ${this.#state()}`)
      order(world, 0, { kind: 'switchover', to: 0 })
      const before = world.etcd.record?.epoch
      world.timeline.run(world.now + 8000, () => world.etcd.record?.epoch !== before && this.#isWhole())
    }
  }

  /** Clients rest, and everything must be alike everywhere. */
  #finish(): void {
    const world = this.#world
    for (const area of world.areas) area.isWriting = false
    this.#until('as-fresh', bounds.settle, 'no write under way and the same WAL everywhere', () => this.#isSettled())
    const primary = world.agents.find((each) => each.isPrimary)
    const rows = primary?.postgres.rows
    for (const ack of world.checker.acks)
      if (rows?.has(ack.key) !== true && !world.checker.lost.has(ack.key))
        throw new Violation(
          'no-loss',
          world.now,
          `order ${ack.key}, acked at ${ack.ackedMs} under epoch ${ack.epoch}, is gone`,
        )
    const keys = [...(rows?.keys() ?? [])]
    const kafkas = world.bridges.map(({ kafka }) => kafka)
    this.#until('events', bounds.settle, 'every event in every Kafka', () => missingEvents(kafkas, keys).length === 0)
  }

  #isSettled(): boolean {
    const { agents } = this.#world
    const ends = agents.map((each) => each.postgres.flushedLsn)
    return this.#isWhole() && ends.every((end) => end === ends[0])
  }
}

function describe({ begin, other, group, linkClass, trouble, amountMs, variant }: Fault): string {
  return JSON.stringify({ phase: begin.phase, other, group, linkClass, trouble, amountMs, variant })
}
