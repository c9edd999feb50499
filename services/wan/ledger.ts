// The ledger of faults: kept here because the world outlives any drill. On disk before a change is answered.
import { z } from 'zod'
import { monotonicNs } from '#runtime/clock.ts'
import { ledgerEntry, type LedgerEntry, type LedgerHistory } from '#protocol/wan.ts'
import { readJson, writeDurably } from './durable.ts'

/** A drill looks about once a second. */
const mostPast = 200

export class Ledger {
  readonly #file: string
  #entries: readonly LedgerEntry[]
  #past: LedgerHistory['past'] = []

  constructor(file: string) {
    this.#file = file
    this.#entries = z.array(ledgerEntry).parse(readJson(file) ?? [])
  }

  entries(): readonly LedgerEntry[] {
    return this.#entries
  }

  history(): LedgerHistory {
    return { entries: [...this.#entries], past: this.#past }
  }

  put(entry: LedgerEntry): void {
    this.#keep([...this.#entries.filter((each) => each.id !== entry.id), entry])
  }

  /** @returns false if there is no such entry: a renewal brings none back */
  renew(id: string, expiresNs: bigint): boolean {
    return this.#change(id, { expiresNs: expiresNs.toString() })
  }

  markHealing(id: string): void {
    const found = this.#entries.find((each) => each.id === id)
    if (found?.healing !== true) this.#change(id, { healing: true, healingNs: monotonicNs().toString() })
  }

  #change(id: string, change: Partial<LedgerEntry>): boolean {
    if (!this.#entries.some((each) => each.id === id)) return false
    this.#keep(this.#entries.map((each) => (each.id === id ? { ...each, ...change } : each)))
    return true
  }

  delete(id: string): void {
    const entry = this.#entries.find((each) => each.id === id)
    if (entry !== undefined) this.#past = [...this.#past, { entry, goneNs: monotonicNs().toString() }].slice(-mostPast)
    this.#keep(this.#entries.filter((each) => each.id !== id))
  }

  #keep(entries: readonly LedgerEntry[]): void {
    writeDurably(this.#file, JSON.stringify(entries))
    this.#entries = entries
  }
}
