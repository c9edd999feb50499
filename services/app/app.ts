// Puts the order service together: who may write, through which door, with what answer.
import type { FastifyInstance } from 'fastify'
import type { BusReply } from '#protocol/bus.ts'
import { permitValidMs } from '#protocol/permit.ts'
import { ordersDataSet } from '#protocol/epoch.ts'
import { regions, type Region } from '#protocol/sites.ts'
import type { Order } from '#protocol/order.ts'
import type { CommitMode } from '#protocol/topology.ts'
import { monotonicNs } from '#runtime/clock.ts'
import type { OpenKafka } from '#runtime/kafka.ts'
import type { Log } from '#runtime/log.ts'
import type { Session } from '#runtime/postgres.ts'
import { connectRedis, type RedisPort } from '#runtime/redis.ts'
import { createAppControl, type ControlDuties } from './control-listener.ts'
import { judge } from './core/acknowledge.ts'
import * as authorities from './core/authority.ts'
import { isStale, readyForWrites, type Readiness } from './core/readiness.ts'
import { EventLog } from './event-log.ts'
import { forwardRead, type Answer } from './forward.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { PostgresMonitor } from './postgres-monitor.ts'
import { Projection } from './projection.ts'
import { createPublicListener, type PublicDuties, type ReadReadiness } from './public-listener.ts'
import { OrderReader, type Found } from './read-order.ts'
import { Relay } from './relay.ts'
import { SessionPool } from './session-pool.ts'
import { WriteDoor, type Tried } from './write-door.ts'
import { OrderWriter, type Write } from './write-order.ts'

export interface AppOptions {
  readonly region: Region
  readonly commit: CommitMode
  readonly token: string
  readonly log: Log
  /** Opens a session of the app's role; the duty goes into its application name. */
  readonly openPostgres: (duty: string) => Promise<Session>
  readonly openKafka: OpenKafka
  readonly kafka: string
  readonly redis: string
  readonly bridge: (region: Region) => string
  readonly app: (region: Region) => string
}

// Together below what Postgres has for the app (max_connections less the agent's reserve: 55), monitor, probe and relay included.
// A commit takes about 90 ms, so 40 sessions carry 400 writes/s, and 50/s through a stall of 0.8 s.
const writeSessions = 40
const readSessions = 8
/** Held open while Postgres answers, also by a standby: held writes come all at once when it is promoted. */
const warmSessions = 12
const idleSessionMs = 20_000
const trimEveryMs = 5000
const longestQueue = 200
/** Below the time that a controller gives a drain, so that it hears the reason. */
const settleTimeoutMs = 1500
const forwardReadMs = 1000
/** A region that was ready until so lately answers its checks at once. */
const tellAtOnceMs = 1500

export class App implements PublicDuties, ControlDuties {
  readonly publicListener: FastifyInstance
  readonly controlListener: FastifyInstance
  readonly #options: AppOptions
  readonly #events: EventLog
  readonly #metrics: Metrics
  readonly #monitor: PostgresMonitor
  readonly #writer: OrderWriter
  readonly #reader: OrderReader
  readonly #relay: Relay
  readonly #projection: Projection
  readonly #pools: readonly SessionPool[]
  readonly #redis: readonly RedisPort[]
  readonly #writePool: SessionPool
  readonly #door: WriteDoor
  #authority: authorities.Authority
  #wasReady = false
  #notReadySinceMs = performance.now()
  #trimming: NodeJS.Timeout | undefined

  constructor(options: AppOptions) {
    const { region, log } = options
    this.#options = options
    this.#authority = authorities.noAuthority(region)
    this.#events = new EventLog(region, log)
    const pool = (duty: string, size: number): SessionPool =>
      new SessionPool({ open: async () => await options.openPostgres(duty), size, queueSize: longestQueue })
    this.#writePool = pool('write', writeSessions)
    const readPool = pool('read', readSessions)
    this.#pools = [this.#writePool, readPool]
    const cacheRedis = connectRedis(options.redis, 250)
    const projectionRedis = connectRedis(options.redis, 5000)
    this.#redis = [cacheRedis, projectionRedis]
    this.#door = new WriteDoor({
      authority: () => this.#authority,
      app: options.app,
      writeHere: async (write, deadlineMs) => await this.#writeHere(write, deadlineMs),
      isReady: () => this.readyForWrites().ready,
      isPromoted: () => this.#monitor.probe.promotedEpoch > 0,
      look: async () => await this.#monitor.hurry(),
      refuse: (reason) => this.#refuse(reason),
    })
    const mayWrite = (): boolean => this.#door.now().kind === 'open'
    this.#writer = new OrderWriter({ pool: this.#writePool, region, commit: options.commit, mayBegin: mayWrite })
    this.#reader = new OrderReader({ pool: readPool, redis: cacheRedis })
    this.#monitor = new PostgresMonitor({
      open: options.openPostgres,
      log,
      expected: () => ({ region, epoch: this.#authority.epoch }),
      mayWrite,
      onChange: () => {
        const { promotedEpoch } = this.#monitor.probe
        this.#take(authorities.acceptPromotion(this.#authority, ordersDataSet, promotedEpoch))
        this.#noteReadiness()
        if (this.#monitor.isAnswering()) void this.#writePool.warm(warmSessions)
      },
    })
    this.#relay = new Relay({
      ...options,
      permittedEpoch: () => (mayWrite() ? this.#permittedEpoch() : null),
    })
    this.#projection = new Projection({ ...options, redis: projectionRedis })
    this.#metrics = createMetrics({
      bus: async () => await this.bus(),
      epoch: () => this.epoch(),
      ready: () => this.readyForWrites().ready,
    })
    this.publicListener = createPublicListener(this)
    this.controlListener = createAppControl(options.token, this)
  }

  start(): void {
    this.#monitor.start()
    this.#relay.start()
    this.#projection.start()
    this.#trimming = setInterval(() => this.#writePool.trim(warmSessions, idleSessionMs), trimEveryMs)
  }

  async stop(): Promise<void> {
    await this.publicListener.close()
    await this.controlListener.close()
    this.#monitor.stop()
    clearInterval(this.#trimming)
    await Promise.all([this.#relay.stop(), this.#projection.stop()])
    for (const pool of this.#pools) pool.close()
    for (const redis of this.#redis) redis.disconnect()
  }

  epoch(): number {
    return this.#authority.epoch
  }

  primary(): Region | null {
    return authorities.knownPrimary(this.#authority)
  }

  takePermit(permit: Parameters<ControlDuties['takePermit']>[0]): boolean {
    if (permit.dataSet !== ordersDataSet) return false
    return this.#take(authorities.acceptPermit(this.#authority, permit))
  }

  takeWriteRegion(writeRegion: Parameters<ControlDuties['takeWriteRegion']>[0]): boolean {
    if (writeRegion.dataSet !== ordersDataSet) return false
    return this.#take(authorities.acceptWriteRegion(this.#authority, writeRegion, monotonicNs(), permitValidMs))
  }

  #take({ accepted, authority }: authorities.Accepted): boolean {
    if (!accepted) return false
    const before = this.#authority
    const wasPermitted = this.#permittedEpoch()
    this.#authority = authority
    const { region } = this.#options
    if (before.writeRegion?.region === region && authority.writeRegion?.region !== region) this.#door.movedAway()
    if (before.epoch !== authority.epoch || before.writeRegion?.region !== authority.writeRegion?.region) {
      this.#events.add('write-region', authority.epoch, `the write region is ${this.primary() ?? 'unknown'}`)
      this.#noteReadiness()
      void this.#monitor.hurry()
    }
    if (wasPermitted !== this.#permittedEpoch()) this.#relay.wake()
    return true
  }

  async drain(request: Parameters<ControlDuties['drain']>[0]): ReturnType<ControlDuties['drain']> {
    if (request.dataSet !== ordersDataSet || this.#door.beginDrain(request, () => this.undrain()) === null) return null
    this.#events.add('drain', request.epoch, `asked to hand writes over to ${request.forwardTo}`)
    this.#writePool.turnAway('writes are being handed over')
    const deadlineMs = performance.now() + Math.min(settleTimeoutMs, request.holdMs)
    while (this.#writer.inFlight.beforeCommit > 0 && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    const lsn = await this.#monitor.settledLsn(deadlineMs)
    this.#events.add('drained', request.epoch, `every write in flight lies below ${lsn}`)
    return { inFlight: this.#writer.inFlight.committing, lsn, atNs: String(monotonicNs()) }
  }

  undrain(): void {
    if (!this.#door.endDrain()) return
    void this.#monitor.hurry()
    this.#relay.wake()
    this.#events.add('drain-ended', this.epoch(), 'writes are no longer held')
  }

  async write(write: Write, holdMs: number): Promise<Answer> {
    const endTimer = this.#metrics.writeSeconds.startTimer()
    const answer = await this.#door.pass(write, holdMs)
    endTimer()
    const outcome = answer.status < 300 ? 'ok' : answer.status === 504 ? 'unknown' : 'failed'
    this.#metrics.writes.inc({ outcome })
    return answer
  }

  async #writeHere(write: Write, deadlineMs: number): Promise<Tried> {
    const { commit, region } = this.#options
    if (commit === 'async' && this.#permittedEpoch() === null)
      return { answer: this.#refuse('no valid permit'), isUntouched: false }
    const attempt = await this.#writer.write(write, deadlineMs)
    const verdict = judge(attempt, commit, this.#permittedEpoch())
    if (verdict.outcome !== 'ok') {
      const { error, outcome, reason, status } = verdict
      const body = { error, outcome, reason, primary: this.primary() }
      return { answer: { status, body }, isUntouched: attempt.kind === 'before-commit' }
    }
    this.#relay.wake()
    const body = { id: verdict.id, region, epoch: verdict.epoch }
    return { answer: { status: verdict.status, body }, isUntouched: false }
  }

  #refuse(reason: string): Answer {
    return { status: 503, body: { error: 'not-here', outcome: 'failed', reason, primary: this.primary() } }
  }

  async read(id: string, isForwarded: boolean): ReturnType<PublicDuties['read']> {
    const cacheEpoch = authorities.cacheEpoch(this.#authority, monotonicNs())
    const permitted = cacheEpoch !== null
    // Even a read may make Postgres write (hint bits); and the Postgres of a region that is drained is about to stop.
    const early = isForwarded || this.#door.drainingTo() === null ? null : await this.#readElsewhere(id)
    if (early !== null && early.order !== null) return { ...early, permitted }
    let here: Found | null = null
    let reason: unknown = new Error('the order is not here, and no region that would know of it can be asked')
    try {
      here = await this.#reader.read(id, cacheEpoch)
      this.#metrics.reads.inc({ source: here.source })
    } catch (error) {
      reason = error
      void this.#monitor.hurry()
    }
    // What a standby doesn't know may be on its way to it: an order that was acknowledged must be found.
    if (here !== null && (here.order !== null || isForwarded || this.#isFreshPrimary())) return { ...here, permitted }
    const elsewhere = isForwarded ? null : await this.#readElsewhere(id)
    if (elsewhere === null) throw reason
    return { ...elsewhere, permitted }
  }

  #isFreshPrimary(): boolean {
    if (this.primary() !== this.#options.region) return false
    return !isStale(this.#authority, this.#monitor.probe, this.#options.commit, monotonicNs())
  }

  /** From the write region, or the one that is about to be, else from any other; null if none answers in time. */
  async #readElsewhere(id: string): Promise<{ order: Order | null; source: 'forwarded' } | null> {
    const { app, region } = this.#options
    const first = this.#door.drainingTo() ?? this.primary()
    const others = regions.filter((each) => each !== region)
    const inOrder = [...others.filter((each) => each === first), ...others.filter((each) => each !== first)]
    const found = await forwardRead(inOrder.map(app), id, performance.now() + forwardReadMs)
    if (found === null) return null
    this.#metrics.reads.inc({ source: 'forwarded' })
    return { ...found, source: 'forwarded' }
  }

  readyForWrites(): Readiness {
    return readyForWrites(this.#authority, this.#monitor.probe, this.#options.commit, monotonicNs())
  }

  async untilReadyForWrites(timeoutMs: number): Promise<void> {
    // Whoever asks must hear of a change for the worse at once.
    if (performance.now() - this.#notReadySinceMs < tellAtOnceMs) return
    await this.#door.until(() => this.readyForWrites().ready, timeoutMs)
  }

  readyForReads(): ReadReadiness {
    const to = this.#door.drainingTo()
    if (to !== null) return { state: 'not-ready', reason: `the region hands its role over to ${to}` }
    if (!this.#monitor.isAnswering()) return { state: 'not-ready', reason: 'Postgres of this region does not answer' }
    if (isStale(this.#authority, this.#monitor.probe, this.#options.commit, monotonicNs()))
      return { state: 'stale', reason: 'Postgres answers, and may be cut off: nothing new has come for a while' }
    return { state: 'ready', reason: 'Postgres answers' }
  }

  async metrics(): ReturnType<PublicDuties['metrics']> {
    const { registry } = this.#metrics
    return { type: registry.contentType, text: await registry.metrics() }
  }

  async bus(): Promise<BusReply> {
    return {
      region: this.#options.region,
      projection: await this.#projection.counts(),
      relay: this.#relay.status(),
    }
  }

  events(from: number): ReturnType<ControlDuties['events']> {
    return this.#events.from(from)
  }

  #permittedEpoch(): number | null {
    return authorities.permittedEpoch(this.#authority, monotonicNs())
  }

  #noteReadiness(): void {
    const { ready, reason } = this.readyForWrites()
    if (ready !== this.#wasReady) {
      this.#events.add(ready ? 'ready' : 'not-ready', this.epoch(), `for writes: ${reason}`)
      if (!ready) this.#notReadySinceMs = performance.now()
    }
    this.#wasReady = ready
    this.#door.wake()
  }
}
