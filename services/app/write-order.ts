// One attempt at an order: its row and its event in one transaction of the local Postgres. Never cancels, never retries a COMMIT.
import { createHash, randomUUID } from 'node:crypto'
import { DatabaseError } from 'pg'
import type { OrderRequest } from '#protocol/order.ts'
import type { Region } from '#protocol/sites.ts'
import type { Session } from '#runtime/postgres.ts'
import type { Attempt } from './core/acknowledge.ts'
import { NoSession, type SessionPool } from './session-pool.ts'
import { vouchingEpoch } from './vouching-epoch.ts'

/** A peak, or a link that stalls for a moment, is waited out. */
const acquireTimeoutMs = 1000
const beginTimeoutMs = 500
/** A write is answered at the latest after this time; its session may stay in the commit for longer. */
export const answerWithinMs = 2500

// The epoch is read in the statement that writes it, and must be this region's. A known key is touched, so that its retry makes a
// quorum commit of its own.
const writeStatement = `
WITH current AS (
  SELECT epoch, region FROM firedrill.epoch
  UNION ALL SELECT ${vouchingEpoch}, $7 WHERE ${vouchingEpoch} > 0
  ORDER BY epoch DESC LIMIT 1
), written AS (
  INSERT INTO orders (id, idempotency_key, request_hash, customer, item, quantity, region, epoch, created_at)
  SELECT $1::uuid, $2, $3, $4, $5, $6, $7, epoch, $8::timestamptz FROM current WHERE region = $7
  ON CONFLICT (idempotency_key) DO UPDATE SET touched_at = clock_timestamp()
  WHERE orders.request_hash = excluded.request_hash
  RETURNING id, epoch
), event AS (
  INSERT INTO outbox (event_id, order_id, payload, epoch)
  SELECT $9::uuid, id, jsonb_build_object('type', 'order-placed', 'eventId', $9::text, 'order', jsonb_build_object(
    'id', id, 'customer', $4::text, 'item', $5::text, 'quantity', $6::integer, 'region', $7::text, 'epoch', epoch, 'createdAt', $10::text
  )), epoch FROM written WHERE id = $1::uuid
)
SELECT current.epoch::text, current.region, written.id, current_setting('synchronous_standby_names') AS standbys
FROM current LEFT JOIN written ON true`

export interface Write {
  readonly idempotencyKey: string
  readonly order: OrderRequest
}

/** Writes under way, by how far they are: what a drain waits for. */
export class InFlight {
  /** A transaction was begun, no COMMIT sent yet. */
  beforeCommit = 0
  /** COMMIT sent, no answer yet. */
  committing = 0
}

export class OrderWriter {
  readonly #pool: SessionPool
  readonly #region: Region
  readonly #commit: 'quorum' | 'async'
  readonly #mayBegin: () => boolean
  readonly inFlight = new InFlight()

  /** @param options.mayBegin asked right before each transaction */
  constructor(options: { pool: SessionPool; region: Region; commit: 'quorum' | 'async'; mayBegin: () => boolean }) {
    this.#pool = options.pool
    this.#region = options.region
    this.#commit = options.commit
    this.#mayBegin = options.mayBegin
  }

  /** Never rejects, and answers by `deadlineMs`. */
  async write(write: Write, deadlineMs: number): Promise<Attempt> {
    let sent: Sent | Attempt
    try {
      sent = await this.#begin(write, deadlineMs)
    } catch (error) {
      const reason = (error as Error).message
      return { kind: error instanceof NoSession && error.isFull ? 'not-tried' : 'before-commit', reason }
    }
    if ('kind' in sent) return sent
    const { answer } = sent
    let timer: NodeJS.Timeout | undefined
    const timeUp = new Promise<Attempt>((resolve) => {
      const reason = `expected the quorum's word within ${answerWithinMs} ms, saw none yet`
      timer = setTimeout(() => resolve({ kind: 'commit-unanswered', reason }), deadlineMs - performance.now())
    })
    return await Promise.race([answer, timeUp]).finally(() => clearTimeout(timer))
  }

  async #begin(write: Write, deadlineMs: number): Promise<Sent | Attempt> {
    const session = await this.#beginTransaction(deadlineMs)
    try {
      return await this.#fill(session, write, deadlineMs)
    } finally {
      this.inFlight.beforeCommit -= 1
    }
  }

  /** From an open transaction to a COMMIT that was sent. */
  async #fill(session: Session, write: Write, deadlineMs: number): Promise<Sent | Attempt> {
    let isLent = true
    const giveBack = (): void => {
      if (isLent) this.#pool.release(session)
      isLent = false
    }
    try {
      const { order } = write
      const id = randomUUID()
      const createdAt = new Date().toISOString()
      const hash = createHash('sha256')
        .update(JSON.stringify([order.customer, order.item, order.quantity]))
        .digest('base64')
      const { rows } = await session.query(
        writeStatement,
        [
          id,
          write.idempotencyKey,
          hash,
          order.customer,
          order.item,
          order.quantity,
          this.#region,
          createdAt,
          randomUUID(),
          createdAt,
        ],
        Math.max(1, deadlineMs - performance.now()),
      )
      const row = rows[0] as WrittenRow | undefined
      if (row?.region !== this.#region || row.id === null) {
        await session.query('ROLLBACK', [], 1000)
        giveBack()
        if (row?.region === this.#region) return { kind: 'key-reused' }
        const reason = `Postgres of region ${this.#region} has not begun an epoch of its own: its last one is ${row?.epoch ?? 'none'}`
        return { kind: 'before-commit', reason }
      }
      if (this.#commit === 'quorum' && row.standbys === '') {
        await session.query('ROLLBACK', [], 1000)
        giveBack()
        return {
          kind: 'before-commit',
          reason: 'the primary names no synchronous standbys: no commit would be vouched for',
        }
      }
      this.inFlight.committing += 1
      const answer = this.#commitTransaction(session).then(
        (unvouched): Attempt => ({
          kind: 'committed',
          id: row.id ?? id,
          epoch: Number(row.epoch),
          isNew: row.id === id,
          unvouched,
        }),
        (error: unknown): Attempt => ({ kind: 'commit-unanswered', reason: (error as Error).message }),
      )
      return { answer: answer.finally(giveBack) }
    } catch (error) {
      // Its transaction is open or broken, and must never be committed.
      if (error instanceof DatabaseError) await session.query('ROLLBACK', [], 1000).catch(() => session.close())
      else session.close()
      giveBack()
      throw error
    }
  }

  async #commitTransaction(session: Session): Promise<boolean> {
    try {
      return (await session.query('COMMIT')).unvouched
    } catch (error) {
      session.close()
      throw error
    } finally {
      this.inFlight.committing -= 1
    }
  }

  /**
   * A session may have died in the pool unseen; nothing was done on it, so another one is tried. The transaction that is
   * returned counts as `inFlight.beforeCommit`.
   */
  async #beginTransaction(deadlineMs: number): Promise<Session> {
    const endMs = Math.min(deadlineMs, performance.now() + 2 * acquireTimeoutMs)
    for (;;) {
      const session = await this.#pool.acquire(Math.max(1, Math.min(acquireTimeoutMs, endMs - performance.now())))
      if (!this.#mayBegin()) {
        this.#pool.release(session)
        throw new NoSession('writes are being handed over')
      }
      this.inFlight.beforeCommit += 1
      try {
        await session.query('BEGIN', [], beginTimeoutMs)
        return session
      } catch (error) {
        this.inFlight.beforeCommit -= 1
        session.close()
        this.#pool.release(session)
        if (performance.now() > endMs) throw error
      }
    }
  }
}

interface Sent {
  readonly answer: Promise<Attempt>
}

interface WrittenRow {
  readonly epoch: string
  readonly region: string
  readonly id: string | null
  readonly standbys: string
}
