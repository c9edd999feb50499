// Which orders a region's store has not shown yet: only those are asked for again.

export class Outstanding {
  readonly #count: number
  #left: readonly string[]

  constructor(ids: readonly string[]) {
    this.#count = ids.length
    this.#left = ids
  }

  get left(): readonly string[] {
    return this.#left
  }

  found(isThere: (id: string) => boolean): void {
    this.#left = this.#left.filter((id) => !isThere(id))
  }

  /** A sentence; none if all are there. */
  missing(store: string): readonly string[] {
    return this.#left.length === 0
      ? []
      : [`${store}: ${this.#left.length} of ${this.#count} acked orders not there yet`]
  }
}
