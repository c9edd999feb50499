// Sends the agent's heartbeats: every 100 ms, and at once when something changed that others decide by.
import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { beatIntervalMs } from '#protocol/beat.ts'
import type { AgentStatus } from '#protocol/agent.ts'
import { ports, regions } from '#protocol/sites.ts'
import { encode } from '#runtime/beat.ts'
import { monotonicNs } from '#runtime/clock.ts'
import type { Log } from '#runtime/log.ts'

/** A beat carries the last epochs only; proofs are made from what an agent answers itself. */
const historyEntries = 4

export class Beats {
  readonly #key: string
  readonly #status: () => AgentStatus
  readonly #log: Log
  readonly #socket: Socket = createSocket('udp4')
  #addresses: string[] = []
  #seq = 0
  #timer: NodeJS.Timeout | undefined
  #isPending = false

  constructor(key: string, status: () => AgentStatus, log: Log) {
    this.#key = key
    this.#status = status
    this.#log = log
    this.#socket.on('error', (error) => log.warn({ err: error }, 'a beat could not be sent'))
  }

  /** Names are looked up once: a slow resolver must not make a beat late. */
  async start(): Promise<void> {
    const found = await Promise.allSettled(regions.map((region) => lookup(`controller.${region}`, 4)))
    this.#addresses = found.flatMap((each) => (each.status === 'fulfilled' ? [each.value.address] : []))
    if (this.#addresses.length < regions.length)
      this.#log.warn({ addresses: this.#addresses }, 'expected an address for each controller.<region>, saw fewer')
    this.#timer = setInterval(() => this.#send(), beatIntervalMs)
  }

  /** One beat for all changes of this turn of the loop. */
  now(): void {
    if (this.#isPending) return
    this.#isPending = true
    setImmediate(() => {
      this.#isPending = false
      this.#send()
    })
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#socket.close()
  }

  #send(): void {
    if (this.#addresses.length === 0) return
    const status = this.#status()
    const datagram = encode(
      {
        from: 'agent',
        region: status.region,
        incarnation: status.incarnation,
        seq: this.#seq++,
        sentNs: monotonicNs().toString(),
        status: { ...status, history: status.history.slice(-historyEntries) },
      },
      this.#key,
    )
    for (const address of this.#addresses) this.#socket.send(datagram, ports.beat, address, () => undefined)
  }
}
