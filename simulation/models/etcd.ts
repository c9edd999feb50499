// etcd as its clients see it: one linearizable record of keys, served only through a leader that has a quorum.
import type { EpochRecord } from '#protocol/epoch.ts'
import type { Region } from '#protocol/sites.ts'
import type { SwapOutcome } from '#orchestrator/core/inputs.ts'
import { majorityOf, timings } from '#orchestrator/core/settings.ts'
import { call } from '../calls.ts'
import type { Chance } from '#runtime/chance.ts'
import type { Clocks } from '../clocks.ts'
import type { Checker } from '../invariants.ts'
import type { Network } from '../network.ts'
import type { Process } from '../process.ts'
import type { Timeline } from '../timeline.ts'

export interface Reading {
  readonly record: EpochRecord | null
  readonly revision: string
  readonly holders: readonly { readonly epoch: number; readonly leaseId: string }[]
}

export interface EtcdPorts {
  readonly regions: readonly Region[]
  readonly members: readonly Process[]
  readonly network: Network
  readonly timeline: Timeline
  readonly chance: Chance
  readonly clocks: Clocks
  readonly checker: Checker
  readonly trace: (site: number, text: string) => void
}

const lookMs = 100
const electionMs = 1000
/** Seen by fuzz: a member whose links are back hangs for up to so long. */
const longestCatchUpMs = 2000
/** A read that its member doesn't answer is asked of another one as well. */
const hedgeMs = 250
/** A request that found no leader waits in its member for one. */
const waitForLeaderMs = 100

export class Etcd {
  readonly #ports: EtcdPorts
  #leader: number
  #isServing = true
  #leaderLostMs: number | null = null
  #revision = 0
  #record: { value: EpochRecord | null; revision: number } = { value: null, revision: 0 }
  /** When a member that had lost its leader serves again; null: it is out of the leader's sight. */
  readonly #readyMs: (number | null)[]
  readonly #holders = new Map<number, string>()
  readonly #leases = new Map<string, number>()
  #leaseCount = 0
  /** The answers of so many next changes get lost. */
  losesAnswers = 0

  constructor(ports: EtcdPorts) {
    this.#ports = ports
    this.#leader = ports.chance.between(0, ports.regions.length - 1)
    this.#readyMs = ports.regions.map(() => 0)
    const look = (): void => {
      this.#look()
      ports.timeline.at(lookMs, look)
    }
    look()
  }

  get record(): EpochRecord | null {
    return this.#record.value
  }

  get leader(): Region | null {
    return this.#isServing ? (this.#ports.regions[this.#leader] ?? null) : null
  }

  get holders(): ReadonlyMap<number, string> {
    this.#expire()
    return this.#holders
  }

  #hasQuorum(member: number): boolean {
    const { members, network } = this.#ports
    if (members[member]?.isAtWork !== true) return false
    const heard = members.filter(
      (each, at) =>
        at === member || (each.isAtWork && network.isUp(member, at, 'control') && network.isUp(at, member, 'control')),
    )
    return heard.length >= majorityOf(members.length)
  }

  /** A leader that has lost its quorum serves nothing; after the election time-out another one is found, if any can be. */
  #look(): void {
    const { chance, timeline, regions, trace } = this.#ports
    this.#noteReturns()
    if (this.#hasQuorum(this.#leader)) {
      this.#isServing = true
      this.#leaderLostMs = null
      return
    }
    this.#isServing = false
    this.#leaderLostMs ??= timeline.now
    if (timeline.now - this.#leaderLostMs < electionMs + chance.between(0, electionMs)) return
    const able = regions.map((_, at) => at).filter((at) => this.#hasQuorum(at))
    if (able.length === 0) return
    this.#elect(chance.pick(able))
    trace(this.#leader, `etcd: ${regions[this.#leader]} leads; every lease is refilled`)
  }

  /** A member that finds its leader again catches up before it serves. */
  #noteReturns(): void {
    const { chance, members, timeline } = this.#ports
    for (const at of this.#readyMs.keys()) {
      if (members[at]?.isAtWork !== true || !this.#reaches(at)) this.#readyMs[at] = null
      else this.#readyMs[at] ??= timeline.now + chance.between(0, longestCatchUpMs)
    }
  }

  #elect(member: number): void {
    this.#leader = member
    this.#leaderLostMs = null
    this.#isServing = true
    for (const lease of this.#leases.keys()) this.#leases.set(lease, this.#ports.timeline.now + this.#ttlMs())
  }

  /** By the leader's clock. */
  #ttlMs(): number {
    return timings.leaseTtlMs / this.#ports.clocks.rate(this.#leader)
  }

  #expire(): void {
    if (!this.#isServing) return
    for (const [lease, endMs] of this.#leases) {
      if (endMs > this.#ports.timeline.now) continue
      this.#leases.delete(lease)
      for (const [epoch, each] of this.#holders) if (each === lease) this.#holders.delete(epoch)
    }
  }

  /**
   * The own member is asked, or, if that is down, another one. `work` runs at the instant at which the request takes effect, which
   * may be after its caller has given up.
   */
  #ask<Reply>(
    from: Process,
    timeoutMs: number,
    work: () => Reply,
    done: (reply: Reply | null, reason: string) => void,
  ): void {
    const { members, chance } = this.#ports
    const own = members[from.site] as Process
    this.#askMember(own.isUp ? own : chance.pick(members), from, timeoutMs, work, done)
  }

  #askMember<Reply>(
    member: Process,
    from: Process,
    timeoutMs: number,
    work: () => Reply,
    done: (reply: Reply | null, reason: string) => void,
  ): void {
    const { network, chance, timeline } = this.#ports
    const waitsUntilMs = timeline.now + timeoutMs * (chance.is(0.3) ? 3 : 1)
    const losesAnswer = this.losesAnswers > 0
    if (losesAnswer) this.losesAnswers -= 1
    call<Reply>({
      network,
      from,
      to: member,
      kind: 'control',
      timeoutMs,
      serve: (answer) => {
        const attempt = (): void => {
          const readyMs = this.#readyMs[member.site] ?? null
          const isReady = readyMs !== null && readyMs <= timeline.now && this.#reaches(member.site)
          const isReached = this.#isServing && this.#hasQuorum(this.#leader) && isReady
          if (isReached) {
            const toLeader = network.delayMs(member.site, this.#leader)
            timeline.at(toLeader + this.#quorumMs(), () => {
              this.#expire()
              const reply = work()
              if (!losesAnswer) timeline.at(toLeader, () => answer(reply))
            })
          } else if (timeline.now < waitsUntilMs) member.after(waitForLeaderMs, attempt)
        }
        attempt()
      },
      done,
    })
  }

  #reaches(member: number): boolean {
    const { network } = this.#ports
    return network.isUp(member, this.#leader, 'control') && network.isUp(this.#leader, member, 'control')
  }

  #quorumMs(): number {
    return 80 + this.#ports.chance.between(0, 10)
  }

  read(from: Process, timeoutMs: number, done: (reading: Reading | null, reason: string) => void): void {
    this.#ask(
      from,
      hedgeMs,
      () => this.#reading(),
      (reading, reason) => {
        if (reading !== null) return done(reading, reason)
        const others = this.#ports.members.filter((each) => each.site !== from.site)
        this.#askMember(this.#ports.chance.pick(others), from, timeoutMs - hedgeMs, () => this.#reading(), done)
      },
    )
  }

  #reading(): Reading {
    const { value, revision } = this.#record
    return {
      record: value,
      revision: String(revision),
      holders: [...this.#holders].map(([epoch, leaseId]) => ({ epoch, leaseId })),
    }
  }

  /** Compare-and-swap on the record; with `holder`, this lease's holder key is put in the same transaction. */
  swap(
    from: Process,
    change: { expect: string; record: EpochRecord | null; holder: number | null; leaseId: string },
    timeoutMs: number,
    done: (outcome: SwapOutcome) => void,
  ): void {
    const { expect, record, holder, leaseId } = change
    const work = (): SwapOutcome => {
      // A key can't hang on a lease that has run out: the whole transaction fails.
      if (holder !== null && !this.#leases.has(leaseId)) return { result: 'unknown', reason: 'lease not found' }
      if (String(this.#record.revision) !== expect) return { result: 'lost' }
      this.#revision += 1
      if (record !== null) {
        this.#ports.checker.recordChanged(this.#record.value, record)
        this.#record = { value: record, revision: this.#revision }
      }
      if (holder !== null) this.#holders.set(holder, leaseId)
      return { result: 'won', revision: String(this.#record.revision), leaseId }
    }
    this.#ask(from, timeoutMs, work, (outcome, reason) => done(outcome ?? { result: 'unknown', reason }))
  }

  grant(from: Process, timeoutMs: number, done: (leaseId: string | null) => void): void {
    const work = (): string => {
      this.#leaseCount += 1
      const leaseId = `lease-${this.#leaseCount}`
      this.#leases.set(leaseId, this.#ports.timeline.now + this.#ttlMs())
      return leaseId
    }
    this.#ask(from, timeoutMs, work, done)
  }

  /** False: the lease has run out. */
  keepAlive(from: Process, leaseId: string, timeoutMs: number, done: (isAlive: boolean | null) => void): void {
    const work = (): boolean => {
      if (!this.#leases.has(leaseId)) return false
      this.#leases.set(leaseId, this.#ports.timeline.now + this.#ttlMs())
      return true
    }
    this.#ask(from, timeoutMs, work, done)
  }

  removeHolder(from: Process, epoch: number, timeoutMs: number): void {
    this.#ask(
      from,
      timeoutMs,
      () => this.#holders.delete(epoch),
      () => undefined,
    )
  }

  moveLeader(from: Process, to: Region, timeoutMs: number): void {
    const member = this.#ports.regions.indexOf(to)
    this.#ask(
      from,
      timeoutMs,
      () => {
        if (this.#hasQuorum(member)) this.#elect(member)
      },
      () => undefined,
    )
  }

  askLeader(from: Process, timeoutMs: number, done: (leader: Region | null) => void): void {
    this.#ask(from, timeoutMs, () => this.#ports.regions[this.#leader] as Region, done)
  }
}
