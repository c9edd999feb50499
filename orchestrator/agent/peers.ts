// The agents of the other regions, who are told of a promotion's new timeline at once.
import { agentStatus, timelineReply, type TimelineNotice } from '#protocol/agent.ts'
import { ports, regions, type Region } from '#protocol/sites.ts'
import { call, WarmConnections } from '#runtime/http.ts'
import type { Log } from '#runtime/log.ts'

const timeoutMs = 1000
const warmMs = 2000

export class Peers {
  readonly #region: Region
  readonly #token: string
  readonly #log: Log
  readonly #connections = new WarmConnections()
  #timer: NodeJS.Timeout | undefined

  constructor(region: Region, token: string, log: Log) {
    this.#region = region
    this.#token = token
    this.#log = log
  }

  /** Connections are kept open, so that the word of a promotion takes one way over the WAN and not three. */
  start(): void {
    const warm = async (): Promise<void> =>
      this.#connections.warm(async (connections) => {
        const asked = this.#others().map(async (peer) =>
          call({ ...this.#to(peer, '/status'), method: 'GET', reply: agentStatus, connections }),
        )
        await Promise.allSettled(asked)
      })
    void warm()
    this.#timer = setInterval(() => void warm(), warmMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Only saves time: who doesn't hear of it asks Postgres. */
  tell(notice: TimelineNotice): void {
    const connections = this.#connections.ready
    for (const peer of this.#others()) {
      const word = { ...this.#to(peer, '/timeline'), method: 'POST', body: notice } as const
      call({ ...word, reply: timelineReply, connections }).catch((error: Error) =>
        this.#log.info({ peer, reason: error.message }, 'was not told of the new timeline'),
      )
    }
  }

  #to(peer: Region, path: string): { authority: string; path: string; token: string; timeoutMs: number } {
    return { authority: `postgres.${peer}:${ports.control}`, path, token: this.#token, timeoutMs }
  }

  #others(): readonly Region[] {
    return regions.filter((region) => region !== this.#region)
  }
}
