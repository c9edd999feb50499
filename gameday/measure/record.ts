// What a drill leaves for measuring: everything that figures are computed from, and nothing else. It can be read back from files.
import type { ExportedTail } from '#protocol/agent.ts'
import type { Check, Environment, FaultRecord, Stall, StepRecord } from '#protocol/journal.ts'
import type { Operation } from '#protocol/operation.ts'
import type { Runbook } from '#protocol/runbook.ts'
import type { Sample } from '#protocol/sample.ts'
import type { Area, Region } from '#protocol/sites.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import type { RegionEvents } from './duplicates.ts'

/** A step with what its action was, if it was one. */
export interface StepTaken extends StepRecord {
  readonly action: 'switchover' | 'failover' | 'failback' | null
}

/** What the stores held in the end. Null: could not be read. */
export interface FinalReads {
  readonly postgres: { readonly ids: ReadonlySet<string>; readonly keys: ReadonlySet<string> } | null
  readonly kafka: ReadonlyMap<
    Region,
    { readonly orderIds: ReadonlySet<string>; readonly eventIds: readonly string[] }
  > | null
  readonly redis: ReadonlyMap<
    Region,
    { readonly orderIds: ReadonlySet<string>; readonly applied: RegionEvents['applied'] }
  > | null
}

/** What the load of an area was to be, and what its client said of it in the end. */
export interface AreaLoad {
  /** Arrivals intended before the end of the load, numbered from 0: drawn from the seed, not asked of the client. */
  readonly planned: number
  /** As the client said at last; null: it did not. */
  readonly sent: number | null
  /** Why its operations could not all be had; null: they could. */
  readonly reason: string | null
}

export const storeNames = ['postgres', 'kafka', 'redis'] as const

/** What comparing one store of all regions with each other came to. */
export interface StoreAgreement {
  readonly store: (typeof storeNames)[number]
  readonly regions: readonly Region[]
  /** Rows (events, projections) that were compared. */
  readonly rows: number
  /** How many of them differ or are missing somewhere, and the first of them, a sentence each. */
  readonly differing: number
  readonly differences: readonly string[]
  /** Why it could not be compared; null: it was. */
  readonly unread: string | null
}

export interface DrillRecord {
  readonly drill: string
  readonly runbookName: string
  readonly runbook: Runbook
  readonly seed: number
  /** What to type to get the same drill; null: it was not begun by a command. */
  readonly command: string | null
  readonly environment: Environment | null
  readonly world: string
  readonly startedAt: string
  /** Times in ms are counted from here. */
  readonly originNs: bigint
  readonly endNs: bigint
  /** Operations intended in [fromNs, toNs). */
  readonly load: {
    readonly fromNs: bigint
    readonly toNs: bigint
    readonly areas: Readonly<Partial<Record<Area, AreaLoad>>>
  } | null
  readonly epochBefore: { readonly epoch: number; readonly region: string | null } | null
  readonly operations: readonly Operation[]
  /** In order of time. */
  readonly events: readonly TimelineEvent[]
  /** In order of time, about one a second. */
  readonly samples: readonly Sample[]
  /** What rewinds threw away during the drill. */
  readonly exports: readonly ExportedTail[]
  readonly faults: readonly FaultRecord[]
  /** In the order in which they began, the rollback's last; fewer if the drill ended early. */
  readonly steps: readonly StepTaken[]
  readonly finalReads: FinalReads
  readonly agreement: readonly StoreAgreement[]
  readonly stalls: readonly Stall[]
  /** Controllers whose events could not be read to the end, and why. */
  readonly unheard: readonly string[]
  readonly wanBytes: number | null
  /** Checks that only the running drill can make: steady state at first, the world as a fresh one at last. */
  readonly checks: readonly Check[]
  readonly interruption: string | null
}
