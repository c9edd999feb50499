// The way from Postgres's walreceiver to its source: a Unix socket of the agent's, and behind it the source over the WAN.
//
// Rule 1 holds as without it. A cut closes every connection first of all, in the same turn of the loop, so that nothing that was
// sent ahead, and nothing else either, is handed to Postgres any more; and since the walreceiver may still be at what it got
// before, its end is awaited all the same before the node says where its WAL ends (cut.ts). A walreceiver that is started late
// finds the service file empty, and if it has read that before, nobody behind the socket.
import { chown, mkdir, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { nextTimeline, type NextTimeline, type StreamStart } from '#orchestrator/core/agent/replication-anticipation.ts'
import type { TimelineNotice } from '#protocol/agent.ts'
import { ports, type Region } from '#protocol/sites.ts'
import { LinkedConnection } from './linked-connection.ts'
import type { Account } from './postgres-server.ts'
import { replicationStartup, type Source } from './settings.ts'

/** Named as libpq looks for it, given the folder as host and this port. */
const socketName = `.s.PGSQL.${ports.postgres}`
/** A connection that was opened ahead is closed if nobody comes for it. */
const unusedMs = 3000
const keepAliveDelayMs = 2000

/** Nothing was asked on it yet. */
type Opened = { socket: Socket; timer: NodeJS.Timeout }

/** The walreceiver has not come for it yet. */
type Prepared = { connection: LinkedConnection; epoch: number; timer: NodeJS.Timeout }

/** What is told of the link; `add` as of `Events`. */
export type LinkEvents = {
  add: (kind: string, epoch: number, reason: string, detail?: Readonly<Record<string, unknown>>) => void
}

/** A connection to the Postgres of a region, under way. */
export function connectToPostgres(region: Region): Socket {
  const socket = connect({ host: `postgres.${region}`, port: ports.postgres, family: 4, noDelay: true })
  return socket.setKeepAlive(true, keepAliveDelayMs)
}

export class ReplicationLink {
  readonly #server: Server
  readonly #events: LinkEvents
  readonly #connect: (region: Region) => Socket
  readonly #connections = new Set<LinkedConnection>()
  #source: Source | null = null
  #start: StreamStart | null = null
  #next: { epoch: number; next: NextTimeline } | null = null
  readonly #opened = new Map<Region, Opened>()
  #prepared: Prepared | null = null
  /** What was sent ahead on the last connection was not what the walreceiver asked. */
  #isPlainNext = false

  private constructor(server: Server, events: LinkEvents, connectTo: (region: Region) => Socket) {
    this.#server = server
    this.#events = events
    this.#connect = connectTo
    server.on('connection', (local) => this.#accept(local))
  }

  /**
   * Listens in `folder`, which is made if need be, for whoever runs as `account`.
   * @throws Error if that can't be had: Postgres would have no way to its source
   */
  static async listen(
    folder: string,
    account: Account,
    events: LinkEvents,
    connectTo: (region: Region) => Socket = connectToPostgres,
  ): Promise<ReplicationLink> {
    const path = `${folder}/${socketName}`
    const server = createServer()
    try {
      await mkdir(folder, { recursive: true })
      // Left behind by an agent that was killed.
      await rm(path, { force: true })
      server.listen(path)
      await once(server, 'listening')
      await chown(path, account.uid, account.gid)
    } catch (error) {
      const reason = (error as Error).message
      throw new Error(
        `expected to listen on ${path} for Postgres's walreceiver, saw: ${reason}; make ${folder} writable`,
        { cause: error },
      )
    }
    return new ReplicationLink(server, events, connectTo)
  }

  /** Opens connections to whoever may become the source. Nothing is asked on them, so that nothing can come by them. */
  openAhead(targets: readonly Region[]): void {
    for (const region of targets) {
      this.#dropOpened(region)
      const socket = this.#connect(region)
      socket.on('error', () => undefined)
      // Who reads hears of the other's end, and then this one is not used.
      socket.resume()
      this.#opened.set(region, { socket, timer: setTimeout(() => this.#dropOpened(region), unusedMs) })
    }
  }

  /** Asks `source` ahead of the walreceiver, which is told of it in a moment. */
  prepare(source: Source): void {
    this.#closeConnections()
    const connection = this.#connection(source, null, true)
    connection.begin(replicationStartup(source))
    this.#prepared = { connection, epoch: source.epoch, timer: setTimeout(() => connection.close(), unusedMs) }
  }

  /**
   * From now on walreceivers are joined with `source`, or with nobody; connections to an earlier source end at once.
   * @param start what the first walreceiver will ask for, null if that isn't certain
   */
  setSource(source: Source | null, start: StreamStart | null): void {
    if (source === null) return this.cut()
    if (this.#prepared?.epoch !== source.epoch) this.#closeConnections()
    if (start !== null) this.#prepared?.connection.learnStart(start)
    this.#source = source
    this.#start = start
    this.#isPlainNext = false
  }

  /** The history file of a new timeline is in its place. */
  learn({ epoch, timeline, text }: TimelineNotice): void {
    const next = nextTimeline(timeline, text)
    if (next === null) return
    this.#next = { epoch, next }
    // A prepared connection is of this epoch before the source is set.
    if (this.#source?.epoch === epoch || this.#prepared?.epoch === epoch)
      for (const connection of this.#connections) connection.learnNext(next)
  }

  /** Takes the source away: every connection on which anything was asked ends at once. */
  cut(): void {
    this.#source = null
    this.#closeConnections()
  }

  close(): void {
    this.cut()
    for (const region of this.#opened.keys()) this.#dropOpened(region)
    this.#server.close()
  }

  #closeConnections(): void {
    clearTimeout(this.#prepared?.timer)
    this.#prepared = null
    for (const connection of this.#connections) connection.close()
  }

  #dropOpened(region: Region): void {
    const opened = this.#opened.get(region)
    clearTimeout(opened?.timer)
    opened?.socket.destroy()
    this.#opened.delete(region)
  }

  #socketTo(region: Region): Socket {
    const opened = this.#opened.get(region)
    clearTimeout(opened?.timer)
    this.#opened.delete(region)
    return opened === undefined || opened.socket.destroyed ? this.#connect(region) : opened.socket
  }

  #accept(local: Socket): void {
    const source = this.#source
    if (source === null) {
      local.destroy()
      return
    }
    const prepared = this.#prepared?.connection
    clearTimeout(this.#prepared?.timer)
    this.#prepared = null
    // Certain of the first attempt only: later ones start where the WAL ends then.
    const start = this.#start
    this.#start = null
    const isReady = prepared !== undefined && !prepared.isClosed
    const connection = isReady ? prepared : this.#connection(source, start, !this.#isPlainNext)
    this.#isPlainNext = false
    connection.join(local)
  }

  #connection({ primary, epoch }: Source, start: StreamStart | null, mayAnticipate: boolean): LinkedConnection {
    const next = this.#next?.epoch === epoch ? this.#next.next : null
    const connection: LinkedConnection = new LinkedConnection(
      this.#socketTo(primary),
      { mayAnticipate, start, next },
      {
        taken: (question) =>
          this.#events.add('agent-anticipated', epoch, `asked of ${primary} ahead of Postgres: ${question}`, {
            question,
          }),
        missed: (expected, seen) => {
          this.#isPlainNext = true
          const reason = `${primary} had been asked for something else than Postgres wanted: the connection is closed`
          this.#events.add('agent-anticipated-wrongly', epoch, reason, { expected, seen })
        },
        left: () => (this.#isPlainNext = true),
        closed: () => this.#connections.delete(connection),
      },
    )
    this.#connections.add(connection)
    return connection
  }
}
