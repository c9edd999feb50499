// Watches the local Postgres: does it answer, is it primary, do commits return? Looks at once when the write region moves.
import type { Log } from '#runtime/log.ts'
import { monotonicNs } from '#runtime/clock.ts'
import { QueryTimeout, type Session } from '#runtime/postgres.ts'
import { noProbe, type Probe } from './core/readiness.ts'
import { vouchingEpoch } from './vouching-epoch.ts'

const lookEveryMs = 500
const answerTimeoutMs = 1000
export const answerValidMs = 2000

const lookStatement = `
SELECT pg_is_in_recovery() AS standby, pg_last_wal_replay_lsn()::text AS replayed, current.epoch::text, current.region, ${vouchingEpoch}::text AS vouching
FROM (VALUES (1)) AS one LEFT JOIN (SELECT epoch, region FROM firedrill.epoch ORDER BY epoch DESC LIMIT 1) AS current ON true`

const busyStatement = `
SELECT count(*)::integer AS busy, string_agg(application_name || ' ' || state, ', ') AS who FROM pg_stat_activity
WHERE application_name LIKE 'firedrill-app-%' AND pid <> pg_backend_pid()
AND state <> 'idle' AND wait_event IS DISTINCT FROM 'SyncRep'`

// Flushes what was written so far, records without a commit of their own included: a tail that is flushed later would lie above
// the position that the drain answers with.
const flushStatement = "SELECT pg_logical_emit_message(false, 'firedrill', 'drained', true)::text AS lsn"

export class PostgresMonitor {
  readonly #open: (duty: string) => Promise<Session>
  readonly #log: Log
  readonly #onChange: () => void
  /** What the app expects: its region, and the epoch that it was told of. */
  readonly #expected: () => { region: string; epoch: number }
  readonly #mayWrite: () => boolean
  #session: Session | null = null
  #prober: Session | null = null
  #isProbing = false
  #looking: Promise<void> | null = null
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  #answeredNs: bigint | null = null
  #probe: Probe = noProbe
  #replayed = ''

  constructor(options: {
    open: (duty: string) => Promise<Session>
    log: Log
    expected: () => { region: string; epoch: number }
    /** False while the WAL must come to rest. */
    mayWrite: () => boolean
    onChange: () => void
  }) {
    this.#open = options.open
    this.#log = options.log
    this.#expected = options.expected
    this.#mayWrite = options.mayWrite
    this.#onChange = options.onChange
  }

  get probe(): Probe {
    return this.#probe
  }

  /** Postgres answered lately. */
  isAnswering(): boolean {
    return this.#answeredNs !== null && Number(monotonicNs() - this.#answeredNs) / 1e6 < answerValidMs
  }

  start(): void {
    this.#schedule(0)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#session?.close()
    this.#prober?.close()
  }

  /** Looks now; resolves when it has looked. */
  async hurry(): Promise<void> {
    // A look that is under way may have begun before what is to be seen.
    await this.#looking
    await this.#look()
  }

  /**
   * Resolves with an LSN that covers everything the app has written; it must have been kept from beginning anything new.
   * Sessions that only wait for synchronous replication have nothing left to write.
   * @throws Error if some session was still at work at `deadlineMs`
   */
  async settledLsn(deadlineMs: number): Promise<string> {
    for (;;) {
      const session = await this.#ownSession()
      const { rows } = await session.query(busyStatement, [], answerTimeoutMs)
      if (rows[0]?.['busy'] === 0) {
        const flushed = await session.query(flushStatement, [], answerTimeoutMs)
        return String(flushed.rows[0]?.['lsn'])
      }
      if (performance.now() > deadlineMs) throw new Error(`still at work: ${String(rows[0]?.['who'])}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  #schedule(inMs: number): void {
    clearTimeout(this.#timer)
    if (this.#stopped) return
    this.#timer = setTimeout(() => void this.#look().then(() => this.#schedule(lookEveryMs)), inMs)
  }

  async #look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => (this.#looking = null))
    await this.#looking
  }

  async #lookOnce(): Promise<void> {
    const before = this.#probe
    const askedNs = monotonicNs()
    try {
      const session = await this.#ownSession()
      const { rows } = await session.query(lookStatement, [], answerTimeoutMs)
      this.#answeredNs = monotonicNs()
      const isPrimary = rows[0]?.['standby'] === false
      const { region, epoch } = this.#expected()
      // Others see a row only after its commit had its quorum: the epoch's own first commit is as good as a probe.
      const isOwnEpoch = rows[0]?.['region'] === region && Number(rows[0]['epoch']) === epoch
      const wasPrimary = before.isPrimary && before.committedNs !== null
      const committedNs = wasPrimary ? this.#probe.committedNs : isOwnEpoch ? askedNs : null
      const promotedEpoch = isPrimary ? Number(rows[0]?.['vouching'] ?? 0) : 0
      const replayed = String(rows[0]?.['replayed'])
      const hasMoved = !isPrimary && replayed !== this.#replayed
      this.#replayed = replayed
      const freshNs = hasMoved || (isPrimary && isOwnEpoch && !wasPrimary) ? askedNs : this.#probe.freshNs
      this.#probe = { isPrimary, promotedEpoch, freshNs, committedNs: isPrimary ? committedNs : null }
      if (isPrimary) void this.#commitProbe()
    } catch (error) {
      this.#session?.close()
      this.#session = null
      // A slow answer is waited for a little longer; a broken session or a refusal says it all.
      if (!(error instanceof QueryTimeout)) this.#answeredNs = null
      if (before.isPrimary) this.#log.warn({ reason: (error as Error).message }, 'postgres does not answer')
      this.#probe = noProbe
    }
    this.#onChange()
  }

  async #ownSession(): Promise<Session> {
    if (this.#session?.isOpen !== true) this.#session = await this.#open('monitor')
    return this.#session
  }

  /** One at a time: a commit that hangs is neither cancelled nor joined by a second one. */
  async #commitProbe(): Promise<void> {
    if (this.#isProbing || !this.#mayWrite()) return
    this.#isProbing = true
    const sentNs = monotonicNs()
    try {
      if (this.#prober?.isOpen !== true) this.#prober = await this.#open('probe')
      const prober = this.#prober
      // From BEGIN's answer on a drain sees the transaction and waits for it; before it, this one sees the drain.
      await prober.query('BEGIN', [], answerTimeoutMs)
      if (!this.#mayWrite()) {
        await prober.query('ROLLBACK', [], answerTimeoutMs)
        return
      }
      await prober.query('UPDATE firedrill.probe SET probed_at = clock_timestamp()')
      const { unvouched } = await prober.query('COMMIT')
      if (!unvouched && this.#probe.isPrimary) {
        this.#probe = { ...this.#probe, committedNs: sentNs, freshNs: sentNs }
        this.#onChange()
      }
    } catch {
      this.#prober?.close()
    } finally {
      this.#isProbing = false
    }
  }
}
