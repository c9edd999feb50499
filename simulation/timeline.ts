// Simulated time: whole milliseconds, and what is to happen at each. A timing wheel, since a schedule has a hundred thousand events.

type Task = () => void

const slotCount = 8192
const pullEveryMs = 1024

export class Timeline {
  now = 0
  readonly #slots: Task[][] = Array.from({ length: slotCount }, () => [])
  /** Too far ahead for the wheel. */
  #far: { readonly atMs: number; readonly run: Task }[] = []

  /** Tasks of one millisecond run in the order in which they were given. */
  at(delayMs: number, run: Task): void {
    const delay = delayMs > 0 ? Math.round(delayMs) : 0
    if (delay < slotCount) this.#slots[(this.now + delay) & (slotCount - 1)]?.push(run)
    else this.#far.push({ atMs: this.now + delay, run })
  }

  /** Runs until `endMs`, that millisecond included, or until `done` holds after one. */
  run(endMs: number, done: () => boolean = () => false): void {
    for (;;) {
      const slot = this.#slots[this.now & (slotCount - 1)] ?? []
      // A task may add others to this very millisecond.
      for (let at = 0; at < slot.length; at += 1) slot[at]?.()
      slot.length = 0
      if (this.now >= endMs || done()) return
      this.now += 1
      if (this.now % pullEveryMs === 0) this.#pull()
    }
  }

  #pull(): void {
    if (this.#far.length === 0) return
    const due = this.#far.filter((each) => each.atMs - this.now < slotCount)
    this.#far = this.#far.filter((each) => each.atMs - this.now >= slotCount)
    for (const { atMs, run } of due) this.#slots[atMs & (slotCount - 1)]?.push(run)
  }
}
