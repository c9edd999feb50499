// The bus of one region: its Kafka and its bridge, which copies by the real rules what was born in the other regions, and fills a
// Kafka that was lost.
import { beginAt, isFilled, isHistory, judge } from '#orchestrator/core/bridge/copy-rules.ts'
import { bridgeHeaders, type BridgeCheckpoint, type PositionsReply } from '#protocol/bus.ts'
import type { Region } from '#protocol/sites.ts'
import { call } from '../calls.ts'
import type { Chance } from '#runtime/chance.ts'
import type { Coverage } from '../coverage.ts'
import type { Network } from '../network.ts'
import { Process } from '../process.ts'
import type { Timeline } from '../timeline.ts'
import { Kafka, type KafkaEvent } from './kafka.ts'

export interface BridgePorts {
  readonly regions: readonly Region[]
  readonly site: number
  readonly network: Network
  readonly timeline: Timeline
  readonly chance: Chance
  readonly coverage: Coverage
  readonly bridges: () => readonly Bridge[]
}

interface Fetched {
  readonly topicId: string
  readonly from: number
  readonly events: readonly KafkaEvent[]
  readonly end: number
}

const waitMs = 1000
const gatherMs = 100
const fetchTimeoutMs = 2500
const retryMs = 500

export class Bridge {
  readonly process: Process
  readonly region: Region
  readonly kafka: Kafka
  readonly #ports: BridgePorts
  /** In the region's Kafka, hence lost with it, and kept over a restart of the bridge. */
  #checkpoints = new Map<Region, BridgeCheckpoint>()
  #epoch = 0

  constructor(ports: BridgePorts) {
    this.#ports = ports
    this.region = ports.regions[ports.site] as Region
    this.kafka = new Kafka(this.region)
    this.process = new Process(ports.site, `bridge.${this.region}`, ports.timeline, ports.chance)
  }

  boot(): void {
    this.#epoch = 0
    for (const source of this.#ports.regions)
      if (source !== this.region) this.process.after(50, () => this.#copy(source))
  }

  /** The region's Kafka is made anew, and with it all that the bridge knew. */
  loseKafka(): void {
    this.kafka.lose(this.process.now)
    this.#checkpoints = new Map()
    this.process.kill()
    this.process.start()
    this.boot()
  }

  learnEpoch(epoch: number): void {
    this.#epoch = Math.max(this.#epoch, epoch)
  }

  positions(): PositionsReply {
    const sources = [...this.#checkpoints].map(([source, { topicId, offsets }]) => ({ source, topicId, offsets }))
    return { region: this.region, epoch: this.#epoch, copied: 0, refused: 0, sources }
  }

  #copy(source: Region): void {
    const { network, regions, timeline } = this.#ports
    const other = this.#ports.bridges()[regions.indexOf(source)] as Bridge
    const topic = { id: other.kafka.topicId, log: [{ first: 0, end: other.kafka.log.length }] }
    const begin = beginAt(this.#checkpoints.get(source) ?? null, source, topic)
    this.#epoch = Math.max(this.#epoch, begin.epoch)
    const from = begin.offsets[0] ?? 0
    call<Fetched>({
      network,
      from: this.process,
      to: other.process,
      kind: 'kafka',
      timeoutMs: fetchTimeoutMs,
      serve: (answer) => {
        let isAnswered = false
        const reply = (): void => {
          if (isAnswered) return
          isAnswered = true
          const { log, topicId } = other.kafka
          answer({ topicId, from, events: log.slice(from), end: log.length })
        }
        if (other.kafka.log.length > from) return timeline.at(this.#ports.chance.between(1, gatherMs), reply)
        other.kafka.listen(reply)
        other.process.after(waitMs, reply)
      },
      done: (fetched) => {
        if (fetched === null || fetched.topicId !== begin.topicId)
          return this.process.after(retryMs, () => this.#copy(source))
        this.#take(source, begin, fetched)
        this.process.after(fetched.events.length > 0 ? gatherMs : 1, () => this.#copy(source))
      },
    })
  }

  #take(source: Region, begin: BridgeCheckpoint, fetched: Fetched): void {
    const copies = fetched.events.flatMap((event, index) => {
      const offset = fetched.from + index
      const verdict = judge(event.headers, source, {
        epoch: this.#epoch,
        isHistory: isHistory(begin, 0, offset),
        isHeld: this.kafka.ids.has(event.id),
      })
      this.#ports.coverage.count('bridge', verdict)
      if (verdict !== 'copy') return []
      this.#epoch = Math.max(this.#epoch, event.epoch)
      const trace = { [bridgeHeaders.topicId]: fetched.topicId, [bridgeHeaders.offset]: String(offset) }
      return [{ ...event, headers: { ...event.headers, ...trace } }]
    })
    if (copies.length > 0) this.kafka.append(copies)
    const next = { ...begin, offsets: [fetched.from + fetched.events.length], epoch: this.#epoch }
    this.#checkpoints.set(source, isFilled(next) ? { ...next, historyTo: null } : next)
  }
}
