// A process of the simulated world: killed, frozen, late. What comes to a frozen one lies in its sockets until the thaw.
import type { Chance } from '#runtime/chance.ts'
import type { Timeline } from './timeline.ts'

type Task = () => void

export class Process {
  readonly site: number
  readonly name: string
  isUp = true
  isFrozen = false
  /** Everything this process does is late by up to so much. */
  lagMs = 0
  #generation = 0
  #messages: Task[] = []
  #timers: Task[] = []
  #busyUntilMs = 0
  readonly #timeline: Timeline
  readonly #chance: Chance

  constructor(site: number, name: string, timeline: Timeline, chance: Chance) {
    this.site = site
    this.name = name
    this.#timeline = timeline
    this.#chance = chance
  }

  get now(): number {
    return this.#timeline.now
  }

  get isAtWork(): boolean {
    return this.isUp && !this.isFrozen
  }

  /** Which run of the process this is: with it end its connections. */
  get generation(): number {
    return this.#generation
  }

  kill(): void {
    this.isUp = false
    this.isFrozen = false
    this.#generation += 1
    this.#messages = []
    this.#timers = []
  }

  start(): void {
    this.isUp = true
    this.#generation += 1
  }

  freeze(): void {
    if (this.isUp) this.isFrozen = true
  }

  /** Timers are due and sockets are full: which of the two comes first is chance. */
  thaw(): void {
    if (!this.isFrozen) return
    this.isFrozen = false
    const [messages, timers] = [this.#messages, this.#timers]
    this.#messages = []
    this.#timers = []
    const inOrder = this.#chance.is(0.5) ? [...timers, ...messages] : [...messages, ...timers]
    for (const task of inOrder) this.#soon(task)
  }

  /** A message has come. */
  deliver(task: Task): void {
    if (!this.isUp) return
    if (this.isFrozen) this.#messages.push(task)
    else if (this.#isBehind()) this.#soon(task)
    else task()
  }

  /** Late, or still busy with what came while it was: nothing overtakes that. */
  #isBehind(): boolean {
    return this.lagMs > 0 || this.#busyUntilMs > this.#timeline.now
  }

  /** A timer of this run of the process. */
  after(delayMs: number, task: Task): void {
    this.#timeline.at(delayMs, this.#timer(task))
  }

  /** Again and again, as setInterval does: a period that was missed is not made up for. */
  every(periodMs: number, task: Task): void {
    const due = this.#timer(() => {
      task()
      this.#timeline.at(periodMs, due)
    })
    this.#timeline.at(this.#chance.between(0, periodMs), due)
  }

  #timer(task: Task): Task {
    const generation = this.#generation
    return () => {
      if (generation !== this.#generation) return
      if (this.isFrozen) this.#timers.push(task)
      else if (this.#isBehind()) this.#soon(task)
      else task()
    }
  }

  #soon(task: Task): void {
    const generation = this.#generation
    this.#busyUntilMs = Math.max(this.#busyUntilMs, this.#timeline.now + this.#chance.between(0, this.lagMs))
    this.#timeline.at(this.#busyUntilMs - this.#timeline.now, () => {
      if (generation !== this.#generation) return
      if (this.isFrozen) this.#messages.push(task)
      else task()
    })
  }
}
