// The agent's own look at its Postgres, ten times a second over a session of its own: a hung Postgres hangs nothing else.
import { Session } from '#runtime/postgres.ts'
import { repeat } from '#runtime/repeat.ts'
import { localTarget, type PostgresServer } from './postgres-server.ts'

const intervalMs = 100
/** Postgres that has not answered for so long does not answer. */
const deadlineMs = 500

export type Sample = {
  standby: boolean
  /** Standby: the end of what it replayed; primary: the end of what it flushed. */
  lsn: string | null
  streaming: boolean
  followers: { name: string; flushLsn: string | null }[]
}

const query = `SELECT pg_is_in_recovery() AS standby,
  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END::text AS lsn,
  coalesce((SELECT status = 'streaming' FROM pg_stat_wal_receiver), false) AS streaming,
  coalesce((SELECT json_agg(json_build_object('name', application_name, 'flushLsn', flush_lsn))
    FROM pg_stat_replication WHERE state IN ('catchup', 'streaming')), '[]') AS followers`

export class Probe {
  readonly #server: PostgresServer
  readonly #seen: (sample: Sample | null, beganMs: number) => void
  #session: Session | null = null
  #stop: () => void = () => {}

  /** @param seen called after each look; null: Postgres did not answer */
  constructor(server: PostgresServer, seen: (sample: Sample | null, beganMs: number) => void) {
    this.#server = server
    this.#seen = seen
  }

  start(): void {
    this.#stop = repeat(() => this.#look(), intervalMs)
  }

  stop(): void {
    this.#stop()
    this.#session?.close()
  }

  async #look(): Promise<void> {
    if (this.#server.state !== 'up') {
      this.#session?.close()
      this.#session = null
      return
    }
    const beganMs = performance.now()
    try {
      if (this.#session === null || !this.#session.isOpen)
        this.#session = await Session.open({ ...localTarget('agent-probe'), connectTimeoutMs: deadlineMs })
      const row = (await this.#session.query(query, [], deadlineMs)).rows[0]
      this.#seen((row as unknown as Sample | undefined) ?? null, beganMs)
    } catch {
      this.#session?.close()
      this.#session = null
      this.#seen(null, beganMs)
    }
  }
}
