// The relay in the app's process: from the outbox to the region's Kafka under a permit, with the real books of what is everywhere.
import { Confirmations } from '#services/app/core/confirmations.ts'
import { OutboxCursor } from '#services/app/core/outbox-cursor.ts'
import type { PositionsReply } from '#protocol/bus.ts'
import { eventHeaders } from '#protocol/order.ts'
import type { Region } from '#protocol/sites.ts'
import type { CommitMode } from '#protocol/topology.ts'
import { call } from '../calls.ts'
import type { Checker } from '../invariants.ts'
import type { Network } from '../network.ts'
import type { Process } from '../process.ts'
import type { Agent } from './agent.ts'
import type { Bridge } from './bridge.ts'
import type { KafkaEvent } from './kafka.ts'

export interface RelayPorts {
  readonly regions: readonly Region[]
  readonly region: Region
  readonly commit: CommitMode
  readonly network: Network
  readonly process: Process
  readonly agent: Agent
  readonly checker: Checker
  readonly bridges: () => readonly Bridge[]
  /** The epoch of the permit that is valid now, while the door is open; null: keep still. */
  readonly permittedEpoch: () => number | null
}

/** What one look at the outbox saw. */
interface Look {
  readonly fresh: readonly { readonly key: string; readonly seq: bigint }[]
  readonly xmin: bigint
  readonly xmax: bigint
  readonly flushedLsn: number
  readonly atMs: number
}

interface Run {
  readonly epoch: number
  readonly topicId: string
  readonly confirmations: Confirmations
  readonly cursor: OutboxCursor
  readonly sent: Map<string, string>
  /** The quorum does not have yet what it saw. */
  look: Look | null
  askedAtMs: number
}

const lookMs = 300
const vouchedWithinMs = 1000
const positionsEveryMs = 500
const longest = 50_000

export class Relay {
  readonly #ports: RelayPorts
  #run: Run | null = null

  constructor(ports: RelayPorts) {
    this.#ports = ports
  }

  boot(): void {
    this.#run = null
    this.#ports.process.every(lookMs, () => this.#look())
  }

  #bridge(region: Region): Bridge {
    return this.#ports.bridges()[this.#ports.regions.indexOf(region)] as Bridge
  }

  #look(): void {
    const { agent, region, regions } = this.#ports
    const epoch = this.#ports.permittedEpoch()
    const { postgres } = agent
    const own = this.#bridge(region)
    const canWork = epoch !== null && agent.process.isAtWork && postgres.isUp && postgres.role === 'primary'
    if (!canWork || !own.process.isAtWork || postgres.seenEpoch.epoch !== epoch) {
      this.#run = null
      return
    }
    const { topicId } = own.kafka
    if (this.#run?.epoch !== epoch || this.#run.topicId !== topicId) {
      const others = regions.filter((each) => each !== region)
      this.#run = {
        epoch,
        topicId,
        confirmations: new Confirmations({ origin: region, topicId, others, longest }),
        cursor: new OutboxCursor(),
        sent: new Map(),
        look: null,
        askedAtMs: Number.NEGATIVE_INFINITY,
      }
    }
    this.#work(this.#run, own)
  }

  #work(run: Run, own: Bridge): void {
    const { agent, process } = this.#ports
    const { postgres } = agent
    if (!this.#send(run, own)) return
    if (run.confirmations.unconfirmed > 0 && process.now - run.askedAtMs >= positionsEveryMs) {
      run.askedAtMs = process.now
      this.#askPositions(run)
    }
    const done = run.confirmations.takeDone().map((seq) => run.sent.get(seq) ?? '')
    if (done.length > 0) postgres.commitLocally(postgres.insert('done', done, run.epoch))
  }

  /** @returns false while the quorum is waited for */
  #send(run: Run, own: Bridge): boolean {
    const { process } = this.#ports
    run.look ??= this.#lookAtOutbox(run)
    const { fresh, xmin, xmax, flushedLsn, atMs } = run.look
    if (fresh.length > 0 && !this.#isVouched(flushedLsn)) {
      if (process.now - atMs <= vouchedWithinMs) return false
      run.look = null
      return true
    }
    run.look = null
    if (fresh.length > 0) {
      const last = own.kafka.append(fresh.map(({ key }) => this.#event(key, run.epoch)))
      for (const { key, seq } of fresh) {
        run.sent.set(seq.toString(), key)
        this.#ports.checker.eventSent(key, run.epoch)
      }
      const seqs = fresh.map(({ seq }) => seq.toString())
      run.confirmations.sent(seqs, new Map([[0, last]]), process.now)
    }
    run.cursor.looked({ seqs: fresh.map(({ seq }) => seq), isCut: false, xmin, xmax })
    return true
  }

  #isVouched(lsn: number): boolean {
    return this.#ports.commit === 'async' || this.#ports.agent.postgres.vouchedLsn() >= lsn
  }

  #lookAtOutbox(run: Run): Look {
    const { outbox, openTransactions, transactionCount, flushedLsn } = this.#ports.agent.postgres
    const { settled } = run.cursor
    const known = new Set(run.cursor.sent)
    const fresh = [...outbox]
      .filter(([, seq]) => seq > settled)
      .map(([key, seq]) => ({ key, seq: BigInt(seq) }))
      .filter(({ seq }) => !known.has(seq))
      .sort((left, right) => (left.seq < right.seq ? -1 : 1))
    const above = transactionCount + 1
    const xmin = BigInt(Math.min(above, ...openTransactions))
    return { fresh, xmin, xmax: BigInt(above), flushedLsn, atMs: this.#ports.process.now }
  }

  #event(id: string, epoch: number): KafkaEvent {
    const headers = {
      [eventHeaders.id]: id,
      [eventHeaders.origin]: this.#ports.region,
      [eventHeaders.epoch]: String(epoch),
    }
    return { id, epoch, headers }
  }

  #askPositions(run: Run): void {
    const { network, process, region, regions } = this.#ports
    for (const other of regions) {
      if (other === region) continue
      const bridge = this.#bridge(other)
      call<PositionsReply>({
        network,
        from: process,
        to: bridge.process,
        kind: 'kafka',
        timeoutMs: 1500,
        serve: (answer) => answer(bridge.positions()),
        done: (reply) => {
          if (reply !== null && this.#run === run) run.confirmations.heard(reply)
        },
      })
    }
  }
}
