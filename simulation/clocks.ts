// Each region's clocks: a monotonic one that may run fast or slow, and a wall clock that may jump. Only the first may count.

export class Clocks {
  readonly #rates: number[]
  readonly #jumps: number[]

  constructor(count: number) {
    this.#rates = Array.from({ length: count }, () => 1)
    this.#jumps = Array.from({ length: count }, () => 0)
  }

  setRate(site: number, rate: number): void {
    this.#rates[site] = rate
  }

  jump(site: number, byMs: number): void {
    this.#jumps[site] = (this.#jumps[site] ?? 0) + byMs
  }

  rate(site: number): number {
    return this.#rates[site] ?? 1
  }

  /** What a process of the site reads as monotonic time, ms. */
  monotonicMs(site: number, nowMs: number): number {
    return nowMs * this.rate(site)
  }

  /** What it would read from the wall, ms. */
  wallMs(site: number, nowMs: number): number {
    return this.monotonicMs(site, nowMs) + (this.#jumps[site] ?? 0)
  }
}
