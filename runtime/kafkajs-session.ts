// Adapter of runtime/kafka.ts on kafkajs 2.2.4: its connection and its codecs, without its clients. Its producer, its group
// consumer and its retries bring rebalances, hidden reconnects and a 1 ms timer per connection, and know no topic ids.
import { connect } from 'node:net'
import Connection from 'kafkajs/src/network/connection.js'
import type { ProtocolRequest, ProtocolResponse } from 'kafkajs/src/network/connection.js'
import Encoder from 'kafkajs/src/protocol/encoder.js'
import createTopicsRequest from 'kafkajs/src/protocol/requests/createTopics/v3/request.js'
import createTopicsResponse from 'kafkajs/src/protocol/requests/createTopics/v3/response.js'
import fetchRequest from 'kafkajs/src/protocol/requests/fetch/v11/request.js'
import fetchResponse from 'kafkajs/src/protocol/requests/fetch/v11/response.js'
import listOffsetsRequest from 'kafkajs/src/protocol/requests/listOffsets/v3/request.js'
import listOffsetsResponse from 'kafkajs/src/protocol/requests/listOffsets/v3/response.js'
import produceRequest from 'kafkajs/src/protocol/requests/produce/v7/request.js'
import produceResponse from 'kafkajs/src/protocol/requests/produce/v7/response.js'
import { KafkaError, type FetchedPartition, type KafkaRecord, type KafkaSession, type TopicFacts } from './kafka.ts'

const connectTimeoutMs = 2000
/** On top of the time for which the broker was asked to wait. */
const answerTimeoutMs = 2500
const fetchBytes = 1 << 20
/** A broker refuses a batch above 1 MiB (`message.max.bytes`) in all. */
const batchBytes = 1 << 19

const noOperation = (): void => {}
const silentLogger = {
  namespace: () => silentLogger,
  debug: noOperation,
  info: noOperation,
  warn: noOperation,
  error: noOperation,
}

/**
 * Opens a session to the broker at `authority` (`kafka.a:9092`).
 * @throws KafkaError `connection` if it can't be reached
 */
export async function openKafka(authority: string): Promise<KafkaSession> {
  const session = new KafkajsSession(authority)
  await session.open()
  return session
}

class KafkajsSession implements KafkaSession {
  readonly #authority: string
  // A broker answers one connection's requests one by one: a waiting fetch would hold up everything else.
  readonly #waiting: Connection
  readonly #prompt: Connection
  #closed = false

  constructor(authority: string) {
    this.#authority = authority
    this.#waiting = createConnection(authority)
    this.#prompt = createConnection(authority)
  }

  async open(): Promise<void> {
    await this.#connect(this.#prompt)
  }

  async ensureTopic(topic: string, shape: { partitions: number; compacted: boolean }): Promise<void> {
    const configEntries = shape.compacted ? [{ name: 'cleanup.policy', value: 'compact' }] : []
    const decoded = await this.#send<{ topicErrors: { errorCode: number }[] }>(this.#prompt, answerTimeoutMs, {
      request: createTopicsRequest({
        topics: [{ topic, numPartitions: shape.partitions, replicationFactor: 1, configEntries }],
        timeout: answerTimeoutMs,
      }),
      response: createTopicsResponse,
    })
    for (const { errorCode } of decoded.topicErrors) if (errorCode !== topicAlreadyExists) check(errorCode, topic)
    const deadline = Date.now() + answerTimeoutMs
    for (let partition = 0; partition < shape.partitions;) {
      try {
        await this.offsets(topic, partition)
        partition += 1
      } catch (error) {
        const passing = error instanceof KafkaError && (error.code === 'not-ready' || error.code === 'unknown-topic')
        if (!passing || Date.now() > deadline) throw error
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }

  async topic(topic: string): Promise<TopicFacts | null> {
    const decoded = await this.#send<{ facts: TopicFacts | null }>(this.#prompt, answerTimeoutMs, {
      request: metadataRequest(topic),
      response: {
        decode: async (payload) => ({ facts: decodeMetadata(payload) }),
        parse: async (answer) => answer,
      },
    })
    return decoded.facts
  }

  async offsets(topic: string, partition: number): Promise<{ first: number; end: number }> {
    const at = async (timestamp: number): Promise<number> => {
      const decoded = await this.#send<OffsetsAnswer>(this.#prompt, answerTimeoutMs, {
        request: listOffsetsRequest({
          replicaId: -1,
          isolationLevel: 0,
          topics: [{ topic, partitions: [{ partition, timestamp }] }],
        }),
        response: listOffsetsResponse,
      })
      const found = decoded.responses[0]?.partitions[0]
      check(found?.errorCode ?? 0, topic)
      return Number(found?.offset)
    }
    return { first: await at(-2), end: await at(-1) }
  }

  async produce(
    topic: string,
    records: ReadonlyMap<number, readonly KafkaRecord[]>,
  ): Promise<ReadonlyMap<number, number>> {
    const lastOffsets = new Map<number, number>()
    const batches = new Map([...records].map(([partition, each]) => [partition, inBatches(each)]))
    for (let round = 0; ; round += 1) {
      const partitions = [...batches].flatMap(([partition, { [round]: messages }]) =>
        messages === undefined ? [] : [{ partition, messages }],
      )
      if (partitions.length === 0) return lastOffsets
      const decoded = await this.#send<ProduceAnswer>(this.#prompt, answerTimeoutMs, {
        request: produceRequest({ acks: -1, timeout: answerTimeoutMs, topicData: [{ topic, partitions }] }),
        response: produceResponse,
      })
      const answers = new Map(decoded.topics.flatMap((each) => each.partitions.map((one) => [one.partition, one])))
      for (const { partition, messages } of partitions) {
        const answer = answers.get(partition)
        check(answer?.errorCode ?? 0, topic)
        lastOffsets.set(partition, Number(answer?.baseOffset) + messages.length - 1)
      }
    }
  }

  async fetch(topic: string, from: ReadonlyMap<number, number>, waitMs: number): Promise<readonly FetchedPartition[]> {
    const partitions = [...from].map(([partition, fetchOffset]) => ({ partition, fetchOffset, maxBytes: fetchBytes }))
    await this.#connect(this.#waiting)
    const decoded = await this.#send<FetchAnswer>(this.#waiting, waitMs + answerTimeoutMs, {
      request: fetchRequest({
        replicaId: -1,
        maxWaitTime: waitMs,
        minBytes: 1,
        maxBytes: fetchBytes,
        isolationLevel: 0,
        topics: [{ topic, partitions }],
      }),
      response: fetchResponse,
    })
    check(decoded.errorCode, topic)
    return decoded.responses.flatMap((response) =>
      response.partitions.map((each) => fetchedPartition(each, from.get(each.partition) ?? 0, topic)),
    )
  }

  close(): void {
    this.#closed = true
    for (const connection of [this.#waiting, this.#prompt]) {
      connection.rejectRequests(new KafkaError('connection', `the session with kafka at ${this.#authority} was closed`))
      connection.socket?.destroy()
    }
  }

  async #connect(connection: Connection): Promise<void> {
    if (this.#closed) throw new KafkaError('connection', `the session with kafka at ${this.#authority} was closed`)
    if (connection.isConnected()) return
    // What was connected and isn't any more must not come back unseen: offsets belong to the session.
    if (connection.socket !== undefined) throw new KafkaError('connection', `kafka at ${this.#authority} hung up`)
    try {
      await connection.connect()
    } catch (error) {
      this.close()
      throw new KafkaError('connection', `expected kafka at ${this.#authority}, saw: ${(error as Error).message}`)
    }
  }

  async #send<Answer>(
    connection: Connection,
    timeoutMs: number,
    call: { request: ProtocolRequest; response: ProtocolResponse },
  ): Promise<Answer> {
    // Error codes are checked by each method; kafkajs's own parse would hide which partition they are of.
    const response: ProtocolResponse = {
      decode: async (payload) => await call.response.decode(payload),
      parse: async (decoded) => decoded,
    }
    let timer: NodeJS.Timeout | undefined
    const timeUp = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const what = `kafka at ${this.#authority} did not answer ${call.request.apiName} within ${timeoutMs} ms`
        reject(new KafkaError('time-out', what))
        this.close()
      }, timeoutMs)
    })
    try {
      return (await Promise.race([connection.send({ request: call.request, response }), timeUp])) as Answer
    } catch (error) {
      if (error instanceof KafkaError) throw error
      throw new KafkaError('connection', `kafka at ${this.#authority}: ${(error as Error).message}`)
    } finally {
      clearTimeout(timer)
    }
  }
}

interface OffsetsAnswer {
  responses: { partitions: { errorCode: number; offset: string }[] }[]
}
interface ProduceAnswer {
  topics: { partitions: { partition: number; errorCode: number; baseOffset: string }[] }[]
}
interface FetchedMessage {
  offset: string
  key: Buffer | null
  value: Buffer | null
  headers: Record<string, Buffer | Buffer[] | null>
  isControlRecord: boolean
}
interface FetchPartitionAnswer {
  partition: number
  errorCode: number
  highWatermark: string
  messages: FetchedMessage[]
}
interface FetchAnswer {
  errorCode: number
  responses: { partitions: FetchPartitionAnswer[] }[]
}

function createConnection(authority: string): Connection {
  const [host = '', port = ''] = authority.split(':')
  const connection = new Connection({
    host,
    port: Number(port),
    logger: silentLogger,
    clientId: 'firedrill',
    connectionTimeout: connectTimeoutMs,
    requestTimeout: answerTimeoutMs,
    enforceRequestTimeout: false,
    socketFactory: (options) =>
      connect({ host: options.host, port: options.port, noDelay: true, keepAlive: true }, options.onConnect),
  })
  // kafkajs looks for throttled requests every millisecond, even when there are none.
  const queue = connection.requestQueue
  const schedule = queue.scheduleCheckPendingRequests.bind(queue)
  queue.scheduleCheckPendingRequests = () => {
    if (queue.pending.length > 0) schedule()
  }
  return connection
}

function fetchedPartition(answer: FetchPartitionAnswer, from: number, topic: string): FetchedPartition {
  check(answer.errorCode, `${topic} partition ${answer.partition} at offset ${from}`)
  // Whole batches come back: the first one may begin below the asked offset.
  const messages = answer.messages.filter((message) => Number(message.offset) >= from)
  const last = messages.at(-1)
  return {
    partition: answer.partition,
    records: messages
      .filter((message) => !message.isControlRecord)
      .map((message) => ({
        offset: Number(message.offset),
        key: message.key?.toString() ?? null,
        value: message.value,
        headers: Object.fromEntries(
          Object.entries(message.headers).map(([name, value]) => [name, [value].flat().at(-1)?.toString() ?? '']),
        ),
      })),
    nextOffset: last === undefined ? from : Number(last.offset) + 1,
    endOffset: Number(answer.highWatermark),
  }
}

/** In order, in batches of up to `batchBytes`; a record that is longer is alone. */
function inBatches(records: readonly KafkaRecord[]): KafkaRecord[][] {
  const batches: KafkaRecord[][] = []
  let left = 0
  for (const record of records) {
    const headers = Object.entries(record.headers).reduce((sum, [name, value]) => sum + name.length + value.length, 0)
    const bytes = (record.value?.length ?? 0) + Buffer.byteLength(record.key ?? '') + headers
    if (bytes > left || batches.length === 0) {
      batches.push([])
      left = batchBytes
    }
    batches.at(-1)?.push(record)
    left -= bytes
  }
  return batches
}

const topicAlreadyExists = 36

/** Error codes: https://kafka.apache.org/protocol.html#protocol_error_codes */
function check(errorCode: number, what: string): void {
  if (errorCode === 0) return
  if (errorCode === 1) throw new KafkaError('offset-out-of-range', `kafka has no such offset: ${what}`)
  if (errorCode === 3) throw new KafkaError('unknown-topic', `kafka has no topic ${what}`)
  if (errorCode === 5 || errorCode === 6) throw new KafkaError('not-ready', `kafka does not lead ${what} yet`)
  throw new KafkaError('refused', `kafka answered error code ${errorCode} for ${what}`)
}

// Metadata v12 (KIP-516) is the first to ask by name and answer with topic ids in a stable form; kafkajs ends at v6. A flexible
// version: the header ends with tagged fields, which kafkajs's headers lack, so they begin the body here.
function metadataRequest(topic: string): ProtocolRequest {
  return {
    apiKey: 3,
    apiVersion: 12,
    apiName: 'Metadata',
    encode: async () =>
      new Encoder()
        .writeUVarInt(0)
        .writeUVarInt(2)
        .writeBuffer(Buffer.alloc(16))
        .writeUVarIntString(topic)
        .writeUVarInt(0)
        .writeBoolean(false)
        .writeBoolean(false)
        .writeUVarInt(0),
  }
}

function decodeMetadata(payload: Buffer): TopicFacts | null {
  const reader = new CompactReader(payload)
  reader.tags()
  reader.int32() // throttle time
  reader.array(() => {
    reader.int32()
    reader.string()
    reader.int32()
    reader.string()
    reader.tags()
  })
  reader.string() // cluster id
  reader.int32() // controller
  const topics = reader.array(() => {
    const errorCode = reader.int16()
    const name = reader.string()
    const id = reader.bytes(16).toString('hex')
    reader.bytes(1) // internal
    const partitions = reader.array(() => {
      reader.bytes(2 + 4 + 4 + 4)
      for (let list = 0; list < 3; list += 1) reader.array(() => reader.int32())
      reader.tags()
    })
    reader.int32()
    reader.tags()
    return { errorCode, name, id, partitions: partitions.length }
  })
  const found = topics[0]
  if (found === undefined || found.errorCode === 3) return null
  check(found.errorCode, String(found.name))
  return { id: found.id, partitions: found.partitions }
}

class CompactReader {
  readonly #buffer: Buffer
  #at = 0
  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }
  bytes(length: number): Buffer {
    const part = this.#buffer.subarray(this.#at, this.#at + length)
    this.#at += length
    return part
  }
  int16(): number {
    return this.bytes(2).readInt16BE()
  }
  int32(): number {
    return this.bytes(4).readInt32BE()
  }
  varint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes(1).readUInt8()
      value |= (byte & 0x7f) << shift
      if ((byte & 0x80) === 0) return value
    }
  }
  string(): string | null {
    const length = this.varint()
    return length === 0 ? null : this.bytes(length - 1).toString()
  }
  array<Item>(item: () => Item): Item[] {
    const length = this.varint() - 1
    return Array.from({ length: Math.max(0, length) }, item)
  }
  tags(): void {
    for (let left = this.varint(); left > 0; left -= 1) {
      this.varint()
      this.bytes(this.varint())
    }
  }
}
