// What a region's Kafka holds of a drill's orders: all records of topic `orders` from given offsets on.
import { connect } from 'node:net'
import { Kafka, logLevel, type Consumer } from 'kafkajs'
import { eventHeaders, ordersTopic } from '#protocol/order.ts'
import { ports, type Region } from '#protocol/sites.ts'
import type { RunningWorld } from '#world/running-world.ts'

/** Offset to begin at, by partition. */
export type Offsets = ReadonlyMap<number, bigint>

export interface KafkaReader extends AsyncDisposable {
  /** Order and event ids of the records so far, one per record. */
  readonly orderIds: ReadonlySet<string>
  readonly eventIds: readonly string[]
}

interface Connection extends AsyncDisposable {
  readonly kafka: Kafka
}

/** Brokers advertise `kafka.<region>`, a name of the site: every connection goes to the forwarded port instead. */
async function connectTo(world: RunningWorld, region: Region): Promise<Connection> {
  const forward = await world.wayIn.forward(`kafka.${region}`, ports.kafka)
  const kafka = new Kafka({
    clientId: 'firedrill-harness',
    brokers: [`kafka.${region}:${ports.kafka}`],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3000,
    retry: { initialRetryTime: 100, retries: 5 },
    socketFactory: ({ onConnect }) => connect({ host: '127.0.0.1', port: forward.port }, onConnect),
  })
  return { kafka, [Symbol.asyncDispose]: () => forward.close() }
}

/** The end of each partition now: where a drill's own records will begin. */
export async function endOffsets(world: RunningWorld, region: Region): Promise<Offsets> {
  await using connection = await connectTo(world, region)
  const admin = connection.kafka.admin()
  await admin.connect()
  try {
    const offsets = await admin.fetchTopicOffsets(ordersTopic)
    return new Map(offsets.map((each) => [each.partition, BigInt(each.high)]))
  } finally {
    await admin.disconnect()
  }
}

async function runFrom(
  consumer: Consumer,
  from: Offsets,
  keep: (orderId: string, eventId: string) => void,
): Promise<void> {
  await consumer.connect()
  await consumer.subscribe({ topics: [ordersTopic], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatch: ({ batch }) => {
      for (const message of batch.messages) {
        if (BigInt(message.offset) < (from.get(batch.partition) ?? 0n)) continue
        const eventId = message.headers?.[eventHeaders.id]?.toString() ?? ''
        keep(message.key?.toString() ?? '', eventId)
      }
      return Promise.resolve()
    },
  })
  for (const [partition, offset] of from) consumer.seek({ topic: ordersTopic, partition, offset: offset.toString() })
}

/** Reads until it is disposed of. The group is its own and is deleted again. */
export async function readKafka(
  world: RunningWorld,
  region: Region,
  from: Offsets,
  group: string,
): Promise<KafkaReader> {
  const connection = await connectTo(world, region)
  const orderIds = new Set<string>()
  const eventIds: string[] = []
  const consumer = connection.kafka.consumer({ groupId: group, maxWaitTimeInMs: 200, sessionTimeout: 10_000 })
  const close = async (): Promise<void> => {
    await consumer.disconnect().catch(() => {})
    const admin = connection.kafka.admin()
    await admin
      .connect()
      .then(() => admin.deleteGroups([group]))
      .catch(() => {})
    await admin.disconnect().catch(() => {})
    await connection[Symbol.asyncDispose]()
  }
  try {
    await runFrom(consumer, from, (orderId, eventId) => {
      orderIds.add(orderId)
      eventIds.push(eventId)
    })
  } catch (error) {
    await close()
    throw error
  }
  return { orderIds, eventIds, [Symbol.asyncDispose]: close }
}
