// oxlint-disable max-lines -- it goes step by step with orchestrator/agent/node.ts; what both could share belongs into the core
// A node: the agent and its Postgres, in one container. The decisions are the real ones; what the agent does with them goes step by
// step as in orchestrator/agent/node.ts, with time passing wherever that one waits.
import {
  canonicalLsn,
  decideFollow,
  decidePromise,
  decidePromote,
  followerName,
  followerRegion,
  needsCopy,
  quorumStandbys,
  rebuildSteps,
  resolveAhead,
  rewoundFarEnough,
  settleAhead,
  standing,
  strayingSince,
  type Duty,
  type FollowOrder,
  type Kept,
  type NodeView,
  type RebuildStep,
} from '#orchestrator/core/agent/decisions.ts'
import { effectiveHistory, positionAt } from '#orchestrator/core/agent/history.ts'
import type { AgentStatus, FollowReply, PromiseReply } from '#protocol/agent.ts'
import type { History } from '#protocol/epoch.ts'
import type { Region } from '#protocol/sites.ts'
import type { CommitMode } from '#protocol/topology.ts'
import type { Chance } from '#runtime/chance.ts'
import type { Coverage } from '../coverage.ts'
import type { Checker } from '../invariants.ts'
import type { Network } from '../network.ts'
import { Process } from '../process.ts'
import { runSteps, StepLock, Stop, type Steps } from '../steps.ts'
import type { Timeline } from '../timeline.ts'
import { Violation } from '../violation.ts'
import { Disk } from './disk.ts'
import { Postgres } from './postgres.ts'
import { lsnText, type WalRecord } from './wal.ts'

/** An order that is refused, with the promise that stands. */
export class Refused extends Error {
  readonly promised: number

  constructor(promised: number, reason: string) {
    super(reason)
    this.promised = promised
  }
}

export interface AgentPorts {
  readonly regions: readonly Region[]
  readonly site: number
  readonly commit: CommitMode
  readonly network: Network
  readonly timeline: Timeline
  readonly chance: Chance
  readonly coverage: Coverage
  readonly checker: Checker
  readonly trace: (site: number, text: string) => void
  readonly nodeOf: (region: Region) => Agent
  readonly sendBeat: (status: AgentStatus) => void
}

const beatMs = 100
const cutTimeoutMs = 1000
const positionTimeoutMs = 2000
const promotionTimeoutMs = 10_000
const historyEntries = 4

interface FirstCommit {
  readonly epoch: number
  isCommitted: boolean
  readonly listeners: ((result: { history: History } | Error) => void)[]
  result: { history: History } | Error | null
}

export class Agent {
  readonly process: Process
  readonly postgres: Postgres
  readonly disk = new Disk()
  readonly region: Region
  readonly #ports: AgentPorts
  #lock: StepLock
  #kept: Kept = { promised: 0, history: [], begun: 0, half: null, ahead: null }
  #savingUntilMs = 0
  #duty: Duty = { kind: 'none' }
  #end: { lsn: string | null; isFailed: boolean } | null = null
  #endLsn: string | null = null
  #background = new Stop()
  #rebuild: 'rewind' | 'basebackup' | null = null
  /** Of what a broken-off copy has left, its source has the original; what the node itself had was exported before that one. */
  #hasOwnData = true
  #first: FirstCommit | null = null
  #isPromoting = false
  #isStarting = false
  #strayingSinceMs: number | null = null
  #incarnation = 0
  #isBeatDue = false
  #status: AgentStatus | null = null
  hasCrashed = false
  /** What a rebuild has put into files before it threw anything away. */
  readonly exported = new Set<WalRecord>()

  constructor(ports: AgentPorts) {
    this.#ports = ports
    this.region = ports.regions[ports.site] as Region
    this.process = new Process(ports.site, `postgres.${this.region}`, ports.timeline, ports.chance)
    this.#lock = new StepLock(this.process)
    this.postgres = new Postgres({
      site: ports.site,
      process: this.process,
      network: ports.network,
      chance: ports.chance,
      appended: (_, name) => ports.checker.appended(this.region, name),
      flushed: () => (this.#status = null),
      changed: () => this.#changed(),
    })
  }

  // ---- the container

  boot(): void {
    this.#incarnation += 1
    this.#kept = this.disk.load()
    this.#duty = { kind: 'none' }
    this.#lock = new StepLock(this.process)
    this.#background = new Stop()
    this.hasCrashed = false
    this.#end = null
    this.#endLsn = null
    this.#rebuild = null
    this.#first = null
    this.#isPromoting = false
    this.#isStarting = false
    this.#savingUntilMs = 0
    this.#status = null
    this.#lock.run(
      () => this.#boot(),
      () => undefined,
      () => undefined,
    )
    this.process.every(beatMs, () => this.#beat())
  }

  *#boot(): Steps<void> {
    yield this.#ports.chance.between(50, 400)
    if (this.#kept.half === null) yield* this.#makeBare()
  }

  kill(): void {
    this.postgres.stop(true)
    this.process.kill()
    this.#lock.forget()
  }

  /** The postmaster alone ends; the agent notices at once. */
  crashPostgres(): void {
    if (!this.process.isUp || !this.postgres.isUp) return
    this.postgres.stop(true)
    this.hasCrashed = true
    if (this.#rebuild === null) {
      this.#duty = { kind: 'none' }
      this.#settleFirst(new Error('Postgres ended'))
      this.#first = null
      this.#end = null
      this.#endLsn = null
      this.#background.abort(new Error('Postgres ended'))
      this.#background = new Stop()
    }
    this.#changed()
  }

  // ---- what it tells

  view(): NodeView {
    return { region: this.region, kept: this.#kept, duty: this.#duty, endLsn: this.#endLsn }
  }

  get isWhole(): boolean {
    return this.#kept.half === null
  }

  get isRebuilding(): boolean {
    return this.#rebuild !== null
  }

  get isPrimary(): boolean {
    return this.postgres.isUp && this.postgres.role === 'primary' && this.#duty.kind === 'primary'
  }

  get isStreaming(): boolean {
    return this.#duty.kind === 'follower' && this.postgres.isUp && this.postgres.isStreaming
  }

  #state(): AgentStatus['state'] {
    if (this.#isPromoting) return 'promoting'
    if (this.#rebuild !== null && this.#kept.half !== null) return 'rewinding'
    if (this.#isStarting) return 'starting'
    if (!this.postgres.isUp) return this.hasCrashed ? 'crashed' : 'stopped'
    return this.#duty.kind === 'primary' ? 'primary' : 'standby'
  }

  status(): AgentStatus {
    this.#status ??= this.#describe()
    return this.#status
  }

  #describe(): AgentStatus {
    const { postgres } = this
    const kept = this.#kept
    const duty = this.#duty
    const seen = postgres.isUp
      ? lsnText(postgres.role === 'primary' ? postgres.flushedLsn : postgres.replayedLsn)
      : null
    const lsn = this.#endLsn ?? seen
    const position = lsn === null || kept.half !== null ? null : positionAt(kept.history, lsn)
    const streaming = duty.kind === 'follower' && postgres.isUp && postgres.isStreaming
    const followers =
      duty.kind !== 'primary'
        ? []
        : postgres.followers().flatMap(({ name, flushLsn }) => {
            const region = followerRegion(this.#ports.regions, name, duty.epoch)
            return region === null ? [] : [{ region, flushLsn: lsnText(flushLsn) }]
          })
    const history = position === null ? kept.history : effectiveHistory(kept.history, position.lsn)
    return {
      region: this.region,
      incarnation: `${this.region}-agent-${this.#incarnation}`,
      state: this.#state(),
      promised: kept.promised,
      whole: kept.half === null,
      position,
      history: history.slice(-historyEntries),
      following: streaming ? duty.primary : null,
      streaming,
      epochCommitted: duty.kind === 'primary' && this.#first?.isCommitted === true,
      followers,
      responsive: postgres.isUp,
      systemIdentifier: '1',
    }
  }

  #changed(): void {
    this.#status = null
    if (this.#isBeatDue || !this.process.isUp) return
    this.#isBeatDue = true
    this.process.after(0, () => {
      this.#isBeatDue = false
      this.#beat()
    })
  }

  #beat(): void {
    this.#ports.sendBeat(this.status())
  }

  #trace(text: string): void {
    this.#ports.trace(this.#ports.site, `node ${this.region}: ${text}`)
  }

  // ---- orders

  promise(epoch: number, answer: (reply: PromiseReply | Refused) => void): void {
    this.#interruptBelow(epoch)
    this.#lock.run(
      () => this.#promise(epoch),
      (waitMs) => runSteps(this.process, this.#stand(epoch, waitMs), answer, () => undefined),
      (error) => this.#refuse(error, answer),
    )
  }

  promote(epoch: number, answer: (reply: { history: History } | Refused) => void): void {
    this.#lock.run(
      (stop) => this.#promote(epoch, stop),
      (first) => {
        if (first?.epoch !== epoch) return answer(new Refused(this.#kept.promised, `epoch ${epoch} has ended here`))
        const told = (result: { history: History } | Error): void =>
          result instanceof Error ? this.#refuse(result, answer) : answer(result)
        if (first.result !== null) told(first.result)
        else first.listeners.push(told)
      },
      (error) => this.#refuse(error, answer),
    )
  }

  follow(order: FollowOrder, answer: (reply: FollowReply | Refused) => void): void {
    this.#interruptBelow(order.epoch)
    this.#lock.run(
      (stop) => this.#follow(order, stop),
      (way) => answer({ epoch: order.epoch, way }),
      (error) => this.#refuse(error, answer),
    )
  }

  reach(lsn: number, withinMs: number, answer: (reached: boolean) => void): void {
    const untilMs = this.process.now + withinMs
    const look = (): void => {
      if (this.postgres.isUp && this.postgres.replayedLsn >= lsn) answer(true)
      else if (this.process.now > untilMs) answer(false)
      else this.process.after(10, look)
    }
    look()
  }

  #refuse(error: Error, answer: (reply: Refused) => void): void {
    answer(error instanceof Refused ? error : new Refused(this.#kept.promised, error.message))
  }

  #interruptBelow(epoch: number): void {
    if (epoch > this.#kept.promised) this.#lock.interrupt(new Refused(epoch, `epoch ${epoch} supersedes it`))
  }

  *#promise(epoch: number): Steps<number> {
    const decision = decidePromise(this.view(), epoch)
    this.#ports.coverage.count('promise decision', decision.kind)
    if (decision.kind === 'refuse') throw new Refused(this.#kept.promised, decision.reason)
    const { isUp } = this.postgres
    if (decision.kind === 'raise') yield* this.#raise(epoch)
    else if (!isUp) yield* this.#revive()
    return isUp ? positionTimeoutMs : 0
  }

  /** Outside the lock: until the end of the WAL is known, but not for long. */
  *#stand(epoch: number, waitMs: number): Steps<PromiseReply> {
    yield* this.#awaitEnd(waitMs, new Stop())
    const stands = standing(this.#kept, this.#endLsn)
    this.#ports.checker.promised(this.region, epoch)
    const at = stands.position === null ? 'no position' : `position ${stands.position.epoch}:${stands.position.lsn}`
    this.#trace(`promises ${epoch}, ${at}${stands.whole ? '' : ', half-made'}`)
    return { region: this.region, epoch, ...stands, atNs: '0' }
  }

  *#awaitEnd(withinMs: number, stop: Stop): Steps<void> {
    const end = this.#end
    const isOpen = (): boolean => end !== null && end.lsn === null && !end.isFailed
    const untilMs = this.process.now + withinMs
    while (isOpen() && this.process.now < untilMs) {
      yield 2
      stop.throwIfAborted()
    }
  }

  *#follow(order: FollowOrder, stop: Stop): Steps<FollowReply['way']> {
    let decision = decideFollow(this.view(), order)
    this.#ports.coverage.count('follow decision', decision.kind)
    if (decision.kind === 'adopt') {
      yield* this.#raise(order.epoch)
      decision = decideFollow(this.view(), order)
      this.#ports.coverage.count('follow decision', decision.kind)
    }
    if (decision.kind === 'locate') {
      if (!this.postgres.isUp) yield* this.#revive()
      yield* this.#awaitEnd(positionTimeoutMs, stop)
      decision = decideFollow(this.view(), order)
      this.#ports.coverage.count('follow decision', decision.kind)
    }
    switch (decision.kind) {
      case 'refuse':
        throw new Refused(this.#kept.promised, decision.reason)
      case 'adopt':
      case 'locate':
        throw new Refused(this.#kept.promised, 'the end of the WAL is not known; ask again')
      case 'repeat':
        return yield* this.#repeat(order)
      case 'attach':
        yield* this.#attach(order)
        return 'attach'
      case 'rewind':
        this.#startRebuild(order, decision.forkLsn)
        return 'rewind'
      case 'basebackup':
        break
    }
    this.#startRebuild(order, null)
    return 'basebackup'
  }

  // ---- what is kept

  /** On disk first; one change after another. */
  *#keep(change: Partial<Kept>): Steps<void> {
    const { process } = this
    const fsyncMs = this.#ports.chance.between(1, 4) + this.postgres.slowDiskMs
    this.#savingUntilMs = Math.max(this.#savingUntilMs, process.now) + fsyncMs
    yield this.#savingUntilMs - process.now
    const next = { ...this.#kept, ...change }
    this.disk.save(next)
    this.#kept = next
    this.#changed()
  }

  /** Rule 1, under the lock: what is kept and the cut, side by side. */
  *#raise(epoch: number): Steps<void> {
    this.postgres.setSource(null)
    this.#background.abort(new Refused(epoch, `epoch ${epoch} supersedes it`))
    this.#background = new Stop()
    while (this.#rebuild !== null) yield 2
    const wasPrimary = this.#duty.kind === 'primary'
    this.#duty = { kind: 'none' }
    this.#settleFirst(new Refused(epoch, `epoch ${epoch} supersedes it`))
    this.#first = null
    runSteps(
      this.process,
      this.#keep({ promised: epoch }),
      () => undefined,
      () => undefined,
    )
    if (wasPrimary || this.#kept.half !== null) yield* this.#stopPostgres()
    yield* this.#revive()
    while (this.#kept.promised < epoch) yield 1
  }

  *#stopPostgres(): Steps<void> {
    yield this.#ports.chance.between(2, 30)
    this.postgres.stop(false)
    this.hasCrashed = false
  }

  *#revive(): Steps<void> {
    if (this.#kept.half !== null) {
      this.#end = null
      this.#endLsn = null
      return
    }
    yield* this.#makeBare()
  }

  *#makeBare(): Steps<void> {
    this.#endLsn = null
    this.#strayingSinceMs = null
    this.#setNames(0)
    this.postgres.setSource(null)
    if (this.postgres.isUp) yield* this.#awaitNoReceiver()
    if (!this.postgres.isUp) {
      this.#isStarting = true
      yield this.#ports.chance.between(60, 400)
      this.#isStarting = false
      this.postgres.start()
      this.hasCrashed = false
    }
    const end = { lsn: null, isFailed: false }
    this.#end = end
    runSteps(
      this.process,
      this.#findEnd(this.#background),
      (lsn) => {
        Object.assign(end, { lsn })
        if (this.#end === end) this.#endLsn = lsn
        this.#changed()
      },
      () => Object.assign(end, { isFailed: true }),
    )
  }

  /** The walreceiver ends within milliseconds, or outlives its time and Postgres is stopped. */
  *#awaitNoReceiver(): Steps<void> {
    const { chance } = this.#ports
    yield chance.between(3, 40)
    if (!chance.is(0.01)) return
    yield cutTimeoutMs
    yield* this.#stopPostgres()
  }

  *#findEnd(stop: Stop): Steps<string> {
    yield this.#ports.chance.between(4, 40)
    while (!this.postgres.isUp || this.postgres.replayedLsn < this.postgres.endLsn) {
      stop.throwIfAborted()
      yield 3
    }
    stop.throwIfAborted()
    const end = canonicalLsn(lsnText(this.postgres.replayedLsn))
    const { history, ahead } = this.#kept
    if (ahead !== null) yield* this.#keep({ history: resolveAhead(history, ahead, this.postgres.forks), ahead: null })
    return end
  }

  #setNames(epoch: number): void {
    const { commit, regions } = this.#ports
    this.postgres.setStandbyNames(commit === 'quorum' ? quorumStandbys(regions, this.region, epoch) : '')
  }

  // ---- promotion

  *#promote(epoch: number, stop: Stop): Steps<FirstCommit | null> {
    yield* this.#awaitEnd(positionTimeoutMs, stop)
    const decision = decidePromote(this.view(), epoch)
    this.#ports.coverage.count('promote decision', decision.kind)
    if (decision.kind === 'refuse') throw new Refused(this.#kept.promised, decision.reason)
    if (decision.kind === 'promote') yield* this.#becomePrimary(epoch, decision, stop)
    return this.#first
  }

  *#becomePrimary(epoch: number, decision: { startLsn: string; history: History }, stop: Stop): Steps<void> {
    const { startLsn, history } = decision
    yield* this.#keep({ history, begun: epoch })
    this.#setNames(epoch)
    this.#duty = { kind: 'primary', epoch }
    this.#isPromoting = true
    this.#changed()
    try {
      stop.throwIfAborted()
      yield* this.#promotePostgres(epoch, startLsn, stop)
    } catch (error) {
      if (error instanceof Violation) throw error
      this.#duty = { kind: 'none' }
      this.#isPromoting = false
      yield* this.#stopPostgres()
      yield* this.#revive()
      throw new Refused(this.#kept.promised, `the promotion failed: ${(error as Error).message}; take a new epoch`)
    }
    this.#isPromoting = false
    this.#end = null
    this.#endLsn = null
    this.#beginEpoch(epoch, history)
    this.#changed()
  }

  *#promotePostgres(epoch: number, startLsn: string, stop: Stop): Steps<void> {
    const { chance, checker } = this.#ports
    const deadlineMs = this.process.now + promotionTimeoutMs
    let leftMs = chance.is(0.05) ? chance.between(200, 2000) : chance.between(30, 160)
    while (leftMs > 0) {
      const waitMs = Math.min(leftMs, 10)
      yield waitMs
      leftMs -= waitMs
      // Postgres finishes what it has begun, whether anybody still wants it or not.
      if (leftMs <= 0 && this.postgres.isUp) {
        const fork = this.postgres.promote(epoch)
        this.#trace(`Postgres takes writes in epoch ${epoch} from ${fork.forkLsn} on, timeline ${fork.timeline}`)
        checker.begun(this.region, epoch)
        if (fork.forkLsn !== startLsn)
          throw new Error(`expected the timeline to begin at ${startLsn}, saw ${fork.forkLsn}`)
      }
      stop.throwIfAborted()
      if (!this.postgres.isUp) throw new Error('Postgres ended')
      if (this.process.now > deadlineMs) throw new Error('expected Postgres to be primary, saw a standby')
    }
  }

  #beginEpoch(epoch: number, history: History): void {
    const first: FirstCommit = { epoch, isCommitted: false, listeners: [], result: null }
    this.#first = first
    const background = this.#background
    const attempt = (): void => {
      if (background.reason !== null || this.#first !== first || !this.postgres.isUp) return
      const record = this.postgres.insert('epoch', [String(this.#ports.site)], epoch)
      this.postgres.commit(record, (end) => {
        if (end !== 'vouched') return this.process.after(20, attempt)
        if (this.#first !== first) return
        first.isCommitted = true
        this.#trace(`the first commit of epoch ${epoch} has its quorum`)
        this.#ports.checker.committed(this.region, epoch, this.postgres.wal)
        this.#settleFirst({ history })
        this.#changed()
      })
    }
    attempt()
  }

  #settleFirst(result: { history: History } | Error): void {
    const first = this.#first
    if (first === null || first.result !== null) return
    first.result = result
    for (const listener of first.listeners.splice(0)) listener(result)
  }

  // ---- following

  #beginFollowing({ epoch, primary }: FollowOrder): void {
    this.#duty = { kind: 'follower', epoch, primary }
    this.#end = null
    this.#endLsn = null
    this.#strayingSinceMs = null
    this.#changed()
  }

  #stream(order: FollowOrder): void {
    this.#setNames(0)
    const { postgres } = this.#ports.nodeOf(order.primary)
    this.postgres.setSource({ postgres, name: followerName(this.region, order.epoch) })
  }

  *#attach(order: FollowOrder): Steps<void> {
    const { timeline } = this.postgres
    yield* this.#keep({ history: order.history, ahead: order.ahead ? { epoch: order.epoch, timeline } : null })
    this.#beginFollowing(order)
    yield this.#ports.chance.between(0, 60)
    this.#stream(order)
    this.#trace(`takes WAL from ${order.primary} in epoch ${order.epoch}${order.ahead ? ', ahead' : ''}`)
  }

  *#repeat(order: FollowOrder): Steps<FollowReply['way']> {
    if (this.#rebuild !== null) return this.#rebuild
    const settled = settleAhead(this.#kept, order, this.postgres.forks)
    this.#ports.coverage.count('settle decision', settled.kind)
    if (settled.kind === 'refuse') throw new Refused(this.#kept.promised, settled.reason)
    if (settled.kind === 'settle') yield* this.#keep({ history: order.history, ahead: null })
    const streaming = this.postgres.isStreaming
    if (!streaming) yield this.#ports.chance.between(80, 200)
    const seen = { streaming, primaryAtWork: !streaming && this.#seesPrimary(order.primary) }
    this.#strayingSinceMs = strayingSince(this.#strayingSinceMs, seen, this.process.now)
    if (streaming) return 'already'
    if (!needsCopy(this.#strayingSinceMs, this.process.now)) return 'attach'
    this.#startRebuild(order, null)
    return 'basebackup'
  }

  #seesPrimary(region: Region): boolean {
    const { network, site } = this.#ports
    const other = this.#ports.nodeOf(region)
    return (
      other.process.isAtWork &&
      other.postgres.isUp &&
      other.postgres.role === 'primary' &&
      network.isUp(site, other.process.site, 'postgres') &&
      network.isUp(other.process.site, site, 'postgres')
    )
  }

  #startRebuild(order: FollowOrder, forkLsn: string | null): void {
    const endLsn = this.#endLsn
    this.#beginFollowing(order)
    const stop = this.#background
    this.#rebuild = forkLsn === null ? 'basebackup' : 'rewind'
    this.#trace(`becomes a copy of ${order.primary} in epoch ${order.epoch} by ${this.#rebuild}`)
    const ended = (error: Error | null): void => {
      if (error !== null) {
        this.#duty = { kind: 'none' }
        this.#trace(`is not whole: ${error.message}`)
        if (this.#kept.half !== null) this.postgres.stop(false)
      } else this.#trace(`is whole again and streams from ${order.primary}`)
      this.#rebuild = null
      this.#changed()
    }
    runSteps(
      this.process,
      this.#copy(order, forkLsn, endLsn, stop),
      () => ended(null),
      (error) => ended(error),
    )
  }

  *#copy(order: FollowOrder, forkLsn: string | null, endLsn: string | null, stop: Stop): Steps<void> {
    for (const step of rebuildSteps(forkLsn, endLsn)) yield* this.#rebuildStep(step, order, stop)
  }

  *#rebuildStep(step: RebuildStep, order: FollowOrder, stop: Stop): Steps<void> {
    const { chance } = this.#ports
    const { epoch, primary, history } = order
    switch (step.kind) {
      case 'export':
        yield chance.between(10, 60)
        for (const record of this.postgres.wal) this.exported.add(record)
        return
      case 'await-primary':
        while (!this.#seesPrimary(primary)) {
          stop.throwIfAborted()
          yield 100
        }
        return
      case 'mark':
        this.#hasOwnData = this.#kept.half === null
        yield* this.#keep({ half: { epoch, primary } })
        return
      case 'copy':
        yield* this.#becomeCopy(order, step.forkLsn, stop)
        return
      case 'await-stream':
        while (!this.postgres.isStreaming) {
          stop.throwIfAborted()
          if (!this.postgres.isUp) throw new Error('Postgres ended')
          yield 20
        }
        return
      case 'unmark':
        yield* this.#keep({ half: null, history, ahead: null })
    }
  }

  *#becomeCopy(order: FollowOrder, forkLsn: string | null, stop: Stop): Steps<void> {
    const { chance, checker } = this.#ports
    yield* this.#stopPostgres()
    const source = this.#ports.nodeOf(order.primary).postgres
    const before = [...this.postgres.wal]
    let isDone = false
    if (forkLsn !== null) {
      yield* this.#transfer(order.primary, chance.between(600, 2500), stop)
      const at = this.postgres.rewind(source)
      isDone = rewoundFarEnough(at === null ? null : lsnText(at), forkLsn)
    }
    if (!isDone) {
      yield* this.#transfer(order.primary, chance.between(1500, 5000), stop)
      this.postgres.baseBackup(source)
    }
    if (this.#hasOwnData) checker.replaced(this.region, before, this.postgres.wal, this.exported)
    stop.throwIfAborted()
    yield chance.between(60, 300)
    this.postgres.start()
    this.hasCrashed = false
    this.#stream(order)
    stop.throwIfAborted()
  }

  /** Data on its way from a running primary: broken off if that is lost from sight. */
  *#transfer(primary: Region, lastsMs: number, stop: Stop): Steps<void> {
    for (let leftMs = lastsMs; leftMs > 0; leftMs -= 100) {
      yield Math.min(100, leftMs)
      stop.throwIfAborted()
      if (!this.#seesPrimary(primary)) throw new Error(`the copy from ${primary} was broken off`)
    }
  }
}
