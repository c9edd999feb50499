// Real Postgres, Redis and Kafka, each alone in a container with a port on 127.0.0.1, for the tests of the app and the bus.
import assert from 'node:assert/strict'
import { createServer, type AddressInfo } from 'node:net'
import Docker from 'dockerode'
import { Client, type QueryResult } from 'pg'
import { bridgePositionsTopic, ordersPartitions, partitionOf } from '#protocol/bus.ts'
import { eventHeaders, ordersTopic } from '#protocol/order.ts'
import type { Region } from '#protocol/sites.ts'
import type { FetchedRecord, KafkaSession } from '#runtime/kafka.ts'
import { openKafka } from '#runtime/kafkajs-session.ts'
import { Session } from '#runtime/postgres.ts'

const docker = new Docker()
const label = { 'firedrill.world': `test-bus-${process.pid}` }

/** Polls until `look` gives something. */
export async function eventually<Value>(
  what: string,
  look: () => Promise<Value | null | undefined | false>,
  timeoutMs = 60_000,
): Promise<Value> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await look()
    if (value !== null && value !== undefined && value !== false) return value
    assert.ok(performance.now() < deadline, `expected ${what} within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** One container whose port is the same on 127.0.0.1 for as long as it lives, over kills and starts. */
export class Box implements AsyncDisposable {
  readonly authority: string
  readonly port: number
  #container: Docker.Container
  readonly #options: Docker.ContainerCreateOptions

  protected constructor(port: number, container: Docker.Container, options: Docker.ContainerCreateOptions) {
    this.port = port
    this.authority = `127.0.0.1:${port}`
    this.#container = container
    this.#options = options
  }

  static async create(
    image: string,
    innerPort: number,
    more: (port: number) => Partial<Docker.ContainerCreateOptions>,
  ) {
    const port = await freePort()
    const options: Docker.ContainerCreateOptions = {
      Image: image,
      Labels: label,
      ExposedPorts: { [`${innerPort}/tcp`]: {} },
      ...more(port),
      HostConfig: {
        Init: true,
        PortBindings: { [`${innerPort}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: String(port) }] },
      },
    }
    const container = await docker.createContainer(options)
    await container.start()
    return new this(port, container, options)
  }

  async kill(): Promise<void> {
    await this.#container.kill()
  }

  async start(): Promise<void> {
    await this.#container.start()
  }

  /** Another container with empty volumes at the same address. */
  async replace(): Promise<void> {
    await this.#container.remove({ force: true, v: true })
    this.#container = await docker.createContainer(this.#options)
    await this.#container.start()
  }

  /** Runs a shell command inside; resolves when it has begun. */
  async begin(command: string): Promise<void> {
    const exec = await this.#container.exec({ Cmd: ['sh', '-c', command], User: 'postgres' })
    const stream = await exec.start({ Detach: true })
    // Docker leaves it open, and it would keep the test's process alive.
    stream.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#container.remove({ force: true, v: true })
  }
}

export class KafkaBox extends Box {
  static async run(): Promise<KafkaBox> {
    const box = await super.create('firedrill-kafka', 9092, (port) => ({
      Env: [`FIREDRILL_KAFKA_ADVERTISED=127.0.0.1:${port}`],
    }))
    const kafka = box as KafkaBox
    await kafka.ready()
    return kafka
  }

  async ready(): Promise<void> {
    await eventually('kafka to answer', async () => {
      const session = await openKafka(this.authority).catch(() => null)
      const isUp = await session?.topic(bridgePositionsTopic).then(
        () => true,
        () => false,
      )
      session?.close()
      return isUp
    })
  }

  async use<Value>(work: (session: KafkaSession) => Promise<Value>): Promise<Value> {
    const session = await openKafka(this.authority)
    try {
      return await work(session)
    } finally {
      session.close()
    }
  }

  /** Makes the topic, and appends one event per id as the relay of `origin` would. */
  async publish(origin: Region, epoch: number, ids: readonly string[]): Promise<void> {
    await this.use(async (session) => {
      await session.ensureTopic(ordersTopic, { partitions: ordersPartitions, compacted: false })
      for (const id of ids) {
        await session.produce(ordersTopic, partitionOf(id), [
          {
            key: id,
            value: Buffer.from(JSON.stringify(eventOf(id))),
            headers: { [eventHeaders.id]: id, [eventHeaders.origin]: origin, [eventHeaders.epoch]: String(epoch) },
          },
        ])
      }
    })
  }

  /** All records of topic `orders`. */
  async records(): Promise<FetchedRecord[]> {
    return await this.use(async (session) => {
      const topic = await session.topic(ordersTopic)
      const found: FetchedRecord[] = []
      for (let partition = 0; partition < (topic?.partitions ?? 0); partition += 1) {
        const { end } = await session.offsets(ordersTopic, partition)
        for (let offset = 0; offset < end;) {
          const [fetched] = await session.fetch(ordersTopic, new Map([[partition, offset]]), 100)
          found.push(...(fetched?.records ?? []))
          offset = fetched?.nextOffset ?? end
        }
      }
      return found
    })
  }

  async eventIds(): Promise<string[]> {
    return (await this.records()).map((record) => record.headers[eventHeaders.id] ?? '')
  }
}

export function eventOf(id: string) {
  const order = {
    id,
    customer: 'Ada',
    item: 'lamp',
    quantity: 1,
    region: 'a',
    epoch: 1,
    createdAt: '2026-01-01T00:00:00.000Z',
  }
  return { type: 'order-placed', eventId: id, order }
}

export class RedisBox extends Box {
  static async run(): Promise<RedisBox> {
    return await super.create('firedrill-redis', 6379, () => ({}))
  }
}

const postgresStart = `
set -eu
cp -a /var/lib/postgresql/template /tmp/data
printf 'local all all trust\\nhost all all all trust\\nlocal replication all trust\\n' > /tmp/data/pg_hba.conf
chown postgres: /tmp/data /tmp/data/pg_hba.conf
mkdir -p /var/run/postgresql && chown postgres: /var/run/postgresql
exec setpriv --reuid=postgres --regid=postgres --init-groups /usr/lib/postgresql/17/bin/postgres \
  -c config_file=/etc/firedrill/postgresql.conf -c data_directory=/tmp/data -c hba_file=/tmp/data/pg_hba.conf \
  -c synchronous_standby_names='ANY 1 (voter)' -c fsync=off`

/** A primary in epoch 1 of region a, whose only synchronous standby is a WAL receiver that the test starts and ends. */
export class PostgresBox extends Box {
  static async run(): Promise<PostgresBox> {
    const box = (await super.create('firedrill-postgres', 5432, () => ({
      Cmd: ['sh', '-c', postgresStart],
    }))) as PostgresBox
    await eventually('postgres to answer', async () => await box.sql('SELECT 1').catch(() => null))
    await box.sql("SET synchronous_commit = local; INSERT INTO firedrill.epoch (epoch, region) VALUES (1, 'a')")
    return box
  }

  /** As the superuser; its own commits wait for nobody if it says so. */
  async sql(text: string): Promise<Record<string, unknown>[]> {
    const client = new Client({ host: '127.0.0.1', port: this.port, user: 'agent', database: 'firedrill' })
    client.on('error', () => undefined)
    try {
      await client.connect()
      const result = (await client.query(text)) as QueryResult | QueryResult[]
      return ([result].flat().at(-1)?.rows ?? []) as Record<string, unknown>[]
    } finally {
      await client.end().catch(() => undefined)
    }
  }

  async open(duty: string): Promise<Session> {
    return await Session.open({
      host: '127.0.0.1',
      port: this.port,
      user: 'firedrill',
      database: 'firedrill',
      applicationName: `firedrill-app-${duty}`,
      connectTimeoutMs: 1000,
    })
  }

  async startVoter(): Promise<void> {
    await this.begin(
      'mkdir -p /tmp/wal; echo $$ > /tmp/voter.pid; PGAPPNAME=voter exec /usr/lib/postgresql/17/bin/pg_receivewal -D /tmp/wal --synchronous -U agent -h /var/run/postgresql',
    )
    await eventually('the voter to stream', async () => await this.hasVoter())
  }

  async hasVoter(): Promise<boolean> {
    const rows = await this.sql("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'")
    return rows.length > 0
  }

  async stopVoter(): Promise<void> {
    await this.begin('kill -9 $(cat /tmp/voter.pid)')
    await eventually(
      'the voter to be gone',
      async () => (await this.sql('SELECT 1 FROM pg_stat_replication')).length === 0,
    )
  }

  /** Process ids of sessions that wait for a synchronous standby. */
  async waiting(): Promise<number[]> {
    const rows = await this.sql(
      "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'firedrill-app-write'",
    )
    return rows.map((row) => Number(row['pid']))
  }
}
