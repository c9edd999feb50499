// Why an order was not obeyed or not carried through.

/** An order that the node does not obey: 409. */
export class Refused extends Error {
  readonly promised: number
  constructor(promised: number, reason: string) {
    super(reason)
    this.name = 'Refused'
    this.promised = promised
  }
}

/** A higher epoch came while this was under way. */
export class Superseded extends Error {
  constructor(epoch: number) {
    super(`epoch ${epoch} was promised meanwhile`)
    this.name = 'Superseded'
  }
}
