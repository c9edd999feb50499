// What every fault is made of. A fault leaves all that healing needs in its ledger entry, so that a fresh process can heal it.
import type { FaultKind, FaultSpec } from '#protocol/faults.ts'
import type { LedgerEntry } from '#protocol/wan.ts'
import type { RunningWorld } from '#world/running-world.ts'
import type { Held } from './held.ts'
import type { Judgement, Sight } from './sight.ts'

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
  /**
   * What it holds and nothing else may change, as `verb:thing`: `paused:controller.a`, `cpu:app.b`. Two faults that hold one thing
   * exclude each other, unless both have it paused, or both dead. What composes by itself (links), or is over at once, is no hold.
   */
  holds(target: string): readonly string[]
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
  /**
   * Whether it is in force as a whole, by what one look at the world shows of all faults. Pure. Absent, and no `lookCloser` either: it is
   * over once it has happened.
   */
  endedIn?(entry: LedgerEntry, sight: Sight): Judgement
  /**
   * Why it is not in force as a whole any more, where that has to be asked for; null if it is. Changes nothing.
   * @throws Error if nobody could tell
   */
  lookCloser?(world: RunningWorld, entry: LedgerEntry): Promise<string | null>
  /** Prolongs what somebody beside the ledger and the WAN lets expire. What has ended stays so. */
  renew?(world: RunningWorld, entry: LedgerEntry, expiresInMs: number): Promise<void>
  /**
   * Idempotent, and right also for a fault that was only half injected. Leaves what others hold.
   * @returns when it was gone, monotonic ns, where the very thing tells
   */
  heal(world: RunningWorld, entry: LedgerEntry, held?: Held): Promise<bigint | void>
  /** A sentence that says what shows that it has gone, or who else holds what is left of it; null while it has not. */
  isHealed(world: RunningWorld, entry: LedgerEntry, held?: Held): Promise<string | null>
}

/** It is over once it has happened: there is no span to watch. */
export function isMomentary(handler: FaultHandler): boolean {
  return handler.endedIn === undefined && handler.lookCloser === undefined
}
