// What every fault is made of. A fault leaves all that healing needs in its ledger entry, so that a fresh process can heal it.
import type { FaultSpec } from '#protocol/runbook.ts'
import type { LedgerEntry } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'

/** Thrown when a fault was ordered but could not be shown to have taken effect. */
export class FaultUnproven extends Error {
  override readonly name: string = 'FaultUnproven'
}

/** Thrown by `inject` where there is nothing that the fault could break. Nothing was done, so there is nothing to take back. */
export class NothingToBreak extends FaultUnproven {
  override readonly name = 'NothingToBreak'
}

/** The span in which the fault took effect, monotonic ns of the WAN's kernel. t0 is the first. */
export interface Effect {
  readonly firstNs: bigint
  readonly lastNs: bigint
}

export interface FaultHandler<Kind extends FaultSpec['kind'] = FaultSpec['kind']> {
  /** What heal and isHealed need, from the runbook's words; written into the ledger before inject is called. */
  detail(spec: Extract<FaultSpec, { kind: Kind }>): Record<string, unknown>
  /** Injects, and resolves when Docker or the WAN has answered. */
  inject(world: RunningWorld, entry: LedgerEntry): Promise<Effect>
  /**
   * Shows that the fault took effect.
   * @returns a sentence that says what was seen
   * @throws FaultUnproven
   */
  prove(world: RunningWorld, entry: LedgerEntry): Promise<string>
  /** Idempotent, and right also for a fault that was only half injected. */
  heal(world: RunningWorld, entry: LedgerEntry): Promise<void>
  /** A sentence that says what shows that it has gone, or null while it has not. */
  isHealed(world: RunningWorld, entry: LedgerEntry): Promise<string | null>
}
