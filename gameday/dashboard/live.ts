// Server-sent events: each page gets the whole state first, then what changed. All pages see the same sequence.
import type { ServerResponse } from 'node:http'
import { difference, type Json } from './model/patch.ts'
import type { DashboardState } from './model/state.ts'

const pingMs = 10_000
/** A page that takes nothing any more is let go of: it comes back for the whole state. */
const mostWaitingBytes = 4 * 1024 * 1024

type Plain = Readonly<Record<string, Json>>

export class Live {
  readonly #pages = new Set<ServerResponse>()
  readonly #ping: NodeJS.Timeout
  #last: Plain | null = null
  #number = 0

  constructor() {
    this.#ping = setInterval(() => this.#send(': still here\n\n'), pingMs)
    this.#ping.unref()
  }

  /** Its header has been sent. */
  add(page: ServerResponse, onGone: () => void): void {
    this.#pages.add(page)
    page.once('close', () => {
      this.#pages.delete(page)
      onGone()
    })
    page.write('retry: 1000\n\n')
    if (this.#last !== null) page.write(message('state', { number: this.#number, state: this.#last }))
  }

  /** Tells the pages what changed since the last call, if anything has. */
  publish(state: DashboardState): void {
    // Its types promise that it is plain; this makes it so.
    const next = JSON.parse(JSON.stringify(state)) as Plain
    const before = this.#last
    this.#last = next
    if (before === null) return this.#send(message('state', { number: this.#number, state: next }))
    const changes = difference(before, next)
    if (changes.length === 0) return
    this.#number += 1
    this.#send(message('change', { number: this.#number, changes }))
  }

  /** The world has gone, or the server ends. */
  end(reason: string): void {
    clearInterval(this.#ping)
    this.#send(message('end', { reason }))
    for (const page of this.#pages) page.end()
  }

  #send(text: string): void {
    for (const page of this.#pages) {
      if (page.writableLength > mostWaitingBytes) page.destroy()
      else page.write(text)
    }
  }
}

function message(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
