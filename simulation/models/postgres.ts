// One Postgres: WAL that is written, flushed, received and replayed apart; walsenders, walreceiver, synchronous replication.
// What it promises to nobody it doesn't keep here either: see "Postgres facts" of the project's notes on what was seen on the real one.
import { canonicalLsn, type Fork } from '#orchestrator/core/agent/decisions.ts'
import type { Chance } from '#runtime/chance.ts'
import type { Network } from '../network.ts'
import type { Process } from '../process.ts'
import { currentTimeline, divergence, endOf, indexAbove, lsnText, recordBytes, serves, type WalRecord } from './wal.ts'

/** How a commit ended that waited for its standbys. `unvouched`: success, with the warning that nobody was waited for. */
export type CommitEnd = 'vouched' | 'unvouched' | 'broken'

interface Waiting {
  readonly lsn: number
  readonly done: (end: CommitEnd) => void
  /** What the commit makes visible to others, whether it was vouched for or not. */
  readonly show: () => void
}

/** A walreceiver and its walsender. */
interface Stream {
  readonly name: string
  readonly source: Postgres
  readonly sink: Postgres
  /** In the source's WAL. */
  next: number
  lastDeliveryMs: number
  /** What is on its way, in order: a stream of bytes, whatever becomes of its packets. */
  readonly inFlight: (readonly WalRecord[])[]
  flushLsn: number
  isOpen: boolean
  isRetrying: boolean
  blockedSinceMs: number | null
}

export interface PostgresPorts {
  readonly site: number
  readonly process: Process
  readonly network: Network
  readonly chance: Chance
  /** The epoch in which this node may take WAL is watched. */
  readonly appended: (postgres: Postgres, streamName: string, count: number) => void
  readonly flushed: () => void
  readonly changed: () => void
}

const streamTimeoutMs = 5000
const retryMs = 200

export class Postgres {
  readonly #ports: PostgresPorts
  wal: WalRecord[] = []
  forks: Fork[] = []
  flushedCount = 0
  replayedCount = 0
  isUp = false
  role: 'standby' | 'primary' = 'standby'
  /** By whom commits are vouched for; no names: by the local disk. */
  #quorum: { readonly needed: number; readonly names: ReadonlySet<string> } = { needed: 0, names: new Set() }
  standbyNames = ''
  /** The epoch that the followers vouch for who are named now; 0 without names. */
  vouchingEpoch = 0
  /** Every flush takes so much longer. */
  slowDiskMs = 0
  replayPausedUntilMs = 0
  #waiting: Waiting[] = []
  #isFlushing = false
  #replayDue = false
  #senders: Stream[] = []
  #receiver: Stream | null = null
  #source: { readonly postgres: Postgres; readonly name: string } | null = null
  /** Rows that sessions see: key to record; and the latest epoch that is seen. */
  readonly rows = new Map<string, WalRecord>()
  readonly outbox = new Map<string, number>()
  seenEpoch: { readonly epoch: number; readonly region: number } = { epoch: 0, region: -1 }
  readonly pending = new Map<string, (() => void)[]>()
  transactionCount = 0
  readonly openTransactions = new Set<number>()

  constructor(ports: PostgresPorts) {
    this.#ports = ports
  }

  get site(): number {
    return this.#ports.site
  }

  get endLsn(): number {
    return endOf(this.wal, this.wal.length)
  }

  get flushedLsn(): number {
    return endOf(this.wal, this.flushedCount)
  }

  get replayedLsn(): number {
    return endOf(this.wal, this.replayedCount)
  }

  get timeline(): number {
    return currentTimeline(this.forks)
  }

  get isStreaming(): boolean {
    return this.#receiver?.isOpen === true
  }

  followers(): readonly { readonly name: string; readonly flushLsn: number }[] {
    return this.#senders.filter((each) => each.isOpen)
  }

  // ---- start and end

  /** Recovery to the end of what is on disk: the unacknowledged tail is there again. */
  start(): void {
    this.isUp = true
    this.role = 'standby'
    this.flushedCount = this.wal.length
    this.replayedCount = this.wal.length
  }

  /** @param losesUnflushed the machine's power is gone, or the process was killed in the midst of a write */
  stop(losesUnflushed: boolean): void {
    if (losesUnflushed) {
      const kept = this.#ports.chance.between(this.flushedCount, this.wal.length)
      this.wal.length = kept
    }
    this.flushedCount = this.wal.length
    this.replayedCount = Math.min(this.replayedCount, this.wal.length)
    this.isUp = false
    this.#isFlushing = false
    this.#replayDue = false
    this.#source = null
    this.closeReceiver()
    for (const stream of this.#senders) this.#close(stream)
    this.#senders = []
    this.role = 'standby'
    const waiting = this.#waiting
    this.#waiting = []
    for (const each of waiting) each.done('broken')
    this.pending.clear()
    this.openTransactions.clear()
    this.#ports.changed()
  }

  /** A new timeline, with an id above all that this node knows of: another node may take the same one. */
  promote(epoch: number): Fork {
    const fork = { timeline: this.timeline + 1, forkLsn: canonicalLsn(lsnText(this.endLsn)) }
    this.forks = [...this.forks, fork]
    this.role = 'primary'
    this.#readTables()
    this.insert('recovery', [], epoch)
    for (const stream of this.#senders) this.#pump(stream)
    return fork
  }

  #readTables(): void {
    this.rows.clear()
    this.outbox.clear()
    this.seenEpoch = { epoch: 0, region: -1 }
    for (const record of this.wal) this.#show(record)
  }

  #show(record: WalRecord): void {
    if (record.kind === 'write') {
      for (const key of record.keys) {
        this.rows.set(key, record)
        this.outbox.set(key, record.startLsn)
      }
    } else if (record.kind === 'done') for (const key of record.keys) this.outbox.delete(key)
    else if (record.kind === 'epoch') this.seenEpoch = { epoch: record.epoch, region: Number(record.keys[0]) }
  }

  // ---- the settings

  /** `ANY k ("a-7", "b-7")`, as the core writes it; empty: no synchronous standbys. */
  setStandbyNames(text: string): void {
    this.standbyNames = text
    const match = /^ANY (\d+) \((.*)\)$/.exec(text)
    const names = match?.[2]?.split(', ').map((name) => name.slice(1, -1)) ?? []
    this.#quorum = { needed: Number(match?.[1] ?? 0), names: new Set(names) }
    this.vouchingEpoch = Number(names[0]?.slice(names[0].lastIndexOf('-') + 1) ?? 0)
    this.#answerWaiting()
  }

  // ---- writing

  insert(kind: WalRecord['kind'], keys: readonly string[], epoch: number): WalRecord {
    const startLsn = this.endLsn
    const record: WalRecord = {
      startLsn,
      endLsn: startLsn + recordBytes,
      epoch,
      timeline: this.timeline,
      kind,
      keys,
    }
    this.wal.push(record)
    this.#flushSoon()
    return record
  }

  /** Waits for what `synchronous_standby_names` asks for. */
  commit(record: WalRecord, done: (end: CommitEnd) => void): void {
    this.#waiting.push({ lsn: record.endLsn, done, show: () => this.#show(record) })
    this.#answerWaiting()
  }

  /** `synchronous_commit = local`: the own disk is enough. */
  commitLocally(record: WalRecord): void {
    this.#show(record)
  }

  /** An administrator ends the waits of sessions: by cancel they answer success with a warning, by terminate they break. */
  endWaits(end: 'unvouched' | 'broken'): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const each of waiting) {
      each.show()
      each.done(end)
    }
  }

  #flushSoon(): void {
    if (this.#isFlushing || !this.isUp) return
    this.#isFlushing = true
    this.#ports.process.after(1 + this.slowDiskMs, () => this.#flush())
  }

  #flush(): void {
    if (!this.isUp) return
    this.#isFlushing = false
    this.flushedCount = this.wal.length
    if (this.role === 'primary') this.#answerWaiting()
    else {
      this.#replaySoon()
      this.#reply()
    }
    for (const stream of this.#senders) this.#pump(stream)
    this.#ports.flushed()
  }

  #replaySoon(): void {
    const { process } = this.#ports
    const pauseMs = this.replayPausedUntilMs - process.now
    if (pauseMs <= 0) {
      this.replayedCount = this.flushedCount
      return
    }
    if (this.#replayDue) return
    this.#replayDue = true
    process.after(pauseMs, () => {
      this.#replayDue = false
      if (this.isUp && this.role === 'standby') this.#replaySoon()
    })
  }

  #answerWaiting(): void {
    if (this.#waiting.length === 0 || this.role !== 'primary') return
    const upTo = Math.min(this.flushedLsn, this.vouchedLsn())
    const done = this.#waiting.filter((each) => each.lsn <= upTo)
    if (done.length === 0) return
    this.#waiting = this.#waiting.filter((each) => each.lsn > upTo)
    for (const each of done) {
      each.show()
      each.done('vouched')
    }
  }

  /** Up to where enough of the named standbys have said that they flushed. */
  vouchedLsn(): number {
    const { needed, names } = this.#quorum
    if (needed === 0) return Number.POSITIVE_INFINITY
    const flushed = this.#senders.filter((each) => each.isOpen && names.has(each.name))
    if (flushed.length < needed) return 0
    if (needed === 1) return flushed.reduce((most, each) => Math.max(most, each.flushLsn), 0)
    return flushed.map((each) => each.flushLsn).sort((left, right) => right - left)[needed - 1] ?? 0
  }

  // ---- streaming: the receiving side

  /** @param source whom the walreceiver asks, and under which name; null: nobody */
  setSource(source: { readonly postgres: Postgres; readonly name: string } | null): void {
    this.#source = source
    this.closeReceiver()
    if (source !== null && this.isUp) this.#connectSoon(this.#ports.chance.between(0, 20))
  }

  closeReceiver(): void {
    const stream = this.#receiver
    this.#receiver = null
    if (stream === null) return
    stream.isOpen = false
    const { network } = this.#ports
    const { source } = stream
    network.message(this.site, source.site, 'postgres', () => source.#close(stream), streamTimeoutMs)
    this.#ports.changed()
  }

  #close(stream: Stream): void {
    this.#senders = this.#senders.filter((each) => each !== stream)
    if (!stream.isOpen) return
    stream.isOpen = false
    const { sink } = stream
    this.#ports.network.message(this.site, sink.site, 'postgres', () => sink.#streamEnded(stream), streamTimeoutMs)
    // Where no word gets through, the walreceiver's own time-out ends it.
    sink.#ports.process.after(streamTimeoutMs, () => sink.#streamEnded(stream))
  }

  #streamEnded(stream: Stream): void {
    if (this.#receiver !== stream) return
    this.#receiver = null
    this.#ports.changed()
    if (this.isUp && this.#source !== null) this.#connectSoon(retryMs)
  }

  #connectSoon(inMs: number): void {
    const wanted = this.#source
    this.#ports.process.after(inMs, () => {
      if (this.isUp && this.#source === wanted && wanted !== null && this.#receiver === null) this.#connect(wanted)
    })
  }

  /** Startup, IDENTIFY_SYSTEM, START_REPLICATION: some round trips, after which the walsender begins where the standby stands. */
  #connect(wanted: { readonly postgres: Postgres; readonly name: string }): void {
    const { network, process } = this.#ports
    const { postgres: source, name } = wanted
    const again = (): void => {
      if (this.#source === wanted) this.#connectSoon(retryMs)
    }
    const canReach =
      network.isUp(this.site, source.site, 'postgres') && network.isUp(source.site, this.site, 'postgres')
    if (!canReach || !source.isUp || !source.#ports.process.isUp) return again()
    const roundTrips = 2 * (network.delayMs(this.site, source.site) + network.delayMs(source.site, this.site))
    process.after(roundTrips, () => {
      if (this.#source !== wanted || !this.isUp || this.#receiver !== null) return
      const isReached =
        network.isUp(this.site, source.site, 'postgres') && source.isUp && source.#ports.process.isAtWork
      if (!isReached || !serves(source.forks, this.forks, this.wal.at(-1)?.timeline ?? 1)) return again()
      const stream: Stream = {
        name,
        source,
        sink: this,
        next: indexAbove(source.wal, this.flushedLsn),
        lastDeliveryMs: 0,
        inFlight: [],
        flushLsn: this.flushedLsn,
        isOpen: true,
        isRetrying: false,
        blockedSinceMs: null,
      }
      this.#receiver = stream
      // A walreceiver fetches the history files of the source's timelines first.
      if (source.forks !== this.forks) this.#learnForks(source.forks)
      source.#senders.push(stream)
      source.#pump(stream)
      this.#reply()
      source.#answerWaiting()
      this.#ports.changed()
    })
  }

  /** Timelines that fork off below what this node holds are another line's, and Postgres would not follow them. */
  #learnForks(forks: Fork[]): void {
    const known = new Map(this.forks.map((fork) => [fork.timeline, fork]))
    for (const fork of forks) if (!known.has(fork.timeline)) known.set(fork.timeline, fork)
    const all = [...known.values()].sort((left, right) => left.timeline - right.timeline)
    this.forks = all.length === forks.length && all.every((fork, at) => fork === forks[at]) ? forks : all
  }

  #receive(stream: Stream, records: readonly WalRecord[]): void {
    if (this.#receiver !== stream || !this.isUp) return
    const last = this.endLsn
    for (const record of records) if (record.endLsn > last) this.wal.push(record)
    if (stream.source.forks !== this.forks) this.#learnForks(stream.source.forks)
    this.#ports.appended(this, stream.name, records.length)
    this.#flushSoon()
  }

  #reply(): void {
    const stream = this.#receiver
    if (stream === null || !stream.isOpen) return
    const lsn = this.flushedLsn
    const { source } = stream
    const { network } = this.#ports
    network.message(this.site, source.site, 'postgres', () =>
      source.#ports.process.deliver(() => {
        if (!stream.isOpen || lsn <= stream.flushLsn) return
        stream.flushLsn = lsn
        source.#answerWaiting()
      }),
    )
  }

  // ---- streaming: the sending side

  #pump(stream: Stream): void {
    if (!stream.isOpen || !this.isUp || stream.next >= this.flushedCount) return
    const { network, process } = this.#ports
    const { sink } = stream
    if (!network.isUp(this.site, sink.site, 'postgres')) return this.#pumpLater(stream)
    stream.blockedSinceMs = null
    const records = this.wal.slice(stream.next, this.flushedCount)
    stream.next = this.flushedCount
    const deliveryMs = Math.max(process.now + network.delayMs(this.site, sink.site), stream.lastDeliveryMs)
    stream.lastDeliveryMs = deliveryMs
    stream.inFlight.push(records)
    sink.#ports.process.after(deliveryMs - process.now, () => sink.#receive(stream, stream.inFlight.shift() ?? []))
  }

  #pumpLater(stream: Stream): void {
    const { process } = this.#ports
    stream.blockedSinceMs ??= process.now
    if (process.now - stream.blockedSinceMs > streamTimeoutMs) return this.#close(stream)
    if (stream.isRetrying) return
    stream.isRetrying = true
    process.after(retryMs, () => {
      stream.isRetrying = false
      this.#pump(stream)
    })
  }

  // ---- being made anew

  /** pg_rewind against a running primary. Null: it saw nothing to do, since the timeline ids are equal. */
  rewind(source: Postgres): number | null {
    const at = divergence(this.forks, source.forks, this.endLsn)
    if (at === null) return null
    const own = this.wal.slice(0, indexAbove(this.wal, at))
    this.#adopt(source, [...own, ...source.wal.slice(indexAbove(source.wal, at), source.flushedCount)])
    return at
  }

  baseBackup(source: Postgres): void {
    this.#adopt(source, source.wal.slice(0, source.flushedCount))
  }

  #adopt(source: Postgres, wal: WalRecord[]): void {
    this.wal = wal
    this.forks = [...source.forks]
    this.flushedCount = wal.length
    this.replayedCount = wal.length
  }
}
