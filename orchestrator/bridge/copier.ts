// Copies one source region's orders into the region's own Kafka, for as long as it is told to; errors only make it begin again.
import { bridgeHeaders, ordersPartitions, type BridgeCheckpoint, type BridgeSource } from '#protocol/bus.ts'
import { eventHeaders, ordersTopic } from '#protocol/order.ts'
import type { Region } from '#protocol/sites.ts'
import {
  KafkaError,
  type FetchedPartition,
  type FetchedRecord,
  type KafkaRecord,
  type KafkaSession,
  type OpenKafka,
} from '#runtime/kafka.ts'
import type { Log } from '#runtime/log.ts'
import { readCheckpoint, writeCheckpoint } from './checkpoints.ts'
import { beginAt, judge } from '../core/bridge/copy-rules.ts'

const waitMs = 1000
/** Events that come soon after one another are copied together: each request costs both ends far more than a record does. */
const gatherMs = 100
const checkpointEveryMs = 1000
const firstPauseMs = 100
const longestPauseMs = 1000

/** What all copiers of a bridge know together. */
export interface Knowledge {
  /** The highest epoch that any controller or record told of. */
  epoch: number
  copied: number
  refused: number
}

export class Copier {
  readonly #source: Region
  readonly #open: OpenKafka
  readonly #authorities: { readonly source: string; readonly local: string }
  readonly #knowledge: Knowledge
  readonly #log: Log
  readonly #stop = new AbortController()
  #state: BridgeCheckpoint | null = null
  #localTopicId: string | null = null
  #checkpointedAtMs = 0
  #isDirty = false
  #sessions: KafkaSession[] = []

  constructor(options: {
    source: Region
    open: OpenKafka
    authorities: { source: string; local: string }
    knowledge: Knowledge
    log: Log
  }) {
    this.#source = options.source
    this.#open = options.open
    this.#authorities = options.authorities
    this.#knowledge = options.knowledge
    this.#log = options.log
  }

  /** What is safely in the region's own Kafka; null before the first look at it. */
  position(): BridgeSource | null {
    if (this.#state === null) return null
    const { source, topicId, offsets } = this.#state
    return { source, topicId, offsets: [...offsets] }
  }

  /** Runs until `stop`. Never rejects. */
  async run(): Promise<void> {
    let pauseMs = firstPauseMs
    while (!this.#stop.signal.aborted) {
      const before = this.#knowledge.copied
      try {
        await this.#session()
      } catch (error) {
        if (this.#stop.signal.aborted) break
        this.#log.warn({ source: this.#source, reason: (error as Error).message }, 'copying interrupted')
        if (error instanceof KafkaError && error.code === 'offset-out-of-range') this.#state = null
      } finally {
        for (const session of this.#sessions) session.close()
        this.#sessions = []
      }
      pauseMs = this.#knowledge.copied > before ? firstPauseMs : Math.min(pauseMs * 2, longestPauseMs)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  stop(): void {
    this.#stop.abort()
    for (const session of this.#sessions) session.close()
  }

  async #connect(authority: string): Promise<KafkaSession> {
    const session = await this.#open(authority)
    this.#sessions.push(session)
    return session
  }

  async #session(): Promise<void> {
    const local = await this.#connect(this.#authorities.local)
    await local.ensureTopic(ordersTopic, { partitions: ordersPartitions, compacted: false })
    const localTopic = await local.topic(ordersTopic)
    // What was copied into a Kafka that is no more must be copied again.
    if (localTopic?.id !== this.#localTopicId) this.#state = null
    this.#localTopicId = localTopic?.id ?? null
    const known = this.#state ?? (await readCheckpoint(local, this.#source))

    const source = await this.#connect(this.#authorities.source)
    const topic = await source.topic(ordersTopic)
    if (topic === null) throw new KafkaError('unknown-topic', `region ${this.#source} has no topic ${ordersTopic} yet`)
    const state = await withinLog(beginAt(known, this.#source, topic), source)
    this.#state = state
    this.#knowledge.epoch = Math.max(this.#knowledge.epoch, state.epoch)
    this.#log.info({ source: this.#source, topicId: state.topicId, offsets: state.offsets }, 'copying')
    while (!this.#stop.signal.aborted) {
      const fetched = await source.fetch(ordersTopic, new Map(state.offsets.entries()), waitMs)
      await this.#take(local, state, fetched)
      const isWholeNow = !state.whole && fetched.every((each) => each.nextOffset >= each.endOffset)
      state.whole ||= isWholeNow
      await this.#checkpoint(local, state, isWholeNow)
      // While nothing is copied nothing else would tell that the own Kafka is gone, and perhaps made anew.
      if (fetched.every((each) => each.records.length === 0)) await local.topic(ordersTopic)
      else await new Promise((resolve) => setTimeout(resolve, gatherMs))
    }
  }

  async #take(local: KafkaSession, state: BridgeCheckpoint, fetched: readonly FetchedPartition[]): Promise<void> {
    const judged = fetched.map(({ partition, records }) => [partition, this.#copiesOf(state, records)] as const)
    const copies = new Map(judged.filter(([, records]) => records.length > 0))
    // What decides refusals must outlast the bridge, hence before it takes effect: else what is refused now is taken in later.
    if (this.#knowledge.epoch > state.epoch) await this.#checkpoint(local, state, true)
    if (copies.size > 0) await local.produce(ordersTopic, copies)
    for (const records of copies.values()) this.#knowledge.copied += records.length
    for (const { partition, nextOffset } of fetched) {
      if (state.offsets[partition] === nextOffset) continue
      state.offsets[partition] = nextOffset
      this.#isDirty = true
    }
  }

  #copiesOf(state: BridgeCheckpoint, records: readonly FetchedRecord[]): readonly KafkaRecord[] {
    return records.flatMap((record) => {
      const known = { epoch: this.#knowledge.epoch, whole: state.whole }
      const verdict = judge(record.headers, this.#source, known)
      if (verdict === 'refused') this.#knowledge.refused += 1
      if (verdict !== 'copy') return []
      this.#knowledge.epoch = Math.max(this.#knowledge.epoch, Number(record.headers[eventHeaders.epoch]) || 0)
      const trace = { [bridgeHeaders.topicId]: state.topicId, [bridgeHeaders.offset]: String(record.offset) }
      return [{ key: record.key, value: record.value, headers: { ...record.headers, ...trace } }]
    })
  }

  async #checkpoint(local: KafkaSession, state: BridgeCheckpoint, isUrgent: boolean): Promise<void> {
    const nowMs = performance.now()
    const isDue = this.#isDirty && nowMs - this.#checkpointedAtMs >= checkpointEveryMs
    if (!isDue && !isUrgent) return
    state.epoch = this.#knowledge.epoch
    await writeCheckpoint(local, state)
    this.#checkpointedAtMs = nowMs
    this.#isDirty = false
  }
}

/** A log that ends below our offset has lost its tail: what is written there since is read again from the beginning. */
async function withinLog(state: BridgeCheckpoint, source: KafkaSession): Promise<BridgeCheckpoint> {
  const offsets: number[] = []
  let whole = state.whole
  for (const [partition, offset] of state.offsets.entries()) {
    const { first, end } = await source.offsets(ordersTopic, partition)
    const isInside = offset >= first && offset <= end
    offsets.push(isInside ? offset : first)
    whole &&= isInside
  }
  return { ...state, offsets, whole }
}
