// Which way each write goes: into the local Postgres, to the app of another region, or back to the client; and how long it is kept
// while that isn't decided. Only a write that is certainly not done is ever tried a second time.
import type { Region } from '#protocol/sites.ts'
import type { Authority } from './core/authority.ts'
import {
  acceptDrain,
  doorFor,
  handOnMs,
  isDraining,
  isSuperseded,
  type Door,
  type Drain,
  type DrainRequest,
} from './core/drain.ts'
import { forwardWrite, type Answer } from './forward.ts'
import { answerWithinMs, type Write } from './write-order.ts'

/** A write is kept so long at most; what is left of `answerWithinMs` is for its commit. */
const longestKeepMs = 2000
/** A write that finds no primary is kept only if there was one so lately: a failover may be on its way. */
const hopeMs = 3000
const longestTries = 4
/** How often Postgres is looked at for a promotion while writes that were handed over wait for it. */
const lookEveryMs = 25

export interface Tried {
  readonly answer: Answer
  /** Nothing reached Postgres, or all of it was taken back: the write may be tried again. */
  readonly isUntouched: boolean
}

export interface WriteDoorOptions {
  readonly authority: () => Authority
  readonly app: (region: Region) => string
  readonly writeHere: (write: Write, deadlineMs: number) => Promise<Tried>
  readonly isReady: () => boolean
  /** Postgres takes writes of an epoch whose quorum may still be on its way. */
  readonly isPromoted: () => boolean
  /** Resolves after a look at Postgres that began now. */
  readonly look: () => Promise<void>
  readonly refuse: (reason: string) => Answer
}

export class WriteDoor {
  readonly #options: WriteDoorOptions
  readonly #waiting = new Set<() => void>()
  #drain: Drain | null = null
  #movedUntilMs = 0
  #lastReadyMs = Number.NEGATIVE_INFINITY

  constructor(options: WriteDoorOptions) {
    this.#options = options
  }

  /** Null: refused. `onEnd` is called if the drain's time runs out before it is taken back. */
  beginDrain(request: DrainRequest, onEnd: () => void): Drain | null {
    const drain = acceptDrain(this.#options.authority(), request, performance.now())
    if (drain === null) return null
    this.#drain = drain
    const timer = setTimeout(() => {
      if (this.#drain === drain) onEnd()
    }, request.holdMs)
    timer.unref()
    this.wake()
    return drain
  }

  /** False if there was none. */
  endDrain(): boolean {
    const had = this.#drain !== null
    this.#drain = null
    this.wake()
    return had
  }

  /** The write region has moved away from here. */
  movedAway(): void {
    this.#movedUntilMs = performance.now() + handOnMs
  }

  /** Something has changed that writes may be waiting for. */
  wake(): void {
    if (this.#drain !== null && isSuperseded(this.#options.authority(), this.#drain)) this.#drain = null
    if (this.#options.isReady()) this.#lastReadyMs = performance.now()
    for (const wake of this.#waiting) wake()
  }

  now(): Door {
    return doorFor(this.#options.authority(), this.#drain, this.#movedUntilMs, performance.now())
  }

  /** Whom the region's role goes to; null if nobody drains it. */
  drainingTo(): Region | null {
    return isDraining(this.#options.authority(), this.#drain, performance.now()) ? this.#drain.request.forwardTo : null
  }

  /** Resolves as soon as `condition` holds, which is looked at on each `wake`, or after `timeoutMs`. */
  async until(condition: () => boolean, timeoutMs: number): Promise<void> {
    if (timeoutMs <= 0 || condition()) return
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve()
      }
      const look = (): void => {
        if (condition()) end()
      }
      const timer = setTimeout(end, timeoutMs)
      this.#waiting.add(look)
    })
  }

  /** @param holdMs above 0: another app has handed the write over, and it is kept so long until this region is ready for it */
  async pass(write: Write, holdMs: number): Promise<Answer> {
    const arrivedMs = performance.now()
    const deadlineMs = arrivedMs + answerWithinMs
    const keepUntilMs = arrivedMs + longestKeepMs
    if (holdMs > 0) return await this.#passForwarded(write, holdMs, deadlineMs)
    for (let tries = 1; ; tries += 1) {
      const door = this.now()
      if (door.kind === 'elsewhere') return this.#options.refuse(`writes go to region ${door.primary}`)
      if (door.kind === 'hold') {
        await this.#keep(door, keepUntilMs)
        if (this.now().kind === 'hold') return this.#options.refuse('the region did not get its next epoch in time')
      } else if (door.kind === 'forward') {
        const stillTo = (): boolean => {
          const now = this.now()
          return now.kind === 'forward' && now.to === door.to
        }
        const limits = { untilMs: Math.min(door.untilMs, keepUntilMs), deadlineMs, stillTo }
        const answer = await forwardWrite(this.#options.app(door.to), write, limits)
        if (answer !== null) return answer
        if (stillTo()) return this.#options.refuse(`region ${door.to} did not become the write region in time`)
      } else {
        const { answer, isUntouched } = await this.#options.writeHere(write, deadlineMs)
        if (!isUntouched || tries >= longestTries) return answer
        if (!(await this.#mayTryAgain(keepUntilMs))) return answer
      }
    }
  }

  async #passForwarded(write: Write, holdMs: number, deadlineMs: number): Promise<Answer> {
    const { isReady, isPromoted, look } = this.#options
    const mayGo = (): boolean => this.now().kind === 'open' && (isReady() || isPromoted())
    const endMs = performance.now() + holdMs
    // Writes may wait for the epoch's quorum in Postgres as well as here: there, they have it as soon as it stands.
    while (!mayGo() && performance.now() < endMs) {
      await look()
      await this.until(mayGo, Math.min(lookEveryMs, endMs - performance.now()))
    }
    const door = this.now()
    if (door.kind === 'open') return (await this.#options.writeHere(write, deadlineMs)).answer
    return this.#options.refuse(`a write that was handed over does not go on: the door is ${door.kind}`)
  }

  async #keep(door: Extract<Door, { kind: 'hold' }>, keepUntilMs: number): Promise<void> {
    await this.until(() => this.now().kind !== 'hold', Math.min(door.untilMs, keepUntilMs) - performance.now())
    // With the new epoch's word comes a look at Postgres.
    if (this.now().kind === 'open') await this.until(this.#options.isReady, keepUntilMs - performance.now())
  }

  /** Waits for a door that leads on; false if there is no hope of one. */
  async #mayTryAgain(keepUntilMs: number): Promise<boolean> {
    const leadsOn = (): boolean => this.now().kind !== 'open' || this.#options.isReady()
    if (this.now().kind !== 'open') return true
    await this.#options.look()
    if (performance.now() - this.#lastReadyMs > hopeMs) return false
    await this.until(leadsOn, keepUntilMs - performance.now())
    return leadsOn()
  }
}
