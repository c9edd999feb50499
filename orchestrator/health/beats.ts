// Heartbeats over UDP: sends this controller's own to the others, takes in those of controllers and agents.
import { createSocket, type Socket } from 'node:dgram'
import type { Beat, ControllerBeat } from '#protocol/beat.ts'
import { lastOctet, ports, type Region, regionHosts, regions, siteIndex } from '#protocol/sites.ts'
import { decode, encode } from '#runtime/beat.ts'
import { monotonicNs } from '#runtime/clock.ts'

export type BeatContent = Omit<ControllerBeat, 'from' | 'seq' | 'sentNs' | 'mac'>

export interface BeatOptions {
  readonly region: Region
  /** Address prefixes by site, as in the configuration. */
  readonly nets: readonly string[]
  readonly key: string
  readonly onBeat: (beat: Beat) => void
  readonly port?: number
}

/** Drops what is older than the last one of the same sender: datagrams overtake each other. */
export class BeatOrder {
  readonly #last = new Map<string, { incarnation: string; seq: number; sentNs: bigint }>()

  accept(beat: Beat): boolean {
    const sender = `${beat.from}.${beat.region}`
    const last = this.#last.get(sender)
    const sentNs = BigInt(beat.sentNs)
    if (last !== undefined && (last.incarnation === beat.incarnation ? beat.seq <= last.seq : sentNs <= last.sentNs))
      return false
    this.#last.set(sender, { incarnation: beat.incarnation, seq: beat.seq, sentNs })
    return true
  }
}

export class Beats {
  readonly #socket: Socket
  readonly #options: BeatOptions
  readonly #order = new BeatOrder()
  #seq = 0

  private constructor(socket: Socket, options: BeatOptions) {
    this.#socket = socket
    this.#options = options
  }

  static async open(options: BeatOptions): Promise<Beats> {
    const socket = createSocket('udp4')
    const beats = new Beats(socket, options)
    socket.on('message', (datagram) => {
      const beat = decode(datagram, options.key)
      if (beat !== null && beats.#order.accept(beat)) options.onBeat(beat)
    })
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind(options.port ?? ports.beat, () => {
        socket.off('error', reject)
        // An unreachable peer must not end the process; its silence is what counts.
        socket.on('error', () => undefined)
        resolve()
      })
    })
    return beats
  }

  send(content: BeatContent): void {
    this.#seq += 1
    const body = { from: 'controller', ...content, seq: this.#seq, sentNs: monotonicNs().toString() } as const
    const datagram = encode(body, this.#options.key)
    const net = this.#options.nets[siteIndex(this.#options.region)]
    for (const region of regions) {
      if (region === this.#options.region) continue
      this.#socket.send(datagram, ports.beat, `${net}.${lastOctet(region, regionHosts.controller)}`, () => undefined)
    }
  }

  close(): void {
    this.#socket.close()
  }
}
