// One walreceiver and its source, joined: bytes go from one to the other as far as the anticipation lets them, and each side's
// end is the other's. Nothing piles up: who can't get rid of what it has reads no more.
import type { Socket } from 'node:net'
import {
  anticipation,
  fromSource,
  fromWalreceiver,
  isAhead,
  isHeld,
  isWaiting,
  learnNext,
  type Anticipation,
  type Known,
  type NextTimeline,
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
  /** It asked something else than had been sent ahead, or the source left before it asked: the connection is closed. */
  missed: (expected: string, seen: string) => void
  closed: () => void
}

export class LinkedConnection {
  readonly #local: Socket
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
  constructor(local: Socket, source: Socket, known: Known, outcome: Outcome) {
    this.#local = local
    this.#source = source
    this.#outcome = outcome
    this.#state = anticipation(known)
    const guarded =
      (work: (chunk: Uint8Array) => void) =>
      (chunk: Uint8Array): void => {
        if (this.#isClosed) return
        try {
          work(chunk)
          this.#settle()
        } catch {
          this.close()
        }
      }
    local.on(
      'data',
      guarded((chunk) => this.#hearWalreceiver(chunk)),
    )
    source.on(
      'data',
      guarded((chunk) => this.#hearSource(chunk)),
    )
    local.on(
      'drain',
      guarded(() => this.#drained()),
    )
    source.on('drain', () => local.resume())
    local.once('end', () => this.#end(source))
    source.once('end', () => this.#sourceEnded())
    source.once('timeout', () => this.close())
    for (const socket of [local, source]) {
      // 'close' follows.
      socket.on('error', () => undefined)
      socket.once('close', () => this.#lost(socket))
    }
    this.#settle()
  }

  /** The history of the timeline that comes next is in its place. */
  learn(next: NextTimeline): void {
    if (this.#isClosed) return
    const { state, toSource } = learnNext(this.#state, next)
    this.#state = state
    this.#ask(toSource)
    this.#settle()
  }

  /** Both sides, at once. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#held = []
    this.#local.destroy()
    this.#source.destroy()
    this.#outcome.closed()
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
    if (this.#isFull || this.#heldBytes === 0 || isHeld(this.#state)) return
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
    if (!this.#source.write(more.reduce(join, first))) this.#local.pause()
  }

  #settle(): void {
    if (this.#isClosed) return
    if (this.#isFull || this.#heldBytes > heldBytesLimit) this.#source.pause()
    else this.#source.resume()
    this.#source.setTimeout(isWaiting(this.#state) || this.#source.connecting ? answerTimeoutMs : 0)
  }

  #sourceEnded(): void {
    if (this.#heldBytes > 0 || isAhead(this.#state)) this.#lost(this.#source)
    else this.#end(this.#local)
  }

  #end(other: Socket): void {
    this.#isEnding = true
    other.destroySoon()
  }

  #lost(side: Socket): void {
    if (this.#isClosed || (this.#isEnding && !(this.#local.closed && this.#source.closed))) return
    // Without what had been sent ahead the source might have stayed.
    if (side === this.#source && !this.#isEnding && isAhead(this.#state))
      this.#outcome.missed('an answer', 'the end of the connection')
    this.close()
  }
}
