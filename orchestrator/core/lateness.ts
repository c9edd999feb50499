// How late this process's own loop was: a controller that lagged distrusts its own suspicion first (Lifeguard).

const windowMs = 1000

export class Lateness {
  readonly #periodMs: number
  #expectedMs: number | null = null
  #worst: { readonly atMs: number; readonly lateMs: number }[] = []

  constructor(periodMs: number) {
    this.#periodMs = periodMs
  }

  /** Call on each tick. Returns the worst lateness of the last second, ms. */
  tick(now: number): number {
    const late = this.#expectedMs === null ? 0 : Math.max(0, now - this.#expectedMs)
    this.#expectedMs = now + this.#periodMs
    // Only the maxima that can still become the worst are kept.
    this.#worst = this.#worst.filter((each) => now - each.atMs < windowMs && each.lateMs > late)
    this.#worst.push({ atMs: now, lateMs: late })
    const worst = this.#worst[0]?.lateMs ?? 0
    // A few milliseconds are the timer's own grain.
    return worst < 10 ? 0 : worst
  }
}
