// Reads a table by a serial number whose transactions commit out of order, and misses none. Pure.
// Below `settled` nothing can appear any more. A look at the table tells the highest number seen and an id above those of all
// transactions that had one; once a later look's xmin has reached it, they all have ended, and that look saw their rows.

export interface Look {
  /** Rows above `settled` that were not sent yet, ascending. */
  readonly seqs: readonly bigint[]
  /** The look was cut short by its limit. */
  readonly isCut: boolean
  /** Every transaction with a lower id had ended. */
  readonly xmin: bigint
  /** Above the id of every transaction that had one. */
  readonly xmax: bigint
}

export class OutboxCursor {
  #settled = 0n
  #sent = new Set<bigint>()
  #mark: { highest: bigint; xmax: bigint } | null = null

  get settled(): bigint {
    return this.#settled
  }

  /** What the next look should leave out. */
  get sent(): readonly bigint[] {
    return [...this.#sent]
  }

  /** To be called when all rows of the look have been sent. */
  looked(look: Look): void {
    for (const seq of look.seqs) this.#sent.add(seq)
    const last = look.seqs.at(-1) ?? null
    const mark = this.#mark
    const reaches = mark !== null && (!look.isCut || (last !== null && last >= mark.highest))
    if (mark !== null && reaches && look.xmin >= mark.xmax) {
      this.#settled = mark.highest
      this.#sent = new Set([...this.#sent].filter((seq) => seq > this.#settled))
      this.#mark = null
    }
    if (this.#mark === null && this.#sent.size > 0) {
      const highest = [...this.#sent].reduce((most, seq) => (seq > most ? seq : most))
      this.#mark = { highest, xmax: look.xmax }
    }
  }
}
