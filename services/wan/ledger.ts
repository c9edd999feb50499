// The ledger of faults: kept here because the world outlives any drill. On disk before a change is answered.
import { z } from 'zod'
import { ledgerEntry, type LedgerEntry } from '#protocol/wan.ts'
import { readJson, writeDurably } from './durable.ts'

export class Ledger {
  readonly #file: string
  #entries: readonly LedgerEntry[]

  constructor(file: string) {
    this.#file = file
    this.#entries = z.array(ledgerEntry).parse(readJson(file) ?? [])
  }

  entries(): readonly LedgerEntry[] {
    return this.#entries
  }

  put(entry: LedgerEntry): void {
    this.#keep([...this.#entries.filter((each) => each.id !== entry.id), entry])
  }

  delete(id: string): void {
    this.#keep(this.#entries.filter((each) => each.id !== id))
  }

  #keep(entries: readonly LedgerEntry[]): void {
    writeDurably(this.#file, JSON.stringify(entries))
    this.#entries = entries
  }
}
