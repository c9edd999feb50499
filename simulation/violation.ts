// What a schedule can show to be broken: the invariants by name. `docs/safety.md` says which step keeps each.

export const invariants = {
  'epoch-order': 'No write sent after the first ack of an epoch is acked under a lower epoch',
  'no-loss': 'With commit: quorum no acked write is ever lost',
  'loss-gate': 'With commit: async nothing older than max-loss is lost unless that was accepted by name',
  'epochs-grow': 'Epochs grow, and a record is changed by its owner only',
  'below-promise': 'A node takes no WAL of an epoch below the one that it has promised, nor is it promoted in one',
  'one-owner': 'An epoch is acted under by one run of one controller',
  'one-primary': 'An epoch is begun on one node, once',
  'effect-order': 'Nothing is steered to an epoch before its first commit has its quorum',
  exported: 'Nothing is thrown away by a rewind or base backup that was not exported before',
  'no-phantom': 'With commit: quorum no event is sent of an order that is missing from what a later epoch stands on',
  events: 'The event of every order reaches every Kafka',
  'comes-back': 'While faults are survivable, writes come back within the stated bound',
  'as-fresh': 'Once all is healed and failed back, the world equals a fresh one',
} as const
export type Invariant = keyof typeof invariants

export class Violation extends Error {
  readonly invariant: Invariant
  readonly atMs: number

  constructor(invariant: Invariant, atMs: number, what: string) {
    super(what)
    this.invariant = invariant
    this.atMs = atMs
  }
}
