// The packets in flight: a pool of preallocated slots, and a binary heap of them ordered by due time, then by arrival.

/** Bytes of one slot: a packet of the usual MTU fits. */
export const slotBytes = 2048

export class DelayQueue {
  readonly capacity: number
  readonly memory: ArrayBuffer
  readonly view: DataView
  /** Length of the packet in each slot. */
  readonly lengths: Int32Array
  /** What the caller wants back with the slot (link and class of the packet). */
  readonly tags: Int32Array
  readonly #due: Float64Array
  readonly #arrival: Float64Array
  readonly #heap: Int32Array
  readonly #free: Int32Array
  #freeCount: number
  #size = 0
  #arrivals = 0

  constructor(capacity: number) {
    this.capacity = capacity
    this.memory = new ArrayBuffer(capacity * slotBytes)
    this.view = new DataView(this.memory)
    this.lengths = new Int32Array(capacity)
    this.tags = new Int32Array(capacity)
    this.#due = new Float64Array(capacity)
    this.#arrival = new Float64Array(capacity)
    this.#heap = new Int32Array(capacity)
    this.#free = Int32Array.from({ length: capacity }, (_, index) => capacity - 1 - index)
    this.#freeCount = capacity
  }

  get size(): number {
    return this.#size
  }

  /** Slots that nobody has. */
  get free(): number {
    return this.#freeCount
  }

  /** A free slot, or -1. It must come back by `push` and `release`, or by `release` alone. */
  claim(): number {
    if (this.#freeCount === 0) return -1
    this.#freeCount -= 1
    return this.#free[this.#freeCount]!
  }

  release(slot: number): void {
    this.#free[this.#freeCount] = slot
    this.#freeCount += 1
  }

  push(slot: number, dueMs: number): void {
    this.#arrival[slot] = this.#arrivals++
    this.#insert(slot, dueMs)
  }

  /**
   * Gives packets in flight another due time, in order of their arrival.
   * @param again when the packet in a slot is due now; negative: it is taken out, and its slot is the caller's
   */
  retime(isAffected: (slot: number) => boolean, again: (slot: number, dueMs: number) => number): void {
    const all = [...this.#heap.subarray(0, this.#size)]
    this.#size = 0
    for (const slot of all) if (!isAffected(slot)) this.#insert(slot, this.#due[slot]!)
    const affected = all.filter(isAffected).sort((left, right) => this.#arrival[left]! - this.#arrival[right]!)
    for (const slot of affected) {
      const dueMs = again(slot, this.#due[slot]!)
      if (dueMs >= 0) this.#insert(slot, dueMs)
    }
  }

  #insert(slot: number, dueMs: number): void {
    this.#due[slot] = dueMs
    let index = this.#size++
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = this.#heap[parent]!
      if (!this.#before(slot, above)) break
      this.#heap[index] = above
      index = parent
    }
    this.#heap[index] = slot
  }

  /** When the next packet is due; Infinity if there is none. */
  nextDueMs(): number {
    return this.#size === 0 ? Infinity : this.#due[this.#heap[0]!]!
  }

  /** Takes the next packet's slot out of the queue; -1 if it isn't due yet. The slot stays the caller's until `release`. */
  pop(nowMs: number): number {
    if (this.nextDueMs() > nowMs) return -1
    const top = this.#heap[0]!
    this.#size -= 1
    if (this.#size > 0) this.#sink(this.#heap[this.#size]!)
    return top
  }

  #sink(slot: number): void {
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= this.#size) break
      if (child + 1 < this.#size && this.#before(this.#heap[child + 1]!, this.#heap[child]!)) child += 1
      const below = this.#heap[child]!
      if (!this.#before(below, slot)) break
      this.#heap[index] = below
      index = child
    }
    this.#heap[index] = slot
  }

  #before(left: number, right: number): boolean {
    const difference = this.#due[left]! - this.#due[right]!
    return difference === 0 ? this.#arrival[left]! < this.#arrival[right]! : difference < 0
  }
}
