// Three cores in a small simulated world, for tests: nodes that keep the agent's rules, an etcd with compare-and-swap, links with
// delay that can be cut. Deterministic: time is a number, chance comes from a seed.
import { type EpochRecord, lsnFromBigInt } from '#protocol/epoch.ts'
import { type Region, regions } from '#protocol/sites.ts'
import type { Announcement, Effect } from './effects.ts'
import type { Failure, Input, SwapOutcome } from './inputs.ts'
import { type Settings, timings } from './settings.ts'
import { everyRegion, initialState, knownEpoch, ownEpoch, type State } from './state.ts'
import { FakeNode } from './fake-node.ts'
import { step } from './step.ts'

const wanMs = 40
const nearMs = 1
const hops = { controller: 'controller', postgres: 'postgres', app: 'app', etcd: 'etcd' } as const
type Host = keyof typeof hops

interface Process {
  readonly region: Region
  up: boolean
  frozen: boolean
  incarnation: number
  state: State
  inbox: Input[]
}

export interface Story {
  readonly atMs: number
  readonly region: Region
  readonly event: Announcement
}

export class FakeWorld {
  now = 0
  readonly story: Story[] = []
  readonly effects: { readonly atMs: number; readonly region: Region; readonly effect: Effect }[] = []
  readonly answers: { readonly request: string; readonly done: boolean; readonly reason: string }[] = []
  /** The greatest acknowledged position by epoch, as the app would have seen it. */
  readonly acked: { readonly epoch: number; readonly lsn: bigint; readonly atMs: number }[] = []
  readonly nodes: Record<Region, FakeNode>
  readonly processes: Record<Region, Process>
  /** A region (`a`), or a host of one (`a:controller`): packets between regions vanish. */
  readonly cuts = new Set<string>()
  /** Regions whose app holds new writes. */
  readonly drained = new Set<Region>()
  /** Fate of the next compare-and-swap: answered, or done and its answer lost. */
  loseNextSwapAnswer = false
  /** Whether the fence device says that it has cut off a region; what it says about one that is cut already is true. */
  fenceWorks = false
  etcdUp = true
  etcdLeader: Region = 'b'
  readonly #settings: Pick<Settings, 'commit' | 'maxLossMs' | 'acceptDataLoss' | 'home'>
  #queue: { readonly atMs: number; readonly run: () => void }[] = []
  #revision = 0
  #record: { value: EpochRecord | null; revision: number } = { value: null, revision: 0 }
  #holders = new Map<number, string>()
  readonly #renewed = new Map<string, number>()
  #random: number

  constructor(settings: Partial<Settings> = {}, seed = 1) {
    this.#settings = { commit: 'quorum', maxLossMs: 5000, acceptDataLoss: false, home: 'a', ...settings }
    this.#random = seed
    this.nodes = everyRegion(
      regions,
      (region) =>
        new FakeNode(region, {
          at: (delayMs, run) => this.at(delayMs, run),
          send: (from, to, run) => this.#send(from, to, 'postgres', 'postgres', run),
          changed: (node) => this.#agentBeat(node),
          acked: (epoch, lsn) => this.acked.push({ epoch, lsn, atMs: this.now }),
          isDrained: (region) => this.drained.has(region),
          nodeIn: (region) => this.nodes[region],
        }),
    )
    this.processes = everyRegion(regions, (region) => this.#process(region, 1))
    for (const region of regions) this.#startLoops(region)
  }

  get record(): EpochRecord | null {
    return this.#record.value
  }

  chance(): number {
    this.#random = (this.#random * 48_271) % 2_147_483_647
    return this.#random / 2_147_483_647
  }

  at(delayMs: number, run: () => void): void {
    const atMs = this.now + delayMs
    const after = this.#queue.findLastIndex((each) => each.atMs <= atMs)
    this.#queue.splice(after + 1, 0, { atMs, run })
  }

  run(forMs: number): void {
    const end = this.now + forMs
    for (;;) {
      const next = this.#queue[0]
      if (next === undefined || next.atMs > end) break
      this.#queue.shift()
      this.now = next.atMs
      next.run()
    }
    this.now = end
  }

  /** Runs until the condition holds. Throws after `withinMs`. */
  until(what: string, condition: () => boolean, withinMs = 20_000): void {
    const end = this.now + withinMs
    while (!condition()) {
      if (this.now >= end)
        throw new Error(`expected ${what} within ${withinMs} ms; the story so far:\n${this.transcript()}`)
      this.run(5)
    }
  }

  transcript(fromMs = 0): string {
    return this.story
      .filter((each) => each.atMs >= fromMs)
      .map(
        (each) =>
          `${String(Math.round(each.atMs - fromMs)).padStart(6)} ${each.region}  ${each.event.kind}: ${each.event.reason}`,
      )
      .join('\n')
  }

  order(region: Region, input: Input): void {
    this.#take(this.processes[region], input)
  }

  /** Cut first, then killed: nobody hears a last word. */
  killRegion(region: Region): void {
    this.cuts.add(region)
    this.killController(region)
    this.crash(region)
    this.nodes[region].up = false
  }

  crash(region: Region): void {
    const node = this.nodes[region]
    Object.assign(node, { state: 'crashed', following: null, streaming: false, committed: false })
    node.waiting?.({ promised: null, reason: 'Postgres crashed' })
    node.waiting = null
    this.#agentBeat(node)
  }

  /** Power is back: the agent starts Postgres as a standby that waits for orders. */
  revive(region: Region): void {
    const node = this.nodes[region]
    Object.assign(node, { up: true, state: 'standby', incarnation: node.incarnation + 1 })
    this.cuts.delete(region)
    this.restartController(region)
  }

  killController(region: Region): void {
    this.processes[region].up = false
  }

  restartController(region: Region): void {
    this.processes[region] = this.#process(region, this.processes[region].incarnation + 1)
  }

  freeze(region: Region): void {
    this.processes[region].frozen = true
  }

  /** What came meanwhile lies in the process's sockets, and its timers are due. */
  thaw(region: Region): void {
    const process = this.processes[region]
    process.frozen = false
    for (const input of process.inbox.splice(0)) this.#take(process, input)
  }

  #process(region: Region, incarnation: number): Process {
    const settings: Settings = {
      ...this.#settings,
      regions,
      region,
      incarnation: `${region}${incarnation}`,
      dataSet: 'orders',
    }
    return { region, up: true, frozen: false, incarnation, state: initialState(settings, this.now), inbox: [] }
  }

  #startLoops(region: Region): void {
    const every = (periodMs: number, work: (process: Process) => void): void => {
      const again = (): void => {
        const process = this.processes[region]
        if (process.up && !process.frozen) work(process)
        this.at(periodMs, again)
      }
      this.at(this.chance() * periodMs, again)
    }
    every(25, (process) => this.#take(process, { kind: 'tick', lateMs: 0 }))
    every(100, (process) => this.#controllerBeat(process))
    every(700, (process) => this.#lease(process))
    every(1000, (process) => this.#read(process))
    const beat = (): void => {
      if (this.nodes[region].up) this.#agentBeat(this.nodes[region])
      this.at(100, beat)
    }
    this.at(this.chance() * 100, beat)
    const write = (): void => {
      this.nodes[region].write()
      this.at(20, write)
    }
    this.at(20, write)
  }

  /** Whether a packet between two hosts arrives; null if it vanishes. */
  #delay(from: Region, to: Region, fromHost: Host, toHost: Host): number | null {
    if (from !== to) {
      const ends = [from, to, `${from}:${hops[fromHost]}`, `${to}:${hops[toHost]}`]
      if (ends.some((each) => this.cuts.has(each))) return null
    }
    return (from === to ? nearMs : wanMs) + this.chance()
  }

  #send(from: Region, to: Region, fromHost: Host, toHost: Host, run: () => void): void {
    const delay = this.#delay(from, to, fromHost, toHost)
    if (delay !== null) this.at(delay, run)
  }

  #take(process: Process, input: Input): void {
    if (!process.up || this.processes[process.region] !== process) return
    if (process.frozen) {
      process.inbox.push(input)
      return
    }
    const { state, effects } = step(process.state, input, this.now)
    process.state = state
    for (const effect of effects) {
      this.effects.push({ atMs: this.now, region: process.region, effect })
      this.#perform(process, effect)
    }
  }

  #controllerBeat(process: Process): void {
    const { state, region } = process
    const beat = {
      region,
      incarnation: state.settings.incarnation,
      lateMs: 0,
      epoch: knownEpoch(state),
      holdsEpoch: ownEpoch(state) !== null,
      etcdReachable: state.etcdReachable,
      suspects: state.suspicion === null ? [] : [{ region: state.suspicion.region, why: state.suspicion.why }],
      local: { app: true, postgres: true, redis: true, kafka: true },
    }
    for (const to of regions)
      if (to !== region)
        this.#send(region, to, 'controller', 'controller', () =>
          this.#take(this.processes[to], { kind: 'controller-beat', beat }),
        )
  }

  #agentBeat(node: FakeNode): void {
    if (!node.up) return
    // As an agent's beats do, these carry the last epochs only.
    const status = { ...node.status(), history: node.history.slice(-4) }
    for (const to of regions)
      this.#send(node.region, to, 'postgres', 'controller', () =>
        this.#take(this.processes[to], { kind: 'agent-beat', region: node.region, status }),
      )
  }

  #swap(process: Process, expect: string, record: EpochRecord, reply: (outcome: SwapOutcome) => void): void {
    const { region } = process
    const peers = regions.filter((each) => each !== region && this.#delay(region, each, 'etcd', 'etcd') !== null)
    if (
      !this.etcdUp ||
      peers.length === 0 ||
      this.#delay(region, region, 'controller', 'etcd') === null ||
      this.cuts.has(`${region}:etcd`)
    ) {
      this.at(1500, () => reply({ result: 'unknown', reason: 'time-out' }))
      return
    }
    this.at(wanMs, () => {
      const done = String(this.#record.revision) === expect
      if (done) {
        this.#revision += 1
        this.#record = { value: record, revision: this.#revision }
        if (record.state === 'claimed') this.#holders.set(record.epoch, record.incarnation)
      }
      const revision = String(this.#revision)
      if (this.loseNextSwapAnswer) {
        this.loseNextSwapAnswer = false
        this.at(1500, () => reply({ result: 'unknown', reason: 'time-out' }))
      } else
        this.at(wanMs, () =>
          reply(done ? { result: 'won', revision, leaseId: record.incarnation } : { result: 'lost' }),
        )
    })
  }

  #quorumFrom(region: Region): boolean {
    return this.etcdUp && regions.some((each) => each !== region && this.#delay(region, each, 'etcd', 'etcd') !== null)
  }

  #read(process: Process): void {
    const askedMs = this.now
    if (!this.#quorumFrom(process.region)) {
      this.at(1000, () => this.#take(process, { kind: 'record-unreadable', reason: 'time-out' }))
      return
    }
    this.at(wanMs, () => {
      const { value, revision } = this.#record
      const holders = [...this.#holders]
        .filter(([, leaseId]) => this.now - (this.#renewed.get(leaseId) ?? this.now) < timings.leaseTtlMs)
        .map(([epoch, leaseId]) => ({ epoch, leaseId }))
      if (this.cuts.has(this.etcdLeader)) this.etcdLeader = process.region
      const leader = this.etcdLeader
      this.at(wanMs, () => {
        this.#take(process, { kind: 'record', askedMs, record: value, revision: String(revision), holders })
        this.#take(process, { kind: 'etcd-leader', leader })
      })
    })
  }

  #lease(process: Process): void {
    const sentMs = this.now
    const leaseId = process.state.settings.incarnation
    if (!this.#quorumFrom(process.region)) return
    this.#renewed.set(leaseId, sentMs + wanMs)
    this.at(2 * wanMs, () => this.#take(process, { kind: 'lease', sentMs, leaseId }))
  }

  #perform(process: Process, effect: Effect): void {
    const reply = (input: Input): void => this.#take(process, input)
    switch (effect.kind) {
      case 'announce':
        this.story.push({ atMs: this.now, region: process.region, event: effect.event })
        return
      case 'beat':
        return this.#controllerBeat(process)
      case 'answer':
        this.answers.push({ request: effect.request, done: effect.reply.done, reason: effect.reply.reason })
        return
      case 'claim':
        return this.#swap(process, effect.expectRevision, effect.record, (outcome) =>
          reply({ kind: 'claim-reply', epoch: effect.record.epoch, outcome }),
        )
      case 'activate':
        return this.#swap(process, effect.expectRevision, effect.record, (outcome) =>
          reply({ kind: 'activate-reply', epoch: effect.record.epoch, outcome }),
        )
      case 'read-record':
        return this.#read(process)
      case 'release-holder':
        this.#holders.delete(effect.epoch)
        return
      case 'write-region': {
        const { region } = effect.promotion
        const epoch = effect.promotion.fence.claim.epoch
        for (const each of regions)
          this.#send(process.region, each, 'controller', 'app', () => {
            // A later epoch's word ends a drain.
            this.drained.delete(each)
            if (each !== region) return
            this.#send(region, process.region, 'app', 'controller', () => reply({ kind: 'steered', epoch, region }))
          })
        return
      }
      case 'drain': {
        this.drained.add(effect.region)
        this.at(timings.drainHoldMs, () => this.drained.delete(effect.region))
        const lsn = lsnFromBigInt(this.nodes[effect.region].lsn)
        return this.at(2 * wanMs, () => reply({ kind: 'drain-reply', epoch: effect.claim.epoch, outcome: { lsn } }))
      }
      case 'await-position':
        return this.at(wanMs, () =>
          reply({ kind: 'positioned', epoch: effect.claim.epoch, region: effect.region, reached: true }),
        )
      case 'fence':
        return this.at(5, () =>
          reply({
            kind: 'fence-reply',
            epoch: effect.claim.epoch,
            fenced: this.fenceWorks,
            reason: this.fenceWorks ? 'The fence device has cut it off' : 'The fence device is broken',
          }),
        )
      case 'undrain':
        this.drained.delete(effect.region)
        return
      case 'permit':
      case 'unfence':
      case 'attach-holder':
        return
      case 'move-leader':
        this.etcdLeader = effect.to
        return
      case 'prepare':
      case 'promise':
      case 'promote':
      case 'follow':
        return this.#agent(process, effect)
    }
  }

  #agent(process: Process, effect: Extract<Effect, { kind: 'prepare' | 'promise' | 'promote' | 'follow' }>): void {
    const node = this.nodes[effect.region]
    const { epoch } = 'claim' in effect ? effect.claim : effect.fence.claim
    const { region } = effect
    let answered = false
    const back = (input: Input): void =>
      this.#send(region, process.region, 'postgres', 'controller', () => {
        if (!answered) this.#take(process, input)
        answered = true
      })
    const fail = (outcome: Failure): Input => {
      if (effect.kind === 'promise') return { kind: 'promise-reply', epoch, region, outcome }
      if (effect.kind === 'promote') return { kind: 'promote-reply', epoch, region, outcome }
      return { kind: effect.kind === 'prepare' ? 'prepare-reply' : 'follow-reply', epoch, region, outcome }
    }
    this.at(3000, () => {
      if (!answered) this.#take(process, fail({ promised: null, reason: 'time-out' }))
      answered = true
    })
    this.#send(process.region, region, 'controller', 'postgres', () => {
      if (!node.up) return
      if (effect.kind === 'prepare') return back(fail({ promised: node.promised, reason: 'not offered here' }))
      if (node.promised > epoch) return back(fail({ promised: node.promised, reason: 'a higher epoch is promised' }))
      if (effect.kind === 'promise')
        return node.promise(epoch, (reply) => back({ kind: 'promise-reply', epoch, region, outcome: reply }))
      if (effect.kind === 'promote')
        return node.promote(epoch, (outcome) => back({ kind: 'promote-reply', epoch, region, outcome }))
      node.follow(epoch, effect.primary, effect.history)
      return back({
        kind: 'follow-reply',
        epoch,
        region,
        outcome: { epoch, way: node.state === 'rewinding' ? 'rewind' : 'attach' },
      })
    })
  }
}
