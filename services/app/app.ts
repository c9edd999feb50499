// Puts the order service together: who may write, through which door, with what answer.
import type { FastifyInstance } from 'fastify'
import type { BusReply } from '#protocol/bus.ts'
import { permitValidMs } from '#protocol/permit.ts'
import { ordersDataSet } from '#protocol/epoch.ts'
import type { Region } from '#protocol/sites.ts'
import type { CommitMode } from '#protocol/topology.ts'
import { monotonicNs } from '#runtime/clock.ts'
import type { OpenKafka } from '#runtime/kafka.ts'
import type { Log } from '#runtime/log.ts'
import type { Session } from '#runtime/postgres.ts'
import { connectRedis, type RedisPort } from '#runtime/redis.ts'
import { createAppControl, type ControlDuties } from './control-listener.ts'
import { judge } from './core/acknowledge.ts'
import * as authorities from './core/authority.ts'
import { acceptDrain, doorFor, type Door, type Drain } from './core/drain.ts'
import { readyForWrites, type Readiness } from './core/readiness.ts'
import { EventLog } from './event-log.ts'
import { forwardWrite, type Answer } from './forward.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { PostgresMonitor } from './postgres-monitor.ts'
import { Projection } from './projection.ts'
import { createPublicListener, type PublicDuties } from './public-listener.ts'
import { OrderReader } from './read-order.ts'
import { Relay } from './relay.ts'
import { SessionPool } from './session-pool.ts'
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

const writeSessions = 20
const readSessions = 8
const longestQueue = 200
const settleTimeoutMs = 2000

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
  readonly #whenReady = new Set<() => void>()
  #authority: authorities.Authority
  #drain: Drain | null = null
  #wasReady = false

  constructor(options: AppOptions) {
    const { region, log } = options
    this.#options = options
    this.#authority = authorities.noAuthority(region)
    this.#events = new EventLog(region, log)
    const pool = (duty: string, size: number): SessionPool =>
      new SessionPool({ open: async () => await options.openPostgres(duty), size, queueSize: longestQueue })
    const writePool = pool('write', writeSessions)
    const readPool = pool('read', readSessions)
    this.#pools = [writePool, readPool]
    const cacheRedis = connectRedis(options.redis, 250)
    const projectionRedis = connectRedis(options.redis, 5000)
    this.#redis = [cacheRedis, projectionRedis]
    this.#writer = new OrderWriter({ pool: writePool, region, commit: options.commit })
    this.#reader = new OrderReader({ pool: readPool, redis: cacheRedis })
    this.#monitor = new PostgresMonitor({
      open: options.openPostgres,
      log,
      expected: () => ({ region, epoch: this.#authority.epoch }),
      onChange: () => this.#noteReadiness(),
    })
    this.#relay = new Relay({
      ...options,
      permittedEpoch: () => (this.#isDraining() ? null : this.#permittedEpoch()),
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
  }

  async stop(): Promise<void> {
    await this.publicListener.close()
    await this.controlListener.close()
    this.#monitor.stop()
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
    if (before.epoch !== authority.epoch || before.writeRegion?.region !== authority.writeRegion?.region) {
      this.#events.add('write-region', authority.epoch, `told that the write region is ${this.primary() ?? 'unknown'}`)
      this.#noteReadiness()
      void this.#monitor.hurry()
    }
    if (wasPermitted !== this.#permittedEpoch()) this.#relay.wake()
    return true
  }

  async drain(request: Parameters<ControlDuties['drain']>[0]): ReturnType<ControlDuties['drain']> {
    const drain = acceptDrain(this.#authority, request, performance.now())
    if (drain === null || request.dataSet !== ordersDataSet) return null
    this.#drain = drain
    this.#monitor.pause(true)
    this.#events.add('drain', request.epoch, `asked to hand writes over to ${request.forwardTo}`)
    const timer = setTimeout(() => {
      if (this.#drain === drain) this.undrain()
    }, request.holdMs)
    timer.unref()
    const deadlineMs = performance.now() + Math.min(settleTimeoutMs, request.holdMs)
    while (this.#writer.inFlight.beforeCommit > 0 && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    const lsn = await this.#monitor.settledLsn(deadlineMs)
    this.#events.add('drained', request.epoch, `every write in flight lies below ${lsn}`)
    return { inFlight: this.#writer.inFlight.committing, lsn, atNs: String(monotonicNs()) }
  }

  undrain(): void {
    if (this.#drain === null) return
    this.#drain = null
    this.#monitor.pause(false)
    this.#relay.wake()
    this.#events.add('drain-ended', this.epoch(), 'writes are no longer handed over')
  }

  async write(write: Write, holdMs: number): Promise<Answer> {
    const endTimer = this.#metrics.writeSeconds.startTimer()
    const answer = await this.#writeThroughDoor(write, holdMs)
    endTimer()
    const outcome = answer.status < 300 ? 'ok' : answer.status === 504 ? 'unknown' : 'failed'
    this.#metrics.writes.inc({ outcome })
    return answer
  }

  async #writeThroughDoor(write: Write, holdMs: number): Promise<Answer> {
    if (holdMs > 0) await this.#untilReady(holdMs)
    for (;;) {
      const door = this.#door()
      if (door.kind === 'open') return await this.#writeHere(write)
      if (door.kind === 'elsewhere' || holdMs > 0) {
        return this.#refuse(`writes go to region ${door.kind === 'elsewhere' ? door.primary : door.to}`)
      }
      const stillTo = (): boolean => {
        const now = this.#door()
        return now.kind === 'forward' && now.to === door.to
      }
      const answer = await forwardWrite(this.#options.app(door.to), write, door.untilMs, stillTo)
      if (answer !== null) return answer
      if (stillTo()) return this.#refuse(`region ${door.to} did not become the write region in time`)
    }
  }

  async #writeHere(write: Write): Promise<Answer> {
    const { commit, region } = this.#options
    if (commit === 'async' && this.#permittedEpoch() === null) return this.#refuse('no valid permit')
    const attempt = await this.#writer.write(write)
    const verdict = judge(attempt, commit, this.#permittedEpoch())
    if (verdict.outcome !== 'ok') {
      const { error, outcome, reason, status } = verdict
      return { status, body: { error, outcome, reason, primary: this.primary() } }
    }
    this.#relay.wake()
    return { status: verdict.status, body: { id: verdict.id, region, epoch: verdict.epoch } }
  }

  #refuse(reason: string): Answer {
    return { status: 503, body: { error: 'not-here', outcome: 'failed', reason, primary: this.primary() } }
  }

  async read(id: string): ReturnType<PublicDuties['read']> {
    const cacheEpoch = authorities.cacheEpoch(this.#authority, monotonicNs())
    const found = await this.#reader.read(id, cacheEpoch)
    this.#metrics.reads.inc({ source: found.source })
    return { ...found, permitted: cacheEpoch !== null }
  }

  readyForWrites(): Readiness {
    return readyForWrites(this.#authority, this.#monitor.probe, this.#options.commit, monotonicNs())
  }

  readyForReads(): Readiness {
    const ready = this.#monitor.isAnswering()
    return { ready, reason: ready ? 'Postgres answers' : 'Postgres of this region does not answer' }
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

  #door(): Door {
    return doorFor(this.#authority, this.#drain, performance.now())
  }

  #isDraining(): boolean {
    return this.#door().kind === 'forward'
  }

  #noteReadiness(): void {
    const { ready, reason } = this.readyForWrites()
    if (ready !== this.#wasReady) this.#events.add(ready ? 'ready' : 'not-ready', this.epoch(), `for writes: ${reason}`)
    this.#wasReady = ready
    if (!ready) return
    for (const wake of this.#whenReady) wake()
    this.#whenReady.clear()
  }

  /** Resolves when this region is ready for writes, or after `timeoutMs`. */
  async #untilReady(timeoutMs: number): Promise<void> {
    if (this.readyForWrites().ready) return
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#whenReady.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, timeoutMs)
      this.#whenReady.add(wake)
    })
  }
}
