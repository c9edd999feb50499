// Simulated time: whole milliseconds, and what is to happen at each. A timing wheel, since a schedule has a hundred thousand events.

type Task = () => void

/** What is to happen in one millisecond, as a linked list. */
interface Entry {
  readonly run: Task
  next: Entry | null
}

const slotCount = 8192
const pullEveryMs = 1024

export class Timeline {
  now = 0
  readonly #heads: (Entry | null)[] = Array.from({ length: slotCount }, () => null)
  readonly #tails: (Entry | null)[] = Array.from({ length: slotCount }, () => null)
  /** Too far ahead for the wheel. */
  #far: { readonly atMs: number; readonly run: Task }[] = []

  /** Tasks of one millisecond run in the order in which they were given. */
  at(delayMs: number, run: Task): void {
    const delay = delayMs > 0 ? Math.round(delayMs) : 0
    if (delay < slotCount) this.#add(this.now + delay, run)
    else this.#far.push({ atMs: this.now + delay, run })
  }

  #add(atMs: number, run: Task): void {
    const slot = atMs & (slotCount - 1)
    const entry: Entry = { run, next: null }
    const tail = this.#tails[slot] ?? null
    if (tail === null) this.#heads[slot] = entry
    else tail.next = entry
    this.#tails[slot] = entry
  }

  /** Runs until `endMs`, that millisecond included, or until `done` holds after one in which something happened. */
  run(endMs: number, done: () => boolean = () => false): void {
    for (;;) {
      const slot = this.now & (slotCount - 1)
      const isBusy = this.#heads[slot] !== null
      // A task may add others to this very millisecond.
      for (let entry = this.#heads[slot] ?? null; entry !== null; entry = entry.next) entry.run()
      this.#heads[slot] = null
      this.#tails[slot] = null
      if (this.now >= endMs || (isBusy && done())) return
      this.now += 1
      if (this.now % pullEveryMs === 0) this.#pull()
    }
  }

  #pull(): void {
    if (this.#far.length === 0) return
    const due = this.#far.filter((each) => each.atMs - this.now < slotCount)
    this.#far = this.#far.filter((each) => each.atMs - this.now >= slotCount)
    for (const { atMs, run } of due) this.#add(atMs, run)
  }
}
