// One Postgres node under orders: promise, promote, follow. Decisions are the core's; this does what they say, one at a time.
import {
  canonicalLsn,
  decideFollow,
  decidePromise,
  decidePromote,
  rebuildSteps,
  resolveAhead,
  settleAhead,
  standing,
  type Duty,
  type FollowDecision,
  type FollowOrder,
  type Kept,
  type NodeView,
  type RebuildStep,
} from '#orchestrator/core/agent/decisions.ts'
import { positionAt } from '#orchestrator/core/agent/history.ts'
import type { StreamStart } from '#orchestrator/core/agent/replication-anticipation.ts'
import type { FollowReply, NodeState, PromiseReply, PromoteReply } from '#protocol/agent.ts'
import type { History, Position } from '#protocol/epoch.ts'
import type { CommitMode } from '#protocol/topology.ts'
import { regions } from '#protocol/sites.ts'
import { monotonicNs } from '#runtime/clock.ts'
import { Session } from '#runtime/postgres.ts'
import { awaitEndOfReplay, awaitNoReceiver, awaitReplayOf } from './cut.ts'
import { saveState } from './durable-state.ts'
import { commitEpoch } from './first-commit.ts'
import { Lock } from './lock.ts'
import type { NodeOptions } from './node-options.ts'
import { Refused, Superseded } from './refused.ts'
import { pause, within } from './waits.ts'
import { paths } from './paths.ts'
import { localTarget, PostgresServer } from './postgres-server.ts'
import type { Sample } from './probe.ts'
import { promotePostgres } from './promotion.ts'
import { awaitPrimary, becomeCopy, Straying } from './rebuild.ts'
import { exportTail } from './lost-tail.ts'
import { sourceOf, writeSettings, type Source } from './settings.ts'
import { NewTimelines, readForks } from './timelines.ts'

/** A walreceiver that outlives this time is ended with the whole of Postgres. */
const cutTimeoutMs = 1000
/** A promise is answered without a position if the end of the WAL isn't known by then. */
const positionTimeoutMs = 2000

type FirstCommit = { epoch: number; isCommitted: boolean; reply: Promise<PromoteReply> }

export class Node {
  readonly server: PostgresServer
  readonly timelines: NewTimelines
  readonly #options: NodeOptions
  readonly #lock = new Lock()
  #kept: Kept
  #saving: Promise<void> = Promise.resolve()
  #duty: Duty = { kind: 'none' }
  #commit: CommitMode
  #session: Session | null = null
  /** Finds the end of the WAL, once no more can arrive; null while some may, and where it could not be found. */
  #end: Promise<string> | null = null
  #endLsn: string | null = null
  /** Ends what runs on in the background under the present promise. */
  #background = new AbortController()
  #rebuild: { way: 'rewind' | 'basebackup'; ended: Promise<void> } | null = null
  #first: FirstCommit | null = null
  #isPromoting = false
  #sourceChangedAtMs = 0
  readonly #straying = new Straying()
  #sample: Sample | null = null

  constructor(options: NodeOptions) {
    this.#options = options
    this.#kept = options.kept
    this.#commit = options.commit
    this.server = new PostgresServer(options.log, options.wallClock, () => this.#serverChanged())
    const { log, link, timelineLookMs } = options
    this.timelines = new NewTimelines(this, async () => this.#orders(), log, link, timelineLookMs)
  }

  /** What the probe saw in a look that began at `beganMs`. A stream seen before the last order says nothing of the present one. */
  observe(seen: Sample | null, beganMs: number): void {
    const sample = seen !== null && beganMs < this.#sourceChangedAtMs ? { ...seen, streaming: false } : seen
    const wasStreaming = this.#sample?.streaming === true
    this.#sample = sample
    if (this.#duty.kind === 'follower' && this.#rebuild === null && !wasStreaming && sample?.streaming === true)
      this.#options.events.add('agent-streaming', this.#duty.epoch, `streams from ${this.#duty.primary}`)
    if (wasStreaming !== (sample?.streaming === true)) this.#options.changed()
  }

  #forgetStream(): void {
    this.#sourceChangedAtMs = performance.now()
    this.#straying.forget()
    if (this.#sample !== null) this.#sample = { ...this.#sample, streaming: false }
  }

  view(): NodeView & { sample: Sample | null; state: NodeState; epochCommitted: boolean } {
    return {
      region: this.#options.region,
      kept: this.#kept,
      duty: this.#duty,
      endLsn: this.#endLsn,
      sample: this.#sample,
      state: this.#state(),
      epochCommitted: this.#duty.kind === 'primary' && this.#first?.isCommitted === true,
    }
  }

  #state(): NodeState {
    if (this.#isPromoting) return 'promoting'
    if (this.#rebuild !== null && this.#kept.half !== null) return 'rewinding'
    if (this.server.state !== 'up') return this.server.state
    return this.#duty.kind === 'primary' ? 'primary' : 'standby'
  }

  /** Where the node stands now; null while it is half-made or Postgres isn't up. */
  get position(): Position | null {
    const lsn = this.#endLsn ?? this.#sample?.lsn ?? null
    return lsn === null || this.#kept.half !== null ? null : positionAt(this.#kept.history, lsn)
  }

  /** Starts Postgres as a standby without a source; a half-made cluster stays down until an order comes. */
  async boot(): Promise<void> {
    await this.#lock.run(async () => {
      const { half } = this.#kept
      if (half === null) await this.#makeBare()
      else this.#options.log.warn({ half }, 'the cluster is half-made: it stays down until an order comes')
    })
  }

  async shutDown(): Promise<void> {
    this.#background.abort(new Error('the agent ends'))
    await this.server.stop('fast')
  }

  async promise(epoch: number): Promise<PromiseReply> {
    this.#interruptBelow(epoch)
    const waitMs = await this.#lock.run(async () => {
      const decision = decidePromise(this.view(), epoch)
      if (decision.kind === 'refuse') throw new Refused(this.#kept.promised, decision.reason)
      const isUp = this.server.state === 'up'
      if (decision.kind === 'raise') await this.#raise(epoch)
      else await this.#locate()
      return isUp ? positionTimeoutMs : 0
    })
    if (this.#end !== null) await within(this.#end, waitMs)
    const stands = standing(this.#kept, this.#endLsn)
    const reason = `below epoch ${epoch} this node neither takes WAL nor is primary`
    this.#options.events.add('agent-promised', epoch, reason, { position: stands.position, whole: stands.whole })
    return { region: this.#options.region, epoch, ...stands, atNs: monotonicNs().toString() }
  }

  /** Not under the lock: it changes nothing. */
  async reach(lsn: string, withinMs: number): Promise<boolean> {
    return awaitReplayOf(await this.#orders(), lsn, withinMs)
  }

  async promote(epoch: number, commit: CommitMode): Promise<PromoteReply> {
    const first = await this.#lock.run(async (signal) => {
      if (this.#end !== null) await within(this.#end, positionTimeoutMs, signal)
      const decision = decidePromote(this.view(), epoch)
      if (decision.kind === 'refuse') throw new Refused(this.#kept.promised, decision.reason)
      if (decision.kind === 'promote') await this.#promote(epoch, commit, decision, signal)
      return this.#first
    })
    if (first?.epoch !== epoch) throw new Refused(this.#kept.promised, `epoch ${epoch} has ended on this node`)
    return first.reply
  }

  async follow(order: FollowOrder): Promise<FollowReply> {
    this.#interruptBelow(order.epoch)
    return this.#lock.run(async (signal) => {
      let decision = decideFollow(this.view(), order)
      if (decision.kind === 'adopt') {
        await this.#raise(order.epoch)
        decision = decideFollow(this.view(), order)
      }
      if (decision.kind === 'locate') {
        await this.#locate()
        if (this.#end !== null) await within(this.#end, positionTimeoutMs, signal)
        decision = decideFollow(this.view(), order)
      }
      return this.#obeyFollow(order, decision, signal)
    })
  }

  async #obeyFollow(order: FollowOrder, decision: FollowDecision, signal: AbortSignal): Promise<FollowReply> {
    const { epoch } = order
    switch (decision.kind) {
      case 'refuse':
        throw new Refused(this.#kept.promised, decision.reason)
      case 'adopt':
      case 'locate':
        throw new Refused(this.#kept.promised, 'the end of the WAL is not known: Postgres is not up yet; ask again')
      case 'repeat':
        return { epoch, way: await this.#repeat(order) }
      case 'attach':
        await this.#attach(order, signal)
        return { epoch, way: 'attach' }
      case 'rewind':
        this.#startRebuild(order, decision.forkLsn)
        return { epoch, way: 'rewind' }
      case 'basebackup':
        break
    }
    this.#startRebuild(order, null)
    return { epoch, way: 'basebackup' }
  }

  /** Whoever holds the lock may be waiting for something that a higher epoch makes pointless. */
  #interruptBelow(epoch: number): void {
    if (epoch > this.#kept.promised) this.#lock.interrupt(epoch)
  }

  /** Changes what is kept, on disk first; one change after another, each upon the last. */
  async #keep(change: Partial<Kept>): Promise<void> {
    const save = async (previous: Promise<void>): Promise<void> => {
      await previous
      const next = { ...this.#kept, ...change }
      await saveState(paths.state, next)
      this.#kept = next
    }
    const saved = save(this.#saving)
    this.#saving = saved.catch(() => undefined)
    await saved
    this.#options.changed()
  }

  /** Rule 1, under the lock. */
  async #raise(epoch: number): Promise<void> {
    this.#options.link.cut()
    this.#options.link.openAhead(regions.filter((region) => region !== this.#options.region))
    await this.#endBackground(new Superseded(epoch))
    const wasPrimary = this.#duty.kind === 'primary'
    this.#duty = { kind: 'none' }
    this.#first = null
    const cut = async (): Promise<void> => {
      if (wasPrimary || this.#kept.half !== null) await this.server.stop('immediate')
      await this.#revive()
    }
    // Side by side: nothing is answered before both are done, and a node that is cut off for nothing does no harm.
    const [kept, revived] = await Promise.allSettled([this.#keep({ promised: epoch }), cut()])
    for (const each of [kept, revived]) if (each.status === 'rejected') throw each.reason as Error
  }

  async #endBackground(reason: Error): Promise<void> {
    this.#background.abort(reason)
    this.#background = new AbortController()
    await this.#rebuild?.ended
  }

  /** Postgres up without a source, if its cluster is whole. */
  async #revive(): Promise<void> {
    if (this.#kept.half !== null) {
      this.#end = null
      this.#endLsn = null
      return
    }
    await this.#makeBare()
  }

  /** Sees to it that the end of the WAL is sought, unless it is known, or WAL arrives. A search that failed is begun again. */
  async #locate(): Promise<void> {
    if (this.server.state !== 'up') await this.#revive()
    else if (this.#duty.kind === 'none' && this.#kept.half === null && this.#end === null) this.#search()
  }

  /** Takes the source away and sees to it that no WAL arrives; Postgres is started if it was down. */
  async #makeBare(): Promise<void> {
    this.#endLsn = null
    this.#forgetStream()
    await this.#writeSettings(0, null)
    if (this.server.state === 'up') {
      this.server.reload()
      try {
        await awaitNoReceiver(await this.#orders(), cutTimeoutMs)
      } catch (error) {
        this.#options.log.warn({ err: error }, 'Postgres could not be cut off from its source in time and is stopped')
        await this.server.stop('immediate')
      }
    }
    if (this.server.state === 'stopped' || this.server.state === 'crashed') await this.server.start()
    this.#search()
  }

  #search(): void {
    const end = this.#findEnd(this.#background.signal)
    this.#end = end
    void this.#noteEnd(end)
  }

  async #noteEnd(end: Promise<string>): Promise<void> {
    try {
      const lsn = await end
      if (this.#end === end) this.#endLsn = lsn
      this.#options.changed()
    } catch (error) {
      // Whoever needs it asks again.
      if (this.#end === end) this.#end = null
      this.#options.log.warn({ err: error }, 'the end of the WAL was not found')
    }
  }

  async #findEnd(signal: AbortSignal): Promise<string> {
    if (this.server.state !== 'up') this.#session = await this.server.ready(signal, 'agent')
    const session = await this.#orders()
    await awaitNoReceiver(session, cutTimeoutMs)
    const end = canonicalLsn(await awaitEndOfReplay(session, signal))
    const { history, ahead } = this.#kept
    if (ahead !== null) await this.#keep({ history: resolveAhead(history, ahead, await readForks()), ahead: null })
    return end
  }

  /** The session for orders, kept open so that a promise need not wait for a new one. */
  async #orders(): Promise<Session> {
    if (this.#session === null || !this.#session.isOpen) this.#session = await Session.open(localTarget('agent'))
    return this.#session
  }

  /** @param start what Postgres will ask `source` for, where that is certain */
  async #writeSettings(quorumEpoch: number, source: Source | null, start: StreamStart | null = null): Promise<void> {
    this.#options.link.setSource(source, start)
    await writeSettings({ region: this.#options.region, commit: this.#commit, quorumEpoch, source })
  }

  async #promote(
    epoch: number,
    commit: CommitMode,
    decision: { startLsn: string; history: History },
    signal: AbortSignal,
  ): Promise<void> {
    const { startLsn, history } = decision
    if (commit !== this.#commit) await this.#changeCommitMode(commit, startLsn, signal)
    // Not a byte of the epoch may be on disk before its beginning is.
    await Promise.all([this.#keep({ history, begun: epoch }), this.#writeSettings(epoch, null)])
    this.#duty = { kind: 'primary', epoch }
    this.#isPromoting = true
    this.#options.changed()
    try {
      signal.throwIfAborted()
      this.server.reload()
      const timeline = await promotePostgres(await this.#orders(), startLsn, signal)
      this.#options.tell({ epoch, primary: this.#options.region, ...timeline })
    } catch (error) {
      this.#duty = { kind: 'none' }
      this.#isPromoting = false
      this.#options.log.error({ err: error }, 'the promotion failed: Postgres is stopped and started as a standby')
      await this.server.stop('immediate')
      await this.#revive()
      throw new Refused(this.#kept.promised, `the promotion failed: ${(error as Error).message}; take a new epoch`)
    }
    this.#isPromoting = false
    this.#end = null
    this.#endLsn = null
    this.#first = this.#beginEpoch(epoch, startLsn, history)
    this.#options.changed()
  }

  /** Synchronous standbys are set from the start of Postgres or not at all, so that no commit falls into a gap. */
  async #changeCommitMode(commit: CommitMode, startLsn: string, signal: AbortSignal): Promise<void> {
    this.#commit = commit
    await this.server.stop('fast')
    await this.#makeBare()
    const end = this.#end === null ? null : await within(this.#end, positionTimeoutMs, signal)
    if (end !== startLsn)
      throw new Refused(this.#kept.promised, `expected the WAL to end at ${startLsn} after a restart, saw ${end}`)
  }

  #beginEpoch(epoch: number, startLsn: string, history: History): FirstCommit {
    const { region, events, appPassword } = this.#options
    const promotedNs = monotonicNs().toString()
    const reason = `Postgres takes writes from ${startLsn} on; the first commit waits for its quorum`
    events.add('agent-promoted', epoch, reason)
    const commit = async (): Promise<PromoteReply> => {
      try {
        await commitEpoch(epoch, region, appPassword, this.#background.signal)
      } catch (error) {
        throw new Refused(this.#kept.promised, `the first commit had no quorum: ${(error as Error).message}`)
      }
      first.isCommitted = true
      const committedNs = monotonicNs().toString()
      events.add('agent-committed', epoch, 'the first commit of the epoch has its quorum')
      this.#options.changed()
      return { epoch, startLsn, history, promotedNs, committedNs }
    }
    const first: FirstCommit = { epoch, isCommitted: false, reply: commit() }
    first.reply.catch(() => undefined)
    return first
  }

  #beginFollowing(order: FollowOrder): void {
    this.#duty = { kind: 'follower', epoch: order.epoch, primary: order.primary }
    this.#end = null
    this.#endLsn = null
    this.#forgetStream()
    this.#options.changed()
  }

  async #attach(order: FollowOrder, signal: AbortSignal): Promise<void> {
    const source = sourceOf(this.#options.region, order)
    this.#options.link.prepare(source)
    const endLsn = this.#endLsn
    const timeline = Math.max(1, ...(await readForks()).map((fork) => fork.timeline))
    // Before the first byte arrives, the node must know to which epoch it belongs.
    await this.#keep({ history: order.history, ahead: order.ahead ? { epoch: order.epoch, timeline } : null })
    this.#beginFollowing(order)
    const start = order.ahead ? null : await this.timelines.expect(order.epoch, endLsn, signal)
    await this.#writeSettings(0, source, start)
    this.server.reload()
    this.#options.events.add('agent-attach', order.epoch, `takes WAL from ${order.primary}: its own is a prefix`)
  }

  /** The same order once more. A follower that can't be attached to a living primary needs a fresh copy. */
  async #repeat(order: FollowOrder): Promise<FollowReply['way']> {
    if (this.#rebuild !== null) return this.#rebuild.way
    const settled = settleAhead(this.#kept, order, this.#kept.ahead === null ? [] : await readForks())
    if (settled.kind === 'refuse') throw new Refused(this.#kept.promised, settled.reason)
    if (settled.kind === 'settle') await this.#keep({ history: order.history, ahead: null })
    const way = await this.#straying.way(this.#sample?.streaming === true, order.primary)
    if (way === 'basebackup') this.#startRebuild(order, null)
    return way
  }

  #startRebuild(order: FollowOrder, forkLsn: string | null): void {
    const way = forkLsn === null ? 'basebackup' : 'rewind'
    const endLsn = this.#endLsn
    this.#beginFollowing(order)
    const signal = this.#background.signal
    this.#rebuild = { way, ended: this.#runRebuild(order, forkLsn, endLsn, signal) }
    this.#options.events.add('agent-rebuild', order.epoch, `becomes a copy of ${order.primary} by ${way}`, {
      forkLsn,
      endLsn,
    })
  }

  async #runRebuild(
    order: FollowOrder,
    forkLsn: string | null,
    endLsn: string | null,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.#copy(order, forkLsn, endLsn, signal)
      this.#options.events.add('agent-streaming', order.epoch, `whole again, streams from ${order.primary}`)
    } catch (error) {
      this.#duty = { kind: 'none' }
      this.#options.events.add('agent-rebuild-ended', order.epoch, `not whole: ${(error as Error).message}`)
      if (this.#kept.half !== null) await this.server.stop('immediate')
    } finally {
      this.#rebuild = null
      this.#options.changed()
    }
  }

  async #copy(order: FollowOrder, forkLsn: string | null, endLsn: string | null, signal: AbortSignal): Promise<void> {
    for (const step of rebuildSteps(forkLsn, endLsn)) await this.#rebuildStep(step, order, signal)
  }

  async #rebuildStep(step: RebuildStep, order: FollowOrder, signal: AbortSignal): Promise<void> {
    const { epoch, primary, history } = order
    switch (step.kind) {
      case 'export':
        return this.#export(epoch, step.fromLsn, step.toLsn)
      case 'await-primary':
        return awaitPrimary(primary, signal)
      case 'mark':
        return this.#keep({ half: { epoch, primary } })
      case 'copy':
        return this.#becomeCopy(order, step.forkLsn, signal)
      case 'await-stream':
        while (this.#sample?.streaming !== true) {
          signal.throwIfAborted()
          await pause(20)
        }
        return
      case 'unmark':
        await this.#keep({ half: null, history, ahead: null })
    }
  }

  async #export(epoch: number, fromLsn: string, toLsn: string): Promise<void> {
    const tail = await exportTail(await this.#orders(), this.#options.region, epoch, fromLsn, toLsn)
    if (tail === null) return
    const reason = `${tail.transactions} transactions past ${fromLsn} go: see ${tail.name}`
    this.#options.events.add('agent-exported', epoch, reason, { name: tail.name })
  }

  async #becomeCopy(order: FollowOrder, forkLsn: string | null, signal: AbortSignal): Promise<void> {
    await this.server.stop('fast')
    await becomeCopy(order.primary, forkLsn, this.server.account, this.#options.log, signal)
    await this.#writeSettings(0, sourceOf(this.#options.region, order))
    await this.server.start()
    this.#session = await this.server.ready(signal, 'agent')
  }

  /** Postgres ended by itself: whatever it was told to be, it is that no more. */
  #serverChanged(): void {
    if (this.server.state !== 'up') this.#sample = null
    if (this.server.state === 'crashed' && this.#rebuild === null) {
      const was = this.#duty
      this.#duty = { kind: 'none' }
      this.#first = null
      this.#end = null
      this.#endLsn = null
      this.#background.abort(new Error('Postgres ended'))
      this.#background = new AbortController()
      this.#options.events.add('agent-crashed', this.#kept.promised, 'Postgres ended by itself', { was: was.kind })
    }
    this.#options.changed()
  }
}
