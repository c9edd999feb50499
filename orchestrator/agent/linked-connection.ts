// One walreceiver and its source, joined: bytes go from one to the other as far as the anticipation lets them, and each side's
// end is the other's. Nothing piles up: who can't get rid of what it has reads no more.
import type { Socket } from 'node:net'
import {
  anticipation,
  begin,
  fromSource,
  fromWalreceiver,
  isAhead,
  isHeld,
  isWaiting,
  learnNext,
  learnStart,
  type Anticipation,
  type Known,
  type NextTimeline,
  type StreamStart,
} from '#orchestrator/core/agent/replication-anticipation.ts'
import { join, takeMessages, textOf } from '#orchestrator/core/agent/replication-framing.ts'

/** A walreceiver waits without end for an answer (libpqrcv_PQexec); only once it streams it has a time limit of its own. */
const answerTimeoutMs = 3000

/**
 * Room for the WAL that comes ahead of the question: a segment, from whose beginning it always comes, and then some. Left in the
 * socket, only a receive window of it would be on this side of the WAN by the time it is asked for.
 */
const heldBytesLimit = 2 * 1_048_576

const nothing = new Uint8Array()

/** What is told of a connection. */
export type Outcome = {
  /** The walreceiver asked for a stream that had been asked for ahead. */
  taken: (question: string) => void
  /** It asked something else than had been sent ahead: the connection is closed. */
  missed: (expected: string, seen: string) => void
  /** The source left before the walreceiver had asked all that had been sent ahead. */
  left: () => void
  closed: () => void
}

export class LinkedConnection {
  #local: Socket | null = null
  readonly #source: Socket
  readonly #outcome: Outcome
  #state: Anticipation
  /** Of the source, not let through yet. */
  #held: Uint8Array[] = []
  #heldBytes = 0
  /** Of the walreceiver: the beginning of a message. */
  #begun: Uint8Array = nothing
  #isFull = false
  /** One side has left, and the other gets the last of what that had said. */
  #isEnding = false
  #isClosed = false

  /** @param source may still be connecting */
  constructor(source: Socket, known: Known, outcome: Outcome) {
    this.#source = source
    this.#outcome = outcome
    this.#state = anticipation(known)
    source.on('data', (chunk) => this.#do(() => this.#hearSource(chunk)))
    source.on('drain', () => this.#local?.resume())
    source.once('end', () => this.#sourceEnded())
    source.once('timeout', () => this.close())
    // 'close' follows.
    source.on('error', () => undefined)
    source.once('close', () => this.#lost(true))
    this.#settle()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Asks before the walreceiver is there, which will send `startup`. */
  begin(startup: Uint8Array): void {
    this.#send(begin(this.#state, startup))
  }

  /** What the walreceiver will ask for is certain. */
  learnStart(start: StreamStart): void {
    this.#send(learnStart(this.#state, start))
  }

  /** The history of the timeline that comes next is in its place. */
  learnNext(next: NextTimeline): void {
    this.#send(learnNext(this.#state, next))
  }

  /** The walreceiver is there. */
  join(local: Socket): void {
    this.#local = local
    local.on('data', (chunk) => this.#do(() => this.#hearWalreceiver(chunk)))
    local.on('drain', () => this.#do(() => this.#drained()))
    local.once('end', () => this.#end(this.#source))
    local.on('error', () => undefined)
    local.once('close', () => this.#lost(false))
  }

  /** Both sides, at once. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#held = []
    this.#local?.destroy()
    this.#source.destroy()
    this.#outcome.closed()
  }

  #do(work: () => void): void {
    if (this.#isClosed) return
    try {
      work()
      this.#settle()
    } catch {
      // Not what the protocol allows.
      this.close()
    }
  }

  #send({ state, toSource }: { state: Anticipation; toSource: readonly Uint8Array[] }): void {
    this.#do(() => {
      this.#state = state
      this.#ask(toSource)
    })
  }

  #hearWalreceiver(chunk: Uint8Array): void {
    const { messages, rest } = takeMessages(join(this.#begun, chunk), this.#state.hasBegun)
    // A copy: what is left over must not keep the whole chunk.
    this.#begun = new Uint8Array(rest)
    for (const message of messages) {
      const { state, toSource, kind, expected } = fromWalreceiver(this.#state, message)
      if (kind === 'wrong') {
        this.#outcome.missed(expected ?? '', textOf(message))
        return this.close()
      }
      this.#state = state
      this.#ask(toSource)
      if (kind === 'ahead' && textOf(message).startsWith('START_REPLICATION')) this.#outcome.taken(textOf(message))
      this.#release()
    }
  }

  #hearSource(chunk: Uint8Array): void {
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    this.#release()
  }

  #drained(): void {
    this.#isFull = false
    this.#release()
  }

  /** Lets through what may go. */
  #release(): void {
    if (this.#local === null || this.#isFull || this.#heldBytes === 0 || isHeld(this.#state)) return
    const bytes = this.#held.length === 1 ? (this.#held[0] ?? nothing) : Buffer.concat(this.#held)
    const { state, passed, toSource } = fromSource(this.#state, bytes)
    this.#state = state
    if (passed > 0) this.#isFull = !this.#local.write(bytes.subarray(0, passed))
    this.#heldBytes = bytes.length - passed
    this.#held = this.#heldBytes === 0 ? [] : [bytes.subarray(passed)]
    this.#ask(toSource)
  }

  #ask(messages: readonly Uint8Array[]): void {
    const [first, ...more] = messages
    if (first === undefined) return
    if (!this.#source.write(more.reduce(join, first))) this.#local?.pause()
  }

  #settle(): void {
    if (this.#isClosed) return
    if (this.#isFull || this.#heldBytes > heldBytesLimit) this.#source.pause()
    else this.#source.resume()
    this.#source.setTimeout(isWaiting(this.#state) || this.#source.connecting ? answerTimeoutMs : 0)
  }

  #sourceEnded(): void {
    if (this.#heldBytes > 0 || isAhead(this.#state)) this.#lost(true)
    else this.#end(this.#local)
  }

  #end(other: Socket | null): void {
    this.#isEnding = true
    other?.destroySoon()
  }

  #lost(isSource: boolean): void {
    if (this.#isClosed || (this.#isEnding && !(this.#local?.closed !== false && this.#source.closed))) return
    // Without what had been sent ahead the source might have stayed.
    if (isSource && !this.#isEnding && isAhead(this.#state)) this.#outcome.left()
    this.close()
  }
}
