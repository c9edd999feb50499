// Moves events from the outbox to the region's Kafka while the region's permit is valid, and deletes a row once every region's
// Kafka has its event. It begins at the oldest row that is left, so a new primary sends again whatever isn't known everywhere.
// With `commit: quorum` nothing leaves that the quorum does not have: a row can be seen without it, after its commit was told to
// stop waiting, while its postmaster dies, and after Postgres has recovered from a crash.
import { ordersPartitions, partitionOf, positionsReply, type BusReply } from '#protocol/bus.ts'
import { eventHeaders, ordersTopic } from '#protocol/order.ts'
import { regions, type Region } from '#protocol/sites.ts'
import type { CommitMode } from '#protocol/topology.ts'
import { call } from '#runtime/http.ts'
import type { KafkaRecord, KafkaSession, OpenKafka } from '#runtime/kafka.ts'
import type { Log } from '#runtime/log.ts'
import type { Session } from '#runtime/postgres.ts'
import { Confirmations } from './core/confirmations.ts'
import { OutboxCursor } from './core/outbox-cursor.ts'

const batchSize = 500
const idleLookMs = 1000
/** Orders that come together are sent together. */
const gatherMs = 80
const positionsEveryMs = 500
const longestUnconfirmed = 50_000
const queryTimeoutMs = 5000
const retryMs = 500
const vouchedEveryMs = 20
/** Rows that nobody vouches for are left for a later look meanwhile: what is done is still deleted. */
const vouchedWithinMs = 1000

// A snapshot's xmax is only one above the last transaction that has ended: younger ones may be under way, and hold lower numbers
// of the outbox than a row that is seen. So the ids that sessions have been given count too.
const lookStatement = `
SELECT current.epoch::text, pg_snapshot_xmin(now)::text AS xmin,
  greatest(pg_snapshot_xmax(now)::text::bigint, assigned.above)::text AS xmax,
  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END::text AS flushed,
  event.seq::text, event.event_id, event.order_id, event.payload::text
FROM (SELECT epoch FROM firedrill.epoch ORDER BY epoch DESC LIMIT 1) AS current
CROSS JOIN pg_current_snapshot() AS now
CROSS JOIN (SELECT max(backend_xid::text::bigint) + 1 AS above FROM pg_stat_get_activity(NULL)) AS assigned
LEFT JOIN LATERAL (
  SELECT * FROM outbox WHERE seq > $1::bigint AND seq <> ALL ($2::bigint[]) ORDER BY seq LIMIT ${batchSize}
) AS event ON true
ORDER BY event.seq`

// As a commit's own wait decides it: the position that as many of the named standbys have flushed as `synchronous_standby_names` asks
// for. Whatever a look has seen lies below the position that it read after its snapshot.
const vouchedStatement = `
SELECT EXISTS (
  SELECT FROM pg_stat_replication WHERE sync_state = 'quorum' AND flush_lsn >= $1::pg_lsn
  OFFSET substring(current_setting('synchronous_standby_names') FROM '^ANY ([0-9]+) ')::integer - 1
) AS vouched`

// Sends under a deposed epoch confirm nothing: bridges refuse them. So the epoch is checked by the statement that deletes.
const doneStatement = `
DELETE FROM outbox WHERE seq = ANY ($1::bigint[]) AND (SELECT max(epoch) FROM firedrill.epoch) = $2::bigint`

export interface RelayOptions {
  readonly region: Region
  readonly commit: CommitMode
  readonly openPostgres: (duty: string) => Promise<Session>
  readonly openKafka: OpenKafka
  readonly kafka: string
  readonly bridge: (region: Region) => string
  readonly token: string
  /** The epoch of the valid permit; null: keep still. */
  readonly permittedEpoch: () => number | null
  readonly log: Log
}

export class Relay {
  readonly #options: RelayOptions
  readonly #others: readonly Region[]
  #stopped = false
  #wake: (() => void) | null = null
  #isWoken = false
  #run: Run | null = null
  #sent = 0
  #done = 0
  #ended: Promise<void> = Promise.resolve()

  constructor(options: RelayOptions) {
    this.#options = options
    this.#others = regions.filter((region) => region !== options.region)
  }

  start(): void {
    this.#ended = this.#loop()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.wake()
    this.#run?.close()
    await this.#ended
  }

  /** There may be something to send, or a permit to send it under. */
  wake(): void {
    this.#isWoken = true
    this.#wake?.()
  }

  status(): BusReply['relay'] {
    const oldestAtMs = this.#run?.confirmations.oldestAtMs ?? null
    const behindMs = oldestAtMs === null ? 0 : Math.round(performance.now() - oldestAtMs)
    return {
      active: this.#run !== null,
      behindMs: this.#run === null ? null : behindMs,
      sent: this.#sent,
      unconfirmed: this.#run?.confirmations.unconfirmed ?? 0,
      done: this.#done,
    }
  }

  async #loop(): Promise<void> {
    while (!this.#stopped) {
      const epoch = this.#options.permittedEpoch()
      if (epoch === null) {
        await this.#sleep(idleLookMs)
        continue
      }
      try {
        await this.#relayUnder(epoch)
      } catch (error) {
        if (this.#stopped) break
        this.#options.log.warn({ reason: (error as Error).message }, 'relay interrupted')
        await new Promise((resolve) => setTimeout(resolve, retryMs))
      } finally {
        this.#run?.close()
        this.#run = null
      }
    }
  }

  async #relayUnder(epoch: number): Promise<void> {
    const run = await Run.open(this.#options, this.#others, epoch)
    this.#run = run
    let askedAtMs = 0
    while (!this.#stopped && this.#options.permittedEpoch() === epoch && !run.confirmations.mustStartOver) {
      const count = await run.send(() => this.#options.permittedEpoch() === epoch)
      if (count === null) break
      this.#sent += count
      if (run.confirmations.unconfirmed > 0 && performance.now() - askedAtMs >= positionsEveryMs) {
        askedAtMs = performance.now()
        await run.expectSameTopic()
        run.askPositions()
      }
      this.#done += await run.deleteDone(() => this.#options.permittedEpoch() === epoch)
      if (count < batchSize) await this.#sleep(run.confirmations.unconfirmed > 0 ? positionsEveryMs : idleLookMs)
    }
  }

  async #sleep(ms: number): Promise<void> {
    if (!this.#isWoken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = null
    }
    this.#isWoken = false
    if (!this.#stopped) await new Promise((resolve) => setTimeout(resolve, gatherMs))
  }
}

/** One epoch's relaying into one Kafka topic: over when either changes. */
class Run {
  readonly #options: RelayOptions
  readonly #epoch: number
  readonly #postgres: Session
  readonly #kafka: KafkaSession
  readonly #topicId: string
  readonly #cursor = new OutboxCursor()
  readonly #asking = new Set<Region>()
  readonly #others: readonly Region[]
  readonly confirmations: Confirmations

  private constructor(
    options: RelayOptions,
    others: readonly Region[],
    epoch: number,
    opened: { postgres: Session; kafka: KafkaSession; topicId: string },
  ) {
    this.#options = options
    this.#others = others
    this.#epoch = epoch
    this.#postgres = opened.postgres
    this.#kafka = opened.kafka
    this.#topicId = opened.topicId
    this.confirmations = new Confirmations({
      origin: options.region,
      topicId: opened.topicId,
      others,
      longest: longestUnconfirmed,
    })
  }

  static async open(options: RelayOptions, others: readonly Region[], epoch: number): Promise<Run> {
    const kafka = await options.openKafka(options.kafka)
    try {
      await kafka.ensureTopic(ordersTopic, { partitions: ordersPartitions, compacted: false })
      const topicId = (await kafka.topic(ordersTopic))?.id ?? ''
      const postgres = await options.openPostgres('relay')
      // Only its own books are written here, and no standby needs to vouch for them: a deletion that is lost makes the event go
      // out once more. Flushed it must be, for a drain waits until the flushed WAL covers everything.
      await postgres.query('SET synchronous_commit = local', [], queryTimeoutMs)
      return new Run(options, others, epoch, { postgres, kafka, topicId })
    } catch (error) {
      kafka.close()
      throw error
    }
  }

  close(): void {
    this.#postgres.close()
    this.#kafka.close()
  }

  /**
   * One look at the outbox, and everything it found into Kafka once the quorum has it.
   * @returns how many events; null if Postgres is in another epoch
   */
  async send(isPermitted: () => boolean): Promise<number | null> {
    const { rows } = await this.#postgres.query(
      lookStatement,
      [this.#cursor.settled.toString(), this.#cursor.sent.map(String)],
      queryTimeoutMs,
    )
    const first = rows[0]
    if (first === undefined || Number(first['epoch']) !== this.#epoch) {
      await new Promise((resolve) => setTimeout(resolve, retryMs))
      return null
    }
    const events = rows.filter((row) => row['seq'] !== null)
    if (events.length > 0) {
      if (!(await this.#isVouched(String(first['flushed']), isPermitted))) return 0
      if (!isPermitted()) return null
      this.confirmations.sent(
        events.map((row) => String(row['seq'])),
        await this.#produce(events),
        performance.now(),
      )
    }
    this.#cursor.looked({
      seqs: events.map((row) => BigInt(String(row['seq']))),
      isCut: events.length === batchSize,
      xmin: BigInt(String(first['xmin'])),
      xmax: BigInt(String(first['xmax'])),
    })
    return events.length
  }

  async #isVouched(lsn: string, isPermitted: () => boolean): Promise<boolean> {
    if (this.#options.commit === 'async') return true
    const deadlineMs = performance.now() + vouchedWithinMs
    for (;;) {
      const { rows } = await this.#postgres.query(vouchedStatement, [lsn], queryTimeoutMs)
      if (rows[0]?.['vouched'] === true) return true
      if (!isPermitted() || performance.now() > deadlineMs) return false
      await new Promise((resolve) => setTimeout(resolve, vouchedEveryMs))
    }
  }

  async #produce(events: readonly Readonly<Record<string, unknown>>[]): Promise<ReadonlyMap<number, number>> {
    const byPartition = new Map<number, KafkaRecord[]>()
    for (const row of events) {
      const key = String(row['order_id'])
      const record = {
        key,
        value: Buffer.from(String(row['payload'])),
        headers: {
          [eventHeaders.id]: String(row['event_id']),
          [eventHeaders.origin]: this.#options.region,
          [eventHeaders.epoch]: String(this.#epoch),
        },
      }
      const partition = partitionOf(key)
      byPartition.set(partition, [...(byPartition.get(partition) ?? []), record])
    }
    return await this.#kafka.produce(ordersTopic, byPartition)
  }

  /** @throws Error if the Kafka that events were sent to is gone, and with it what no other region has yet */
  async expectSameTopic(): Promise<void> {
    const topic = await this.#kafka.topic(ordersTopic)
    if (topic?.id !== this.#topicId) throw new Error(`expected topic ${this.#topicId}, saw ${topic?.id ?? 'none'}`)
  }

  /** Asks every other region's bridge, none of which is waited for: a dead one must not hold up the events. */
  askPositions(): void {
    for (const region of this.#others) {
      if (this.#asking.has(region)) continue
      this.#asking.add(region)
      call({
        method: 'GET',
        authority: this.#options.bridge(region),
        path: '/positions',
        token: this.#options.token,
        reply: positionsReply,
        timeoutMs: 1500,
      })
        .then((reply) => this.confirmations.heard(reply))
        .catch(() => undefined)
        .finally(() => this.#asking.delete(region))
    }
  }

  /** What is not permitted any more is left in the table: another run sends it again. */
  async deleteDone(isPermitted: () => boolean): Promise<number> {
    const seqs = isPermitted() ? this.confirmations.takeDone() : []
    if (seqs.length === 0) return 0
    // From BEGIN's answer on a drain sees the transaction and waits for it; before it, this one sees the drain.
    await this.#postgres.query('BEGIN', [], queryTimeoutMs)
    if (!isPermitted()) {
      await this.#postgres.query('ROLLBACK', [], queryTimeoutMs)
      return 0
    }
    await this.#postgres.query(doneStatement, [seqs, this.#epoch], queryTimeoutMs)
    await this.#postgres.query('COMMIT', [], queryTimeoutMs)
    return seqs.length
  }
}
