// One controller: the real core, fed and obeyed as orchestrator/controller/controller.ts does it.
import type { Effect } from '#orchestrator/core/effects.ts'
import type { Failure, Input, SwapOutcome } from '#orchestrator/core/inputs.ts'
import { Lateness } from '#orchestrator/core/lateness.ts'
import { type Settings, timings } from '#orchestrator/core/settings.ts'
import { initialState, knownEpoch, ownEpoch, type State } from '#orchestrator/core/state.ts'
import { step } from '#orchestrator/core/step.ts'
import type { AgentStatus, FollowReply, PromiseReply } from '#protocol/agent.ts'
import type { History } from '#protocol/epoch.ts'
import type { ControllerBeat } from '#protocol/beat.ts'
import { permitRenewMs, permitValidMs } from '#protocol/permit.ts'
import type { Region } from '#protocol/sites.ts'
import { call } from '../calls.ts'
import type { Chance } from '#runtime/chance.ts'
import type { Clocks } from '../clocks.ts'
import type { Coverage } from '../coverage.ts'
import type { Checker } from '../invariants.ts'
import type { Network } from '../network.ts'
import { Process } from '../process.ts'
import type { Timeline } from '../timeline.ts'
import { type Agent, Refused } from './agent.ts'
import type { App } from './app.ts'
import type { Bridge } from './bridge.ts'
import type { Etcd } from './etcd.ts'
import type { FenceDevice } from './fence-device.ts'
import { lsnNumber } from './wal.ts'

type Heard = Omit<ControllerBeat, 'from' | 'seq' | 'sentNs' | 'mac'>
export type Phase = 'idle' | 'suspecting' | 'holding' | 'steered' | NonNullable<State['move']>['phase']

export interface ControllerPorts {
  readonly settings: Omit<Settings, 'region' | 'incarnation'>
  readonly site: number
  readonly tickMs: number
  readonly network: Network
  readonly timeline: Timeline
  readonly chance: Chance
  readonly clocks: Clocks
  readonly coverage: Coverage
  readonly checker: Checker
  readonly etcd: Etcd
  readonly fence: FenceDevice
  readonly controllers: () => readonly Controller[]
  readonly agents: () => readonly Agent[]
  readonly apps: () => readonly App[]
  readonly bridges: () => readonly Bridge[]
  readonly phaseChanged: (phase: Phase, region: Region) => void
  readonly trace: (site: number, text: string) => void
  readonly answered: (request: string, done: boolean, reason: string) => void
}

const beatMs = 100
const probeMs = 500
const leaseMs = 700
const leaderMs = 1000
const readMs = 1000
const readAgainMs = 200
const etcdTimeoutMs = 1000
const swapTimeoutMs = 1500
const promiseTimeoutMs = 3000
const promoteTimeoutMs = 10_000
const followTimeoutMs = 3000
const reachGraceMs = 500
const fenceTimeoutMs = 1500

export class Controller {
  readonly process: Process
  readonly region: Region
  readonly #ports: ControllerPorts
  #state: State
  #lateness = new Lateness(25)
  #incarnation = 0
  #seq = 0
  #sender = ''
  #phase: Phase = 'idle'
  #heard = new Map<string, number>()
  #leaseId: string | null = null
  #isGranting = false
  #isReading = false
  #isRenewing = false

  constructor(ports: ControllerPorts) {
    this.#ports = ports
    this.region = ports.settings.regions[ports.site] as Region
    this.process = new Process(ports.site, `controller.${this.region}`, ports.timeline, ports.chance)
    this.#state = initialState(this.#settings(), 0)
  }

  #settings(): Settings {
    return { ...this.#ports.settings, region: this.region, incarnation: `${this.region}${this.#incarnation}` }
  }

  #now(): number {
    return this.#ports.clocks.monotonicMs(this.#ports.site, this.process.now)
  }

  get state(): State {
    return this.#state
  }

  get phase(): Phase {
    return this.#phase
  }

  boot(): void {
    const { tickMs } = this.#ports
    this.#incarnation += 1
    this.#state = initialState(this.#settings(), this.#now())
    this.#sender = `controller-${this.#state.settings.incarnation}`
    this.#lateness = new Lateness(tickMs)
    this.#heard = new Map()
    this.#leaseId = null
    this.#isGranting = false
    this.#isReading = false
    this.#isRenewing = false
    this.#phase = 'idle'
    this.process.every(tickMs, () => this.take({ kind: 'tick', lateMs: this.#lateness.tick(this.#now()) }))
    this.process.every(beatMs, () => this.#beat())
    this.process.every(probeMs, () => this.#probe())
    this.process.every(leaseMs, () => this.#renewLease())
    this.process.every(leaderMs, () => this.#askLeader())
    this.process.every(readAgainMs, () => {
      const askedMs = this.#state.record?.askedMs ?? 0
      if (!this.#state.etcdReachable || this.#now() - askedMs > readMs - readAgainMs) this.#read()
    })
  }

  take(input: Input): void {
    const { state, effects } = step(this.#state, input, this.#now())
    const before = this.#state
    this.#state = state
    if (state.move !== before.move || state.hold !== before.hold || state.suspicion !== before.suspicion)
      this.#notePhase()
    for (const effect of effects) this.#perform(effect)
  }

  #notePhase(): void {
    const { move, hold, suspicion } = this.#state
    const phase: Phase =
      move?.phase ??
      (hold === null
        ? suspicion === null
          ? 'idle'
          : 'suspecting'
        : hold.steered && hold.active
          ? 'steered'
          : 'holding')
    if (suspicion !== null) this.#ports.coverage.count('suspicion', suspicion.rule)
    if (phase === this.#phase) return
    this.#phase = phase
    const goal = move === null ? '' : ` (${move.goal.kind})`
    this.#ports.coverage.count('controller phase', `${phase}${goal}`)
    this.#ports.phaseChanged(phase, this.region)
  }

  // ---- beats

  hear(sender: string, seq: number, input: Input): void {
    if (seq <= (this.#heard.get(sender) ?? 0)) return
    this.#heard.set(sender, seq)
    this.take(input)
  }

  #beat(): void {
    const { network, site } = this.#ports
    const beat = this.#content()
    this.#seq += 1
    const seq = this.#seq
    const sender = this.#sender
    for (const other of this.#ports.controllers()) {
      if (other === this) continue
      network.datagram(site, other.process.site, 'control', () =>
        other.process.deliver(() => other.hear(sender, seq, { kind: 'controller-beat', beat })),
      )
    }
  }

  #content(): Heard {
    const state = this.#state
    return {
      region: this.region,
      incarnation: state.settings.incarnation,
      lateMs: Math.round(state.lateMs),
      epoch: knownEpoch(state),
      holdsEpoch: ownEpoch(state) !== null,
      etcdReachable: state.etcdReachable,
      suspects: state.suspicion === null ? [] : [{ region: state.suspicion.region, why: state.suspicion.why }],
      local: state.local,
    }
  }

  #probe(): void {
    const { site } = this.#ports
    const agent = this.#state.agents[this.region]
    const postgres = agent !== undefined && this.#now() - agent.heardMs <= timings.heardMs && agent.status.responsive
    const app = this.#ports.apps()[site]?.process.isAtWork === true
    const kafka = this.#ports.bridges()[site]?.process.isAtWork === true
    this.take({ kind: 'local', probes: { app, redis: true, kafka, postgres } })
  }

  // ---- etcd

  #read(): void {
    if (this.#isReading) return
    this.#isReading = true
    const askedMs = this.#now()
    this.#ports.etcd.read(this.process, etcdTimeoutMs, (reading, reason) => {
      this.#isReading = false
      if (reading === null) this.take({ kind: 'record-unreadable', reason })
      else this.take({ kind: 'record', askedMs, ...reading })
    })
  }

  #askLeader(): void {
    this.#ports.etcd.askLeader(this.process, etcdTimeoutMs, (leader) => this.take({ kind: 'etcd-leader', leader }))
  }

  #renewLease(): void {
    if (this.#isRenewing) return
    const leaseId = this.#leaseId
    if (leaseId === null) return this.#grant(() => undefined)
    this.#isRenewing = true
    const sentMs = this.#now()
    this.#ports.etcd.keepAlive(this.process, leaseId, etcdTimeoutMs, (isAlive) => {
      this.#isRenewing = false
      if (isAlive === false && this.#leaseId === leaseId) this.#leaseId = null
      if (isAlive === true) this.take({ kind: 'lease', sentMs, leaseId })
    })
  }

  #grant(done: () => void): void {
    if (this.#isGranting) return done()
    this.#isGranting = true
    const sentMs = this.#now()
    this.#ports.etcd.grant(this.process, etcdTimeoutMs, (leaseId) => {
      this.#isGranting = false
      if (leaseId !== null) {
        this.#leaseId = leaseId
        this.take({ kind: 'lease', sentMs, leaseId })
      }
      done()
    })
  }

  #claim(effect: Extract<Effect, { kind: 'claim' }>): void {
    const { record, expectRevision } = effect
    const reply = (outcome: SwapOutcome): void => this.take({ kind: 'claim-reply', epoch: record.epoch, outcome })
    const swap = (): void => {
      const leaseId = this.#leaseId
      if (leaseId === null) return reply({ result: 'unknown', reason: 'etcd gave this controller no lease' })
      const change = { expect: expectRevision, record, holder: record.epoch, leaseId }
      this.#ports.etcd.swap(this.process, change, swapTimeoutMs, reply)
    }
    if (this.#leaseId === null) this.#grant(swap)
    else swap()
  }

  #activate(effect: Extract<Effect, { kind: 'activate' }>): void {
    const { record, expectRevision } = effect
    const change = { expect: expectRevision, record, holder: null, leaseId: this.#leaseId ?? '' }
    this.#ports.etcd.swap(this.process, change, swapTimeoutMs, (outcome) =>
      this.take({ kind: 'activate-reply', epoch: record.epoch, outcome }),
    )
  }

  #attachHolder(effect: Extract<Effect, { kind: 'attach-holder' }>): void {
    const leaseId = this.#leaseId
    if (leaseId === null) return
    const change = {
      expect: effect.revision,
      record: null,
      holder: effect.promotion.fence.claim.epoch,
      leaseId,
    }
    this.#ports.etcd.swap(this.process, change, swapTimeoutMs, () => this.#read())
  }

  // ---- effects

  #perform(effect: Effect): void {
    const { coverage, checker, site, trace, etcd } = this.#ports
    coverage.count('effect', effect.kind)
    checker.effect(effect, this.#state.settings.incarnation)
    if (effect.kind === 'promote') this.#notePromotion(effect)
    switch (effect.kind) {
      case 'announce': {
        coverage.count('announcement', effect.event.kind)
        trace(site, `controller ${this.region}: ${effect.event.kind}: ${effect.event.reason}`)
        return
      }
      case 'beat':
        return this.#beat()
      case 'answer':
        return this.#ports.answered(effect.request, effect.reply.done, effect.reply.reason)
      case 'claim':
        return this.#claim(effect)
      case 'activate':
        return this.#activate(effect)
      case 'attach-holder':
        return this.#attachHolder(effect)
      case 'read-record':
        return this.#read()
      case 'release-holder':
        return etcd.removeHolder(this.process, effect.epoch, etcdTimeoutMs)
      case 'move-leader':
        return etcd.moveLeader(this.process, effect.to, 2 * etcdTimeoutMs)
      case 'permit':
        return this.#permit(effect.promotion.fence.claim.epoch, effect.promotion.region)
      case 'write-region':
        return this.#writeRegion(effect.promotion.fence.claim.epoch, effect.promotion.region)
      case 'fence':
      case 'unfence':
        return this.#fence(effect)
      case 'drain':
      case 'undrain':
        return this.#drain(effect)
      case 'prepare':
      case 'await-position':
      case 'promise':
      case 'promote':
      case 'follow':
        return this.#order(effect)
    }
  }

  #notePromotion({ fence }: Extract<Effect, { kind: 'promote' }>): void {
    const { move, settings } = this.#state
    this.#ports.coverage.count('fence way', fence.way)
    if (move === null) return
    const { goal } = move
    const acceptsLoss = settings.acceptDataLoss || (goal.kind === 'failover' && goal.acceptDataLoss)
    const suspectedMs = goal.kind === 'failover' ? goal.suspectedMs : this.#now()
    this.#ports.checker.promoteOrdered(fence.claim.epoch, goal, suspectedMs, acceptsLoss)
  }

  #app(region: Region): App {
    return this.#ports.apps()[this.#ports.settings.regions.indexOf(region)] as App
  }

  /** Valid from here on, whenever it arrives. */
  #permit(epoch: number, region: Region): void {
    const { network, settings } = this.#ports
    const sentNs = String(BigInt(Math.round(this.#now() * 1e6)))
    const permit = { dataSet: settings.dataSet, epoch, region, sentNs, validForMs: permitValidMs }
    const app = this.#app(region)
    call<boolean>({
      network,
      from: this.process,
      to: app.process,
      kind: 'control',
      timeoutMs: permitRenewMs * 2,
      serve: (answer) => answer(app.takePermit(permit)),
      done: () => undefined,
    })
  }

  #writeRegion(epoch: number, region: Region): void {
    const { network, settings } = this.#ports
    const told = { dataSet: settings.dataSet, epoch, region }
    for (const each of settings.regions) {
      const app = this.#app(each)
      call<boolean>({
        network,
        from: this.process,
        to: app.process,
        kind: 'control',
        timeoutMs: 1000,
        serve: (answer) => answer(app.takeWriteRegion(told)),
        done: (isTaken) => {
          if (isTaken === true && each === region) this.take({ kind: 'steered', epoch, region })
        },
      })
      const bridge = this.#ports.bridges()[settings.regions.indexOf(each)] as Bridge
      network.message(this.#ports.site, bridge.process.site, 'control', () =>
        bridge.process.deliver(() => bridge.learnEpoch(epoch)),
      )
    }
  }

  #fence(effect: Extract<Effect, { kind: 'fence' | 'unfence' }>): void {
    const { fence, network } = this.#ports
    if (effect.kind === 'unfence') {
      fence.order(this.process, 'unfence', effect.region, effect.claim.epoch, network, fenceTimeoutMs, () => undefined)
      return
    }
    const { epoch } = effect.claim
    fence.order(this.process, 'fence', effect.region, epoch, network, fenceTimeoutMs, (fenced, reason) =>
      this.take({ kind: 'fence-reply', epoch, fenced, reason }),
    )
  }

  #drain(effect: Extract<Effect, { kind: 'drain' | 'undrain' }>): void {
    const { network, settings } = this.#ports
    const app = this.#app(effect.region)
    const { epoch } = effect.claim
    const route = { network, from: this.process, to: app.process, kind: 'control' as const }
    if (effect.kind === 'undrain') {
      call({ ...route, timeoutMs: 1000, serve: (answer) => answer(app.undrain()), done: () => undefined })
      return
    }
    const request = {
      dataSet: settings.dataSet,
      epoch,
      forwardTo: effect.forwardTo,
      holdMs: timings.drainHoldMs,
    }
    call<{ lsn: string } | { reason: string }>({
      ...route,
      timeoutMs: timings.drainMs,
      serve: (answer) => app.drain(request, answer),
      done: (outcome, reason) => this.take({ kind: 'drain-reply', epoch, outcome: outcome ?? { reason } }),
    })
  }

  /** Calls to an agent, whose answers the core waits for. */
  #order(effect: Extract<Effect, { kind: 'prepare' | 'await-position' | 'promise' | 'promote' | 'follow' }>): void {
    const { epoch } = 'claim' in effect ? effect.claim : effect.fence.claim
    const { region } = effect
    const agent = this.#ports.agents()[this.#ports.settings.regions.indexOf(region)] as Agent
    switch (effect.kind) {
      case 'promise':
        return this.#ask<PromiseReply>(
          agent,
          promiseTimeoutMs,
          (answer) => agent.promise(epoch, answer),
          (outcome) => this.take({ kind: 'promise-reply', epoch, region, outcome }),
        )
      case 'promote':
        return this.#ask<{ history: History }>(
          agent,
          promoteTimeoutMs,
          (answer) => agent.promote(epoch, answer),
          (outcome) => this.take({ kind: 'promote-reply', epoch, region, outcome }),
        )
      case 'prepare':
      case 'follow': {
        const order = { epoch, primary: effect.primary, history: effect.history, ahead: effect.kind === 'prepare' }
        const kind = effect.kind === 'prepare' ? 'prepare-reply' : 'follow-reply'
        return this.#ask<FollowReply>(
          agent,
          followTimeoutMs,
          (answer) => agent.follow(order, answer),
          (outcome) => this.take({ kind, epoch, region, outcome }),
        )
      }
      case 'await-position':
        return call<boolean>({
          network: this.#ports.network,
          from: this.process,
          to: agent.process,
          kind: 'postgres',
          timeoutMs: timings.drainMs + reachGraceMs,
          serve: (answer) => agent.reach(lsnNumber(effect.lsn), timings.drainMs, answer),
          done: (reached) => this.take({ kind: 'positioned', epoch, region, reached: reached === true }),
        })
    }
  }

  #ask<Reply extends object>(
    agent: Agent,
    timeoutMs: number,
    serve: (answer: (reply: Reply | Refused) => void) => void,
    done: (outcome: Reply | Failure) => void,
  ): void {
    call<Reply | Refused>({
      network: this.#ports.network,
      from: this.process,
      to: agent.process,
      kind: 'postgres',
      timeoutMs,
      serve,
      done: (reply, reason) => {
        if (reply === null) done({ promised: null, reason })
        else done(reply instanceof Refused ? { promised: reply.promised, reason: reply.message } : reply)
      },
    })
  }

  /** What an agent sends. */
  hearAgent(sender: string, seq: number, status: AgentStatus): void {
    this.hear(sender, seq, { kind: 'agent-beat', region: status.region, status })
  }
}
