// A bounded pool of Postgres sessions with a bounded queue. A session that hangs in a commit keeps its place until Postgres ends
// it: a pool that opened another one instead would use up the server's connections.
import type { Session } from '#runtime/postgres.ts'

/** No session could be had; nothing was sent to Postgres. */
export class NoSession extends Error {
  override readonly name = 'NoSession'
  /** The pool is full: Postgres may be well, and a second try would only make the queue longer. */
  readonly isFull: boolean
  constructor(message: string, isFull = false) {
    super(message)
    this.isFull = isFull
  }
}

/** Opening costs both sides milliseconds of CPU: a crowd of waiters is served sooner by the sessions that there are. */
const openingAtOnce = 2

interface Idle {
  readonly session: Session
  readonly sinceMs: number
}

interface Waiter {
  readonly resolve: (session: Session) => void
  readonly reject: (error: Error) => void
}

export class SessionPool {
  readonly #open: () => Promise<Session>
  readonly #size: number
  readonly #queueSize: number
  /** The one that was used last comes last, and is lent first. */
  readonly #idle: Idle[] = []
  readonly #waiters: Waiter[] = []
  /** Sessions lent or being opened. */
  #lent = 0
  #opening = 0
  #isWarming = false

  constructor(options: { open: () => Promise<Session>; size: number; queueSize: number }) {
    this.#open = options.open
    this.#size = options.size
    this.#queueSize = options.queueSize
  }

  get lent(): number {
    return this.#lent
  }

  /** @throws NoSession if Postgres can't be reached, or the pool stays full for `timeoutMs`, or its queue is full */
  async acquire(timeoutMs: number): Promise<Session> {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (!idle.session.isOpen) continue
      this.#lent += 1
      return idle.session
    }
    if (this.#lent < this.#size && this.#opening < openingAtOnce) {
      this.#lent += 1
      return await this.#openOne()
    }
    if (this.#waiters.length >= this.#queueSize) {
      throw new NoSession(`all ${this.#size} sessions with Postgres are taken, and ${this.#queueSize} wait`, true)
    }
    return await this.#wait(timeoutMs)
  }

  /** Gives a session back; a closed one only frees its place. */
  release(session: Session): void {
    const waiter = session.isOpen ? this.#waiters.shift() : undefined
    if (waiter !== undefined) return waiter.resolve(session)
    this.#lent -= 1
    if (session.isOpen) this.#idle.push({ session, sinceMs: performance.now() })
    else this.#openForWaiters()
  }

  /** Opens sessions, one after another, until there are `count`: a standby's stay good when it is promoted. */
  async warm(count: number): Promise<void> {
    if (this.#isWarming) return
    this.#isWarming = true
    try {
      while (this.#lent + this.#idle.filter(({ session }) => session.isOpen).length < count) {
        this.#lent += 1
        this.release(await this.#openOne())
      }
    } catch {
      // Postgres can't be reached: whoever needs a session finds out.
    } finally {
      this.#isWarming = false
    }
  }

  /** Closes sessions that nobody has used for `idleMs`, down to `count`: each costs Postgres 2 to 3 MB. */
  trim(count: number, idleMs: number): void {
    while (this.#lent + this.#idle.length > count) {
      const [longest] = this.#idle
      if (longest === undefined || performance.now() - longest.sinceMs < idleMs) return
      this.#idle.shift()
      longest.session.close()
    }
  }

  /** Whoever waits for a session gets none. */
  turnAway(reason: string): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new NoSession(reason))
  }

  close(): void {
    for (const { session } of this.#idle.splice(0)) session.close()
  }

  async #openOne(): Promise<Session> {
    this.#opening += 1
    try {
      return await this.#open()
    } catch (error) {
      this.#lent -= 1
      throw new NoSession(`Postgres can't be reached: ${(error as Error).message}`)
    } finally {
      this.#opening -= 1
      // Once the session that was opened has found its user.
      setImmediate(() => this.#openForWaiters())
    }
  }

  /** A session for whoever is first in the queue once it is open; the first in the queue is told if it can't be. */
  #openForWaiters(): void {
    if (this.#waiters.length <= this.#opening || this.#lent >= this.#size || this.#opening >= openingAtOnce) return
    this.#lent += 1
    this.#openOne().then(
      (session) => this.release(session),
      (error: Error) => this.#waiters.shift()?.reject(error),
    )
  }

  async #wait(timeoutMs: number): Promise<Session> {
    return await new Promise<Session>((resolve, reject) => {
      const waiter: Waiter = {
        resolve: (session) => {
          clearTimeout(timer)
          resolve(session)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      }
      const timer = setTimeout(() => {
        const index = this.#waiters.indexOf(waiter)
        if (index >= 0) this.#waiters.splice(index, 1)
        reject(new NoSession(`all ${this.#size} sessions with Postgres were taken for ${timeoutMs} ms`, true))
      }, timeoutMs)
      this.#waiters.push(waiter)
    })
  }
}
