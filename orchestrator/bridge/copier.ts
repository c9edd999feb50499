// Copies one source region's orders into the region's own Kafka, for as long as it is told to; errors only make it begin again.
// A Kafka of its own that was lost with its disk is filled first: with all that the source's log holds, what was born in the own
// region included, each event once (copy-rules.ts says which and why).
import { bridgeHeaders, ordersPartitions, type BridgeCheckpoint, type BridgeSource } from '#protocol/bus.ts'
import { eventHeaders, ordersTopic } from '#protocol/order.ts'
import type { Region } from '#protocol/sites.ts'
import {
  KafkaError,
  type FetchedPartition,
  type KafkaRecord,
  type KafkaSession,
  type OpenKafka,
} from '#runtime/kafka.ts'
import type { Log } from '#runtime/log.ts'
import { readCheckpoint, writeCheckpoint } from './checkpoints.ts'
import type { HeldEvents } from './held-events.ts'
import { beginAt, isFilled, isHistory, judge, type LogSpan } from '../core/bridge/copy-rules.ts'

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
  readonly #held: HeldEvents
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
    held: HeldEvents
    log: Log
  }) {
    this.#source = options.source
    this.#open = options.open
    this.#authorities = options.authorities
    this.#knowledge = options.knowledge
    this.#held = options.held
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
    const log = await spansOf(source, topic.partitions)
    const state = { ...beginAt(known, this.#source, { id: topic.id, log }) }
    if (state.historyTo !== null) await this.#held.begin(this.#source, local, this.#localTopicId ?? '')
    this.#state = state
    this.#knowledge.epoch = Math.max(this.#knowledge.epoch, state.epoch)
    const { topicId, offsets, historyTo } = state
    this.#log.info({ source: this.#source, topicId, offsets, historyTo }, 'copying')
    await this.#checkpoint(local, state, this.#endHistory(state))
    while (!this.#stop.signal.aborted) {
      const fetched = await source.fetch(ordersTopic, new Map(state.offsets.entries()), waitMs)
      // While the Kafka is being filled each copier must know what the others have brought.
      if (this.#held.areKnown) await this.#held.inTurn(async () => await this.#take(local, state, fetched))
      else await this.#take(local, state, fetched)
      await this.#checkpoint(local, state, this.#endHistory(state))
      // While nothing is copied nothing else would tell that the own Kafka is gone, and perhaps made anew.
      if (fetched.every((each) => each.records.length === 0)) await local.topic(ordersTopic)
      else if (state.historyTo === null) await new Promise((resolve) => setTimeout(resolve, gatherMs))
    }
  }

  /** @returns whether history ended just now */
  #endHistory(state: BridgeCheckpoint): boolean {
    if (state.historyTo === null || !isFilled(state)) return false
    state.historyTo = null
    this.#held.end(this.#source)
    this.#log.info({ source: this.#source, copied: this.#knowledge.copied }, 'all history is here')
    return true
  }

  async #take(local: KafkaSession, state: BridgeCheckpoint, fetched: readonly FetchedPartition[]): Promise<void> {
    const eventIds = new Set<string>()
    const judged = fetched.map((each) => [each.partition, this.#copiesOf(state, each, eventIds)] as const)
    const copies = new Map(judged.filter(([, records]) => records.length > 0))
    // What decides refusals must outlast the bridge, hence before it takes effect: else what is refused now is taken in later.
    if (this.#knowledge.epoch > state.epoch) await this.#checkpoint(local, state, true)
    if (copies.size > 0) await local.produce(ordersTopic, copies)
    if (this.#held.areKnown) this.#held.add(eventIds)
    for (const records of copies.values()) this.#knowledge.copied += records.length
    for (const { partition, nextOffset } of fetched) {
      if (state.offsets[partition] === nextOffset) continue
      state.offsets[partition] = nextOffset
      this.#isDirty = true
    }
  }

  /** @param eventIds those of the batch so far */
  #copiesOf(state: BridgeCheckpoint, fetched: FetchedPartition, eventIds: Set<string>): readonly KafkaRecord[] {
    return fetched.records.flatMap((record) => {
      const eventId = record.headers[eventHeaders.id] ?? ''
      const verdict = judge(record.headers, this.#source, {
        epoch: this.#knowledge.epoch,
        isHistory: isHistory(state, fetched.partition, record.offset),
        isHeld: this.#held.has(eventId) || eventIds.has(eventId),
      })
      if (verdict === 'refused') this.#knowledge.refused += 1
      if (verdict !== 'copy') return []
      eventIds.add(eventId)
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

async function spansOf(source: KafkaSession, partitions: number): Promise<LogSpan[]> {
  const spans: LogSpan[] = []
  for (let partition = 0; partition < partitions; partition += 1)
    spans.push(await source.offsets(ordersTopic, partition))
  return spans
}
