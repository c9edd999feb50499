// What every fault is made of. A fault leaves all that healing needs in its ledger entry, so that a fresh process can heal it.
import type { FaultKind, FaultSpec } from '#protocol/faults.ts'
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

/** Thrown where this machine or this world can't do the fault. Nothing was done. */
export class FaultImpossible extends Error {
  override readonly name = 'FaultImpossible'
}

type SpecOf<Kind extends FaultKind> = Extract<FaultSpec, { kind: Kind }>

export interface FaultHandler<Kind extends FaultKind = FaultKind> {
  /** One line for `chaos list`: what breaks. */
  readonly summary: string
  /** Who ends it when its time is over, though all else be dead: `the WAN`. Absent: the guard. */
  readonly endsBy?: string
  /** What a dry run says will be seen: one sentence. */
  expected(spec: SpecOf<Kind>): string
  /** Containers (`postgres.a`) and links (`a -> b`) that it touches. */
  touches(spec: SpecOf<Kind>): readonly string[]
  /** Why this world, or the machine that it runs on, can't do it; null if it can. Absent: any can. */
  impossible?(world: RunningWorld, spec: SpecOf<Kind>): Promise<string | null>
  /** What heal and isHealed need, from the runbook's words; written into the ledger before inject is called. */
  detail(spec: SpecOf<Kind>): Record<string, unknown>
  /**
   * What is there before the fault and must be known to prove or to heal it; goes into the ledger beside `detail`. Changes nothing.
   * @throws NothingToBreak, FaultImpossible
   */
  survey?(world: RunningWorld, spec: SpecOf<Kind>): Promise<Record<string, unknown>>
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
