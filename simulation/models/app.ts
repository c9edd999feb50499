// The order service of one region: the real door, judge, permits and readiness around the statements that it sends to its Postgres.
import { judge, type Attempt } from '#services/app/core/acknowledge.ts'
import {
  acceptPermit,
  acceptPromotion,
  acceptWriteRegion,
  type Accepted,
  type Authority,
  noAuthority,
  permittedEpoch,
} from '#services/app/core/authority.ts'
import {
  acceptDrain,
  doorFor,
  type Drain,
  type DrainRequest,
  handOnMs,
  isSuperseded,
} from '#services/app/core/drain.ts'
import { noProbe, type Probe, readyForWrites } from '#services/app/core/readiness.ts'
import { type Permit, permitValidMs, type WriteRegion } from '#protocol/permit.ts'
import type { Region } from '#protocol/sites.ts'
import type { CommitMode } from '#protocol/topology.ts'
import { call } from '../calls.ts'
import type { Chance } from '#runtime/chance.ts'
import type { Clocks } from '../clocks.ts'
import type { Coverage } from '../coverage.ts'
import type { Network } from '../network.ts'
import { Process } from '../process.ts'
import type { Timeline } from '../timeline.ts'
import type { Agent } from './agent.ts'
import { commitProbe, lookAt, type Looked, writeOrder } from './statements.ts'
import { lsnText } from './wal.ts'

export interface Answer {
  readonly outcome: 'ok' | 'failed' | 'unknown'
  readonly epoch: number
  readonly reason: string
}

export interface AppPorts {
  readonly regions: readonly Region[]
  readonly site: number
  readonly dataSet: string
  readonly commit: CommitMode
  readonly network: Network
  readonly timeline: Timeline
  readonly chance: Chance
  readonly clocks: Clocks
  readonly coverage: Coverage
  readonly agent: Agent
  readonly apps: () => readonly App[]
  /** The region has become ready for writes. */
  readonly ready: (region: Region) => void
  readonly trace: (site: number, text: string) => void
}

const lookEveryMs = 500
const answerTimeoutMs = 1000
const answerWithinMs = 2500
const longestKeepMs = 2000
const hopeMs = 3000
const longestTries = 4
const longestHoldMs = 1000
const settleTimeoutMs = 1500
const forwardPauseMs = 40

export class App {
  readonly process: Process
  readonly region: Region
  readonly #ports: AppPorts
  #authority: Authority
  #drain: Drain | null = null
  #movedUntilMs = 0
  #probe: Probe = noProbe
  #isProbing = false
  #lastReadyMs = Number.NEGATIVE_INFINITY
  #wasReady = false
  #waiting: (() => void)[] = []
  #begun = 0

  constructor(ports: AppPorts) {
    this.#ports = ports
    this.region = ports.regions[ports.site] as Region
    this.process = new Process(ports.site, `app.${this.region}`, ports.timeline, ports.chance)
    this.#authority = noAuthority(this.region)
  }

  boot(): void {
    this.#authority = noAuthority(this.region)
    this.#drain = null
    this.#movedUntilMs = 0
    this.#probe = noProbe
    this.#isProbing = false
    this.#lastReadyMs = Number.NEGATIVE_INFINITY
    this.#wasReady = false
    this.#waiting = []
    this.#begun = 0
    this.process.every(lookEveryMs, () => this.look())
  }

  /** What the process reads as monotonic time; permits are measured by it. */
  #nowNs(): bigint {
    return BigInt(Math.round(this.#nowMs() * 1e6))
  }

  #nowMs(): number {
    return this.#ports.clocks.monotonicMs(this.#ports.site, this.process.now)
  }

  get authority(): Authority {
    return this.#authority
  }

  get isDraining(): boolean {
    return this.#drain !== null
  }

  permittedEpoch(): number | null {
    return permittedEpoch(this.#authority, this.#nowNs())
  }

  isOpen(): boolean {
    return this.#door().kind === 'open'
  }

  isReady(): boolean {
    return readyForWrites(this.#authority, this.#probe, this.#ports.commit, this.#nowNs()).ready
  }

  #door(): ReturnType<typeof doorFor> {
    return doorFor(this.#authority, this.#drain, this.#movedUntilMs, this.#nowMs())
  }

  // ---- what it is told

  takePermit(permit: Permit): boolean {
    return this.#take(acceptPermit(this.#authority, permit), 'permit')
  }

  takeWriteRegion(told: WriteRegion): boolean {
    return this.#take(acceptWriteRegion(this.#authority, told, this.#nowNs(), permitValidMs), 'write region')
  }

  #take({ accepted, authority }: Accepted, what: string): boolean {
    this.#ports.coverage.count('authority', `${what} ${accepted ? 'taken' : 'refused'}`)
    if (!accepted) return false
    const before = this.#authority
    this.#authority = authority
    if (before.writeRegion?.region === this.region && authority.writeRegion?.region !== this.region)
      this.#movedUntilMs = this.#nowMs() + handOnMs
    if (before.epoch !== authority.epoch || before.writeRegion?.region !== authority.writeRegion?.region) {
      this.#ports.trace(
        this.#ports.site,
        `app ${this.region}: the write region is ${authority.writeRegion?.region} in epoch ${authority.epoch} (${what})`,
      )
      this.look()
    }
    this.#wake()
    return true
  }

  drain(request: DrainRequest, answer: (reply: { lsn: string } | { reason: string }) => void): void {
    const drain = acceptDrain(this.#authority, request, this.#nowMs())
    this.#ports.coverage.count('drain', drain === null ? 'refused' : 'accepted')
    if (drain === null) return answer({ reason: 'refused: the epoch is known already' })
    this.#drain = drain
    this.process.after(request.holdMs, () => {
      if (this.#drain === drain) this.undrain()
    })
    this.#wake()
    const untilMs = this.process.now + settleTimeoutMs
    const settle = (): void => {
      const { postgres } = this.#ports.agent
      if (this.#begun > 0 || postgres.flushedLsn < postgres.endLsn) {
        if (this.process.now > untilMs) return answer({ reason: 'still at work' })
        return this.process.after(5, settle)
      }
      this.#onDatabase(
        answerTimeoutMs,
        (reply: (lsn: string | null) => void) => {
          reply(postgres.isUp ? lsnText(postgres.flushedLsn) : null)
        },
        (lsn) => answer(lsn === null ? { reason: 'Postgres does not answer' } : { lsn }),
      )
    }
    this.process.after(2, settle)
  }

  undrain(): void {
    if (this.#drain === null) return
    this.#drain = null
    this.#wake()
    this.look()
  }

  /** Something has changed that writes may be waiting for. */
  #wake(): void {
    if (this.#drain !== null && isSuperseded(this.#authority, this.#drain)) this.#drain = null
    const isReady = this.isReady()
    if (isReady) this.#lastReadyMs = this.process.now
    if (isReady && !this.#wasReady) this.#ports.ready(this.region)
    this.#wasReady = isReady
    for (const waiting of this.#waiting.splice(0)) waiting()
  }

  /** Calls back as soon as the condition holds, or after so long. */
  #until(condition: () => boolean, withinMs: number, then: () => void): void {
    if (condition() || withinMs <= 0) return then()
    let isDone = false
    const end = (): void => {
      if (isDone) return
      isDone = true
      then()
    }
    const check = (): void => {
      if (isDone) return
      if (condition()) end()
      else this.#waiting.push(check)
    }
    this.#waiting.push(check)
    this.process.after(withinMs, end)
  }

  // ---- its Postgres

  #onDatabase<Reply>(
    timeoutMs: number,
    serve: (answer: (reply: Reply) => void) => void,
    done: (reply: Reply | null, reason: string) => void,
  ): void {
    const { agent, network } = this.#ports
    call<Reply>({ network, from: this.process, to: agent.process, kind: 'postgres', timeoutMs, serve, done })
  }

  look(): void {
    const { agent, regions } = this.#ports
    const askedNs = this.#nowNs()
    this.#onDatabase<Looked | null>(
      answerTimeoutMs,
      (answer) => answer(lookAt(agent.postgres)),
      (seen) => {
        const before = this.#probe
        if (seen === null) this.#probe = noProbe
        else {
          const { isPrimary } = seen
          const isOwnEpoch = regions[seen.region] === this.region && seen.epoch === this.#authority.epoch
          const wasPrimary = before.isPrimary && before.committedNs !== null
          const committedNs = wasPrimary ? before.committedNs : isOwnEpoch ? askedNs : null
          this.#probe = {
            isPrimary,
            promotedEpoch: isPrimary ? seen.vouchingEpoch : 0,
            committedNs: isPrimary ? committedNs : null,
            freshNs: before.freshNs,
          }
          if (isPrimary) this.#commitProbe()
          const accepted = acceptPromotion(this.#authority, this.#ports.dataSet, this.#probe.promotedEpoch)
          if (accepted.accepted) this.#take(accepted, 'promotion seen')
        }
        this.#wake()
      },
    )
  }

  #commitProbe(): void {
    if (this.#isProbing || !this.isOpen()) return
    this.#isProbing = true
    const sentNs = this.#nowNs()
    const { agent } = this.#ports
    this.#onDatabase<boolean>(
      Number.MAX_SAFE_INTEGER,
      (answer) => {
        if (this.isOpen()) commitProbe(agent.postgres, answer)
        else answer(false)
      },
      (isVouched) => {
        this.#isProbing = false
        if (isVouched !== true || !this.#probe.isPrimary) return
        this.#probe = { ...this.#probe, committedNs: sentNs, freshNs: sentNs }
        this.#wake()
      },
    )
  }

  // ---- writes

  /** @param holdMs above 0: another app has handed the write over */
  write(key: string, holdMs: number, answer: (answer: Answer) => void): void {
    const deadlineMs = this.process.now + answerWithinMs
    if (holdMs > 0) return this.#passForwarded(key, holdMs, deadlineMs, answer)
    this.#pass(key, deadlineMs, this.process.now + longestKeepMs, 1, answer)
  }

  #refuse(reason: string): Answer {
    return { outcome: 'failed', epoch: 0, reason }
  }

  #pass(key: string, deadlineMs: number, keepUntilMs: number, tries: number, answer: (answer: Answer) => void): void {
    const door = this.#door()
    this.#ports.coverage.count('door', door.kind)
    const again = (): void => this.#pass(key, deadlineMs, keepUntilMs, tries, answer)
    const { now } = this.process
    switch (door.kind) {
      case 'elsewhere':
        return answer(this.#refuse(`writes go to region ${door.primary}`))
      case 'hold':
        return this.#until(
          () => this.#door().kind !== 'hold',
          Math.min(door.untilMs - this.#nowMs(), keepUntilMs - now),
          () => {
            if (this.#door().kind === 'hold') answer(this.#refuse('the region did not get its next epoch in time'))
            else this.#until(() => this.isReady(), keepUntilMs - this.process.now, again)
          },
        )
      case 'forward':
        return this.#forward(key, door.to, keepUntilMs, deadlineMs, answer, again)
      case 'open':
        return this.#writeHere(key, deadlineMs, (result, isUntouched) => {
          if (!isUntouched || tries >= longestTries) return answer(result)
          this.#mayTryAgain(keepUntilMs, (may) => {
            if (may) this.#pass(key, deadlineMs, keepUntilMs, tries + 1, answer)
            else answer(result)
          })
        })
    }
  }

  #mayTryAgain(keepUntilMs: number, then: (may: boolean) => void): void {
    if (this.#door().kind !== 'open') return then(true)
    this.look()
    if (this.process.now - this.#lastReadyMs > hopeMs) return then(false)
    const leadsOn = (): boolean => this.#door().kind !== 'open' || this.isReady()
    this.#until(leadsOn, keepUntilMs - this.process.now, () => then(leadsOn()))
  }

  #forward(
    key: string,
    to: Region,
    untilMs: number,
    deadlineMs: number,
    answer: (answer: Answer) => void,
    again: () => void,
  ): void {
    const { network, regions } = this.#ports
    const other = this.#ports.apps()[regions.indexOf(to)] as App
    let maybeDone = false
    const stillTo = (): boolean => {
      const door = this.#door()
      return door.kind === 'forward' && door.to === to
    }
    const attempt = (): void => {
      const leftMs = untilMs - this.process.now
      if (leftMs <= 0 || !stillTo()) {
        if (maybeDone) return answer({ outcome: 'unknown', epoch: 0, reason: 'the answer of the other app was lost' })
        if (stillTo()) return answer(this.#refuse(`region ${to} did not become the write region in time`))
        return again()
      }
      call<Answer>({
        network,
        from: this.process,
        to: other.process,
        kind: 'app',
        timeoutMs: Math.max(1, deadlineMs - this.process.now),
        serve: (reply) => other.write(key, Math.min(longestHoldMs, leftMs), reply),
        done: (reply) => {
          if (reply !== null && reply.outcome !== 'failed') return answer(reply)
          if (reply === null) maybeDone = true
          this.process.after(forwardPauseMs, attempt)
        },
      })
    }
    attempt()
  }

  #passForwarded(key: string, holdMs: number, deadlineMs: number, answer: (answer: Answer) => void): void {
    const mayGo = (): boolean => this.isOpen() && (this.isReady() || this.#probe.promotedEpoch > 0)
    if (!mayGo()) this.look()
    this.#until(mayGo, holdMs, () => {
      if (this.isOpen()) this.#writeHere(key, deadlineMs, answer)
      else answer(this.#refuse(`a write that was handed over does not go on: the door is ${this.#door().kind}`))
    })
  }

  #writeHere(key: string, deadlineMs: number, done: (answer: Answer, isUntouched: boolean) => void): void {
    const { commit, agent, coverage } = this.#ports
    if (commit === 'async' && this.permittedEpoch() === null) return done(this.#refuse('no valid permit'), false)
    if (!this.isOpen()) return done(this.#refuse('writes are being handed over'), true)
    this.#begun += 1
    let isBegun = true
    const committing = (): void => {
      if (isBegun) this.#begun -= 1
      isBegun = false
    }
    this.#onDatabase<Attempt>(
      Math.max(1, deadlineMs - this.process.now),
      (reply) => writeOrder(agent.postgres, { key, site: this.#ports.site, commit }, committing, reply),
      (reply, reason) => {
        committing()
        const isRefused = reason === 'connection refused'
        const attempt: Attempt = reply ?? { kind: isRefused ? 'before-commit' : 'commit-unanswered', reason }
        const verdict = judge(attempt, commit, this.permittedEpoch())
        coverage.count('verdict', `${attempt.kind} ${verdict.outcome}`)
        const epoch = verdict.outcome === 'ok' ? verdict.epoch : 0
        const why = verdict.outcome === 'ok' ? '' : verdict.reason
        done({ outcome: verdict.outcome, epoch, reason: why }, attempt.kind === 'before-commit')
      },
    )
  }
}
