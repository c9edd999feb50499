// One node of the simulated world, for tests: it keeps the agent's rules (promise, promote, follow) over a made-up WAL.
import type { AgentStatus, PromiseReply } from '#protocol/agent.ts'
import { type History, lsnFromBigInt, lsnToBigInt } from '#protocol/epoch.ts'
import { type Region, regions } from '#protocol/sites.ts'
import type { Failure } from './inputs.ts'

/** What a node sees of the world around it. */
export interface Surroundings {
  nodeIn(region: Region): FakeNode
  at(delayMs: number, run: () => void): void
  /** Between Postgres nodes. */
  send(from: Region, to: Region, run: () => void): void
  changed(node: FakeNode): void
  acked(epoch: number, lsn: bigint): void
  isDrained(region: Region): boolean
}

export class FakeNode {
  readonly region: Region
  up = true
  incarnation = 1
  state: AgentStatus['state'] = 'standby'
  promised = 0
  lsn = 1000n
  history: History = []
  following: Region | null = null
  streaming = false
  committed = false
  waiting: ((reply: { history: History } | Failure) => void) | null = null
  readonly #around: Surroundings

  constructor(region: Region, around: Surroundings) {
    this.region = region
    this.#around = around
  }

  position(): PromiseReply['position'] {
    if (this.state !== 'standby' && this.state !== 'primary') return null
    const epoch = this.history.findLast((each) => lsnToBigInt(each.startLsn) < this.lsn)?.epoch ?? 0
    return { epoch, lsn: lsnFromBigInt(this.lsn) }
  }

  status(): AgentStatus {
    return {
      region: this.region,
      incarnation: `${this.region}-agent-${this.incarnation}`,
      state: this.state,
      promised: this.promised,
      whole: this.state !== 'rewinding',
      position: this.position(),
      history: this.history,
      following: this.streaming ? this.following : null,
      streaming: this.streaming,
      epochCommitted: this.committed,
      followers: [],
      responsive: true,
      systemIdentifier: '1',
    }
  }

  raise(epoch: number): void {
    if (this.promised === epoch) return
    this.promised = epoch
    this.waiting?.({ promised: epoch, reason: 'superseded' })
    Object.assign(this, { state: 'standby', following: null, streaming: false, committed: false, waiting: null })
    this.#around.changed(this)
  }

  promise(epoch: number, answer: (reply: PromiseReply) => void): void {
    this.raise(epoch)
    this.#around.at(30, () => {
      if (!this.up || this.promised !== epoch) return
      answer({
        region: this.region,
        epoch,
        whole: true,
        position: this.position(),
        history: this.history,
        begun: 0,
        atNs: '0',
      })
    })
  }

  promote(epoch: number, answer: (outcome: { history: History } | Failure) => void): void {
    if (this.promised !== epoch || this.following !== null || this.state !== 'standby')
      return answer({ promised: this.promised, reason: `promised ${this.promised}, state ${this.state}` })
    this.state = 'promoting'
    this.history = [...this.history, { epoch, startLsn: lsnFromBigInt(this.lsn) }]
    this.waiting = answer
    this.#around.changed(this)
    this.#around.at(90, () => {
      if (!this.up || this.promised !== epoch || this.state !== 'promoting') return
      this.state = 'primary'
      this.lsn += 100n
      this.#around.changed(this)
    })
  }

  follow(epoch: number, primary: Region, history: History): void {
    if (this.promised === epoch && this.following === primary) return
    this.raise(epoch)
    const last = this.history.findLast((each) => lsnToBigInt(each.startLsn) < this.lsn)
    const next = history.find((each) => each.epoch > (last?.epoch ?? 0))
    const prefix =
      (last === undefined || history.some((each) => each.epoch === last.epoch && each.startLsn === last.startLsn)) &&
      (next === undefined || this.lsn <= lsnToBigInt(next.startLsn))
    Object.assign(this, { following: primary, state: prefix ? 'standby' : 'rewinding' })
    this.#around.at(prefix ? 300 : 2000, () => {
      if (!this.up || this.promised !== epoch || this.following !== primary) return
      Object.assign(this, {
        state: 'standby',
        streaming: true,
        history,
        lsn: this.#around.nodeIn(primary).promised === epoch ? this.#around.nodeIn(primary).lsn : this.lsn,
      })
      this.#around.changed(this)
    })
  }

  /** One write of the app: acknowledged once a follower of this epoch has it. */
  write(): void {
    if (!this.up || this.state !== 'primary' || (this.committed && this.#around.isDrained(this.region))) return
    const epoch = this.history.at(-1)?.epoch ?? 0
    this.lsn += 10n
    const { lsn } = this
    for (const follower of regions.map((each) => this.#around.nodeIn(each))) {
      if (follower === this) continue
      this.#around.send(this.region, follower.region, () => {
        const takes =
          follower.up && follower.streaming && follower.following === this.region && follower.promised === epoch
        if (!takes || this.promised !== epoch) return
        follower.lsn = follower.lsn > lsn ? follower.lsn : lsn
        this.#around.send(follower.region, this.region, () => this.commit(epoch, lsn))
      })
    }
  }

  commit(epoch: number, lsn: bigint): void {
    if (!this.up || this.state !== 'primary' || this.promised !== epoch) return
    this.#around.acked(epoch, lsn)
    if (this.committed) return
    this.committed = true
    // The beat overtakes the answer.
    this.#around.changed(this)
    this.waiting?.({ history: this.history })
    this.waiting = null
  }
}
