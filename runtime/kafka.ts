// The port to one Kafka broker, and what goes through it. The adapter is runtime/kafkajs-session.ts.
// A session is one use only: after any error it is closed and a new one opened, so that whoever reads by offsets
// checks again which topic the offsets belong to (a cluster that was made anew has other topic ids).

export interface KafkaRecord {
  readonly key: string | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, string>>
}

export interface FetchedRecord extends KafkaRecord {
  readonly offset: number
}

export interface FetchedPartition {
  readonly partition: number
  /** From the asked offset on, ascending; empty if nothing is there yet. */
  readonly records: readonly FetchedRecord[]
  /** Where to go on. */
  readonly nextOffset: number
  /** End of the log when the broker answered. */
  readonly endOffset: number
}

export interface TopicFacts {
  /** Kafka's own id of the topic (32 hex digits): it changes when the topic, or its cluster, is made anew. */
  readonly id: string
  readonly partitions: number
}

/** Every method rejects with KafkaError. */
export interface KafkaSession {
  /** Makes the topic if it isn't there, and waits until each of its partitions can be written. */
  ensureTopic(topic: string, shape: { readonly partitions: number; readonly compacted: boolean }): Promise<void>
  /** Null if there is no such topic. */
  topic(topic: string): Promise<TopicFacts | null>
  /** Offsets of the oldest record and of the next one to come. */
  offsets(topic: string, partition: number): Promise<{ readonly first: number; readonly end: number }>
  /**
   * Appends each partition's records in order, however many, and resolves with the offset of each one's last once the broker has
   * them all. If it rejects, the broker may have some.
   */
  produce(topic: string, records: ReadonlyMap<number, readonly KafkaRecord[]>): Promise<ReadonlyMap<number, number>>
  /** Waits up to `waitMs` for a record at or after the given offset of any partition. */
  fetch(topic: string, from: ReadonlyMap<number, number>, waitMs: number): Promise<readonly FetchedPartition[]>
  close(): void
}

export type KafkaErrorCode =
  'connection' | 'time-out' | 'unknown-topic' | 'offset-out-of-range' | 'not-ready' | 'refused'

export class KafkaError extends Error {
  readonly code: KafkaErrorCode
  constructor(code: KafkaErrorCode, message: string) {
    super(message)
    this.name = 'KafkaError'
    this.code = code
  }
}

export type OpenKafka = (authority: string) => Promise<KafkaSession>
