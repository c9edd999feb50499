// One controller process: feeds what it hears into the core, step by step, and starts the effects at once, in their order.
import type { Registry } from 'prom-client'
import type { Beat } from '#protocol/beat.ts'
import type { ControllerStatus, MoveReply } from '#protocol/controller.ts'
import { type Region, regions } from '#protocol/sites.ts'
import { monotonicMs } from '#runtime/clock.ts'
import type { Log } from '#runtime/log.ts'
import { messageOf } from '#runtime/message-of.ts'
import type { Effect } from '../core/effects.ts'
import type { Input } from '../core/inputs.ts'
import { type Settings, timings } from '../core/settings.ts'
import { initialState, knownEpoch, ownEpoch, type State } from '../core/state.ts'
import { step } from '../core/step.ts'
import type { Beats } from '../health/beats.ts'
import { Lateness } from '../core/lateness.ts'
import type { LocalProbes } from '../health/probes.ts'
import type { Calls } from '../promotion/calls.ts'
import type { EpochStore } from '../promotion/epoch-store.ts'
import type { Publisher } from '../steering/publish.ts'
import type { Events } from './events.ts'
import { ControllerMetrics } from './metrics.ts'

const tickMs = 25
const beatMs = 100
const probeMs = 500
const leaseMs = 700
/** Of the two sets of connections in turn. */
const warmMs = 2000
const readMs = 1000
/** While etcd can't be read it is asked more often: its answer is what service waits for. */
const readAgainMs = 200

export interface Ports {
  readonly beats: Pick<Beats, 'send'>
  readonly calls: Pick<Calls, keyof Calls>
  readonly store: Pick<EpochStore, keyof EpochStore>
  readonly publisher: Pick<Publisher, keyof Publisher>
  readonly probes: LocalProbes
  readonly events: Events
  readonly log: Log
}

export class Controller {
  readonly #settings: Settings
  readonly #ports: Ports
  readonly #lateness = new Lateness(tickMs)
  readonly #metrics = new ControllerMetrics(() => ({
    status: this.status(),
    epochHeld: ownEpoch(this.#state),
    lateMs: this.#state.lateMs,
  }))
  readonly #requests = new Map<string, (reply: MoveReply) => void>()
  readonly #ended = new AbortController()
  #state: State
  #requestCount = 0

  constructor(settings: Settings, ports: Ports) {
    this.#settings = settings
    this.#ports = ports
    this.#state = initialState(settings, monotonicMs())
  }

  start(): void {
    this.#every(tickMs, () => this.#take({ kind: 'tick', lateMs: this.#lateness.tick(monotonicMs()) }))
    this.#every(beatMs, () => this.#beat())
    this.#loop(probeMs, async () => this.#probe())
    this.#loop(warmMs, async () => this.#ports.calls.warm())
    this.#loop(leaseMs, async () => this.#renewLease())
    this.#loop(readMs, async () => this.#leader())
    this.#loop(readAgainMs, async () => {
      if (!this.#state.etcdReachable || monotonicMs() - (this.#state.record?.askedMs ?? 0) > readMs - readAgainMs)
        await this.#read()
    })
  }

  stop(): void {
    this.#ended.abort()
    this.#ports.probes.close()
  }

  get metrics(): Registry {
    return this.#metrics.registry
  }

  heard(beat: Beat): void {
    this.#metrics.heard(beat, monotonicMs())
    if (beat.from === 'agent') this.#take({ kind: 'agent-beat', region: beat.region, status: beat.status })
    else this.#take({ kind: 'controller-beat', beat })
  }

  /** The primary's app knows that it is the write region. */
  steered(epoch: number, region: Region): void {
    this.#take({ kind: 'steered', epoch, region })
  }

  /**
   * Decided on what etcd says then: the record of a controller that stood still is an old one.
   * Resolves with the outcome of the move, or after `withinMs` with `done: false`.
   */
  async order(
    command: { kind: 'switchover'; to: Region } | { kind: 'failover'; to: Region | null; acceptDataLoss: boolean },
    withinMs: number,
  ): Promise<MoveReply> {
    this.#requestCount += 1
    const request = `${this.#settings.incarnation}-${this.#requestCount}`
    return new Promise<MoveReply>((resolve) => {
      const timer = setTimeout(() => {
        this.#requests.delete(request)
        const record = this.#state.record?.record
        const reason = `the move was not done within ${withinMs} ms and may still be under way; see GET /events`
        resolve({ done: false, epoch: record?.epoch ?? 0, primary: record?.primary ?? null, reason })
      }, withinMs)
      this.#requests.set(request, (reply) => {
        clearTimeout(timer)
        this.#requests.delete(request)
        resolve(reply)
      })
      this.#quietly(this.#read().then(() => this.#take({ ...command, request })))
    })
  }

  status(): ControllerStatus {
    const state = this.#state
    const now = monotonicMs()
    return {
      region: this.#settings.region,
      incarnation: this.#settings.incarnation,
      epoch: state.record?.record ?? null,
      holdsEpoch: ownEpoch(state) !== null,
      etcd: { reachable: state.etcdReachable, leader: state.etcdLeader },
      suspects: this.#suspects(),
      agents: regions.map((region) => {
        const view = state.agents[region]
        return {
          region,
          heardMsAgo: view === undefined ? null : Math.round(now - view.heardMs),
          status: view?.status ?? null,
        }
      }),
      busy: state.move?.goal.kind ?? null,
    }
  }

  #suspects(): { region: Region; why: string }[] {
    const { suspicion } = this.#state
    return suspicion === null ? [] : [{ region: suspicion.region, why: suspicion.why }]
  }

  #take(input: Input): void {
    const { state, effects } = step(this.#state, input, monotonicMs())
    this.#state = state
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: Effect): void {
    const { calls, store, publisher, events } = this.#ports
    switch (effect.kind) {
      case 'announce':
        this.#metrics.announced(effect.event, monotonicMs())
        return events.add(effect.event)
      case 'beat':
        return this.#beat()
      case 'answer':
        return this.#requests.get(effect.request)?.(effect.reply)
      case 'claim':
        this.#metrics.attempted(this.#state.move?.goal.kind ?? 'failover')
        return this.#reply(store.claim(effect.record, effect.expectRevision), (outcome) => ({
          kind: 'claim-reply',
          epoch: effect.record.epoch,
          outcome,
        }))
      case 'read-record':
        return this.#quietly(this.#read())
      case 'activate':
        return this.#reply(store.activate(effect.record, effect.expectRevision), (outcome) => ({
          kind: 'activate-reply',
          epoch: effect.record.epoch,
          outcome,
        }))
      case 'attach-holder': {
        const { epoch } = effect.promotion.fence.claim
        return this.#quietly(store.attachHolder(epoch, this.#settings.region, effect.revision).then(() => this.#read()))
      }
      case 'release-holder':
        return this.#quietly(store.releaseHolder(effect.epoch))
      case 'move-leader':
        return this.#quietly(store.moveLeader(effect.from, effect.to).then(() => this.#leader()))
      case 'permit':
        this.#metrics.permitSent()
        return publisher.permit(effect.promotion.fence.claim.epoch, effect.promotion.region)
      case 'write-region':
        return publisher.writeRegion(effect.promotion.fence.claim.epoch, effect.promotion.region)
      case 'unfence':
        return this.#quietly(calls.fence('/unfence', effect.region, effect.claim.epoch))
      case 'prepare':
      case 'drain':
      case 'undrain':
      case 'await-position':
      case 'promise':
      case 'fence':
      case 'promote':
      case 'follow':
        return this.#performMove(effect)
    }
  }

  /** The steps of a move: calls whose answers the core waits for. */
  #performMove(
    effect: Extract<
      Effect,
      { kind: 'prepare' | 'drain' | 'undrain' | 'await-position' | 'promise' | 'fence' | 'promote' | 'follow' }
    >,
  ): void {
    const { calls } = this.#ports
    const { epoch } = 'claim' in effect ? effect.claim : effect.fence.claim
    const { region } = effect
    switch (effect.kind) {
      case 'prepare':
        return this.#reply(calls.attachAhead(region, epoch, effect.primary, effect.history), (outcome) => ({
          kind: 'prepare-reply',
          epoch,
          region,
          outcome,
        }))
      case 'drain':
        return this.#reply(calls.drain(region, epoch, effect.forwardTo), (outcome) => ({
          kind: 'drain-reply',
          epoch,
          outcome,
        }))
      case 'undrain':
        return this.#quietly(calls.undrain(region))
      case 'await-position':
        return this.#reply(calls.reach(region, effect.lsn, timings.drainMs), (reached) => ({
          kind: 'positioned',
          epoch,
          region,
          reached,
        }))
      case 'promise':
        return this.#reply(calls.promise(region, epoch), (outcome) => ({
          kind: 'promise-reply',
          epoch,
          region,
          outcome,
        }))
      case 'fence':
        return this.#reply(calls.fence('/fence', region, epoch), ({ fenced, reason }) => ({
          kind: 'fence-reply',
          epoch,
          fenced,
          reason,
        }))
      case 'promote':
        return this.#reply(calls.promote(region, epoch), (outcome) => ({
          kind: 'promote-reply',
          epoch,
          region,
          outcome,
        }))
      case 'follow':
        return this.#reply(calls.follow(region, epoch, effect.primary, effect.history), (outcome) => ({
          kind: 'follow-reply',
          epoch,
          region,
          outcome,
        }))
    }
  }

  #reply<Outcome>(answer: Promise<Outcome>, input: (outcome: Outcome) => Input): void {
    this.#quietly(answer.then((outcome) => this.#take(input(outcome))))
  }

  #quietly(work: Promise<unknown>): void {
    work.catch((error: unknown) =>
      this.#ports.log.debug({ reason: String(error) }, 'an effect failed; its rounds repeat it'),
    )
  }

  #beat(): void {
    const state = this.#state
    this.#ports.beats.send({
      region: this.#settings.region,
      incarnation: this.#settings.incarnation,
      lateMs: Math.round(state.lateMs),
      epoch: knownEpoch(state),
      holdsEpoch: ownEpoch(state) !== null,
      etcdReachable: state.etcdReachable,
      suspects: this.#suspects(),
      local: state.local,
    })
  }

  async #probe(): Promise<void> {
    const found = await this.#ports.probes.ask()
    const agent = this.#state.agents[this.#settings.region]
    const postgres = agent !== undefined && monotonicMs() - agent.heardMs <= timings.heardMs && agent.status.responsive
    this.#take({ kind: 'local', probes: { ...found, postgres } })
  }

  async #renewLease(): Promise<void> {
    const renewed = await this.#ports.store.renewLease()
    if (renewed !== null) this.#take({ kind: 'lease', ...renewed })
  }

  async #read(): Promise<void> {
    try {
      this.#take({ kind: 'record', ...(await this.#ports.store.read()) })
    } catch (error) {
      this.#take({ kind: 'record-unreadable', reason: messageOf(error) })
    }
  }

  async #leader(): Promise<void> {
    this.#take({ kind: 'etcd-leader', leader: await this.#ports.store.leader() })
  }

  #every(periodMs: number, work: () => void): void {
    const timer = setInterval(work, periodMs)
    this.#ended.signal.addEventListener('abort', () => clearInterval(timer))
  }

  /** One run at a time, begun at once and then each `periodMs`; a failed one is only logged. */
  #loop(periodMs: number, work: () => Promise<void>): void {
    let running = false
    const run = (): void => {
      if (running) return
      running = true
      this.#quietly(work().finally(() => (running = false)))
    }
    run()
    this.#every(periodMs, run)
  }
}
