// Real Postgres, Redis and Kafka, each alone in a container with a port on 127.0.0.1, for the tests of the app and the bus.
import { Client, type QueryResult } from 'pg'
import { RandomPortGenerator, Wait } from 'testcontainers'
import { bridgeHeaders, bridgePositionsTopic, ordersPartitions, partitionOf } from '#protocol/bus.ts'
import { eventHeaders, ordersTopic } from '#protocol/order.ts'
import type { Region } from '#protocol/sites.ts'
import { KafkaError, type FetchedRecord, type KafkaSession } from '#runtime/kafka.ts'
import { openKafka } from '#runtime/kafkajs-session.ts'
import { Session } from '#runtime/postgres.ts'
import { eventually, Rig, type ImageName, type RigContainer, type StartedRigContainer } from './rig.ts'

const pickPort = new RandomPortGenerator()

interface Recipe {
  readonly image: ImageName
  readonly innerPort: number
  /** What it is given besides. */
  readonly prepare: (container: RigContainer, port: number) => RigContainer
}

/** One container whose port is the same on 127.0.0.1 for as long as it lives, over kills and starts. */
export class Box implements AsyncDisposable {
  readonly authority: string
  readonly port: number
  readonly #rig: Rig
  readonly #recipe: Recipe
  #container: StartedRigContainer | null = null

  constructor(rig: Rig, port: number, recipe: Recipe) {
    this.port = port
    this.authority = `127.0.0.1:${port}`
    this.#rig = rig
    this.#recipe = recipe
  }

  /** @param isReady asked until it says so; else all is undone */
  static async create<Kind extends Box>(
    this: new (rig: Rig, port: number, recipe: Recipe) => Kind,
    recipe: Recipe,
    isReady: (box: Kind) => Promise<unknown>,
  ): Promise<Kind> {
    const box = new this(await Rig.open('bus'), await pickPort.generatePort(), recipe)
    try {
      await box.replace()
      await isReady(box)
      return box
    } catch (error) {
      await box[Symbol.asyncDispose]()
      throw error
    }
  }

  get #running(): StartedRigContainer {
    if (this.#container === null) throw new Error('expected a container, saw none yet')
    return this.#container
  }

  async kill(): Promise<void> {
    await this.#running.kill()
  }

  async start(): Promise<void> {
    await this.#running.start()
  }

  /** Another container with empty volumes at the same address. */
  async replace(): Promise<void> {
    await this.#container?.remove()
    const { image, innerPort, prepare } = this.#recipe
    const fresh = this.#rig.container(image).withExposedPorts({ container: innerPort, host: this.port })
    this.#container = await prepare(fresh, this.port).run()
  }

  /** Runs a shell command inside; resolves when it has begun. */
  async begin(command: string): Promise<void> {
    await this.#running.exec(['sh', '-c', 'sh -c "$0" >/dev/null 2>&1 &', command], 'postgres')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rig[Symbol.asyncDispose]()
  }
}

export class KafkaBox extends Box {
  static async run(): Promise<KafkaBox> {
    return await KafkaBox.create(
      {
        image: 'kafka',
        innerPort: 9092,
        prepare: (container, port) => container.withEnvironment({ FIREDRILL_KAFKA_ADVERTISED: `127.0.0.1:${port}` }),
      },
      async (box) => box.ready(),
    )
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

  /** Makes the topic, and appends one event per id as the relay of `origin` would, or a bridge that copies, so many at a time. */
  async publish(
    origin: Region,
    epoch: number,
    ids: readonly string[],
    { atATime = 1, isCopy = false } = {},
  ): Promise<void> {
    const trace = isCopy ? { [bridgeHeaders.topicId]: 'elsewhere', [bridgeHeaders.offset]: '0' } : {}
    await this.use(async (session) => {
      await session.ensureTopic(ordersTopic, { partitions: ordersPartitions, compacted: false })
      for (let at = 0; at < ids.length; at += atATime) {
        const records = ids.slice(at, at + atATime).map((id) => {
          const own = { [eventHeaders.id]: id, [eventHeaders.origin]: origin, [eventHeaders.epoch]: String(epoch) }
          const headers = { ...own, ...trace }
          return { key: id, value: Buffer.from(JSON.stringify(eventOf(id))), headers }
        })
        await session.produce(
          ordersTopic,
          Map.groupBy(records, (record) => partitionOf(record.key)),
        )
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
    }).catch((error: unknown) => {
      // A topic that was made a moment ago has no leader yet, and hence no records.
      if (error instanceof KafkaError && error.code === 'not-ready') return []
      throw error
    })
  }

  async eventIds(): Promise<string[]> {
    return (await this.records()).map((record) => record.headers[eventHeaders.id] ?? '')
  }

  /** Waits until it has the events; then the ids of all that it has. */
  async untilItHas(ids: readonly string[]): Promise<string[]> {
    return await eventually('the events', async () => {
      const found = await this.eventIds().catch((): string[] => [])
      return ids.every((id) => found.includes(id)) && found
    })
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
    return await RedisBox.create(
      {
        image: 'redis',
        innerPort: 6379,
        prepare: (container) => container.withWaitStrategy(Wait.forLogMessage('Ready to accept connections')),
      },
      async () => undefined,
    )
  }
}

const ownSettings = '/tmp/data/postgresql.auto.conf'
const postgresStart = `
set -eu
cp -a /var/lib/postgresql/template /tmp/data
echo "synchronous_standby_names = 'ANY 1 (voter)'" > ${ownSettings}
printf 'local all all trust\\nhost all all all trust\\nlocal replication all trust\\n' > /tmp/data/pg_hba.conf
chown postgres: /tmp/data /tmp/data/pg_hba.conf ${ownSettings}
mkdir -p /var/run/postgresql && chown postgres: /var/run/postgresql
exec setpriv --reuid=postgres --regid=postgres --init-groups /usr/lib/postgresql/17/bin/postgres \
  -c config_file=/etc/firedrill/postgresql.conf -c data_directory=/tmp/data -c hba_file=/tmp/data/pg_hba.conf -c fsync=off`

/** A primary in epoch 1 of region a, whose only synchronous standby is a WAL receiver that the test starts and ends. */
export class PostgresBox extends Box {
  static async run(): Promise<PostgresBox> {
    return await PostgresBox.create(
      {
        image: 'postgres',
        innerPort: 5432,
        prepare: (container) => container.withCommand(['sh', '-c', postgresStart]),
      },
      async (box) => {
        await eventually('postgres to answer', async () => await box.sql('SELECT 1').catch(() => null))
        await box.sql("SET synchronous_commit = local; INSERT INTO firedrill.epoch (epoch, region) VALUES (1, 'a')")
      },
    )
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

  /** Names the standbys as the agent does when it promotes in `epoch`, besides the voter; null: the voter alone. */
  async promoteIn(epoch: number | null): Promise<void> {
    const names = epoch === null ? 'voter' : `voter, "b-${epoch}"`
    await this.begin(`echo "synchronous_standby_names = 'ANY 1 (${names.replaceAll('"', '\\"')})'" > ${ownSettings}`)
    const named = async (): Promise<boolean> => {
      await this.sql('SELECT pg_reload_conf()')
      return (await this.sql('SHOW synchronous_standby_names'))[0]?.['synchronous_standby_names'] === `ANY 1 (${names})`
    }
    await eventually('the standbys to be named', named)
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
