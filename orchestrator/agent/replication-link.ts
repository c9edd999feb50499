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
import type { Source } from './settings.ts'

/** Named as libpq looks for it, given the folder as host and this port. */
const socketName = `.s.PGSQL.${ports.postgres}`
/** A connection that was opened ahead is closed if nobody comes for it. */
const unusedMs = 3000
const keepAliveDelayMs = 2000

type Opened = { region: Region; socket: Socket; timer: NodeJS.Timeout }

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
  #opened: Opened | null = null
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

  /**
   * From now on walreceivers are joined with `source`, or with nobody; connections to an earlier source end at once.
   * @param start what the first walreceiver will ask for, null if that isn't certain
   */
  setSource(source: Source | null, start: StreamStart | null): void {
    if (source === null) return this.cut()
    this.#closeConnections()
    this.#source = source
    this.#start = start
    this.#isPlainNext = false
    if (this.#opened?.region !== source.primary) this.#dropOpened()
  }

  /** Opens a connection to what is going to be the source. */
  openAhead(region: Region): void {
    if (this.#opened?.region === region && !this.#opened.socket.destroyed) return
    this.#dropOpened()
    const socket = this.#connect(region)
    socket.on('error', () => undefined)
    const timer = setTimeout(() => this.#dropOpened(), unusedMs)
    this.#opened = { region, socket, timer }
  }

  /** The history file of a new timeline is in its place. */
  learn({ epoch, timeline, text }: TimelineNotice): void {
    const next = nextTimeline(timeline, text)
    if (next === null) return
    this.#next = { epoch, next }
    if (this.#source?.epoch === epoch) for (const connection of this.#connections) connection.learn(next)
  }

  /** Takes the source away: every connection ends at once. */
  cut(): void {
    this.#source = null
    this.#closeConnections()
    this.#dropOpened()
  }

  close(): void {
    this.cut()
    this.#server.close()
  }

  #closeConnections(): void {
    for (const connection of this.#connections) connection.close()
  }

  #dropOpened(): void {
    clearTimeout(this.#opened?.timer)
    this.#opened?.socket.destroy()
    this.#opened = null
  }

  #socketTo(region: Region): Socket {
    const opened = this.#opened
    if (opened?.region !== region || opened.socket.destroyed) return this.#connect(region)
    clearTimeout(opened.timer)
    this.#opened = null
    return opened.socket
  }

  #accept(local: Socket): void {
    const source = this.#source
    if (source === null) {
      local.destroy()
      return
    }
    const { primary: region, epoch } = source
    const start = this.#start
    // Certain of the first attempt only: later ones start where the WAL ends then.
    this.#start = null
    const mayAnticipate = !this.#isPlainNext
    this.#isPlainNext = false
    const next = this.#next?.epoch === epoch ? this.#next.next : null
    const connection: LinkedConnection = new LinkedConnection(
      local,
      this.#socketTo(region),
      { mayAnticipate, start, next },
      {
        taken: (question) =>
          this.#events.add('agent-anticipated', epoch, `asked of ${region} ahead of Postgres: ${question}`, {
            question,
          }),
        missed: (expected, seen) => {
          this.#isPlainNext = true
          const reason = `${region} had been asked for something else than Postgres wanted: the connection is closed`
          this.#events.add('agent-anticipated-wrongly', epoch, reason, { expected, seen })
        },
        closed: () => this.#connections.delete(connection),
      },
    )
    this.#connections.add(connection)
  }
}
