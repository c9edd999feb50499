// What the dashboard shows, as the server sends it to the page. Times are wall time of the host in ms; `null` is not known.
import type { LiveDrill } from '#protocol/live-drill.ts'
import type { Area, Region, Site } from '#protocol/sites.ts'

export interface ContainerState {
  readonly service: string
  readonly state: string
}

export interface RegionState {
  /** As the container's label says. */
  readonly designedRole: string | null
  /** Now, as the current epoch says. */
  readonly role: 'primary' | 'standby' | 'unknown'
  readonly containers: readonly ContainerState[]
  readonly controller: {
    readonly answers: boolean
    readonly holdsEpoch: boolean
    readonly busy: string | null
    readonly etcd: 'leader' | 'member' | 'unreachable' | 'unknown'
    readonly suspects: readonly string[]
  }
  readonly postgres: {
    readonly answers: boolean
    /** `primary`, `standby`, `rewinding` and so on; `unknown` if the agent does not answer. */
    readonly state: string
    readonly promised: number | null
    readonly following: string | null
    /** Bytes of WAL that the primary has and this standby has not flushed; null for the primary, or if nobody knows. */
    readonly lagBytes: number | null
  }
  readonly app: {
    readonly reads: 'ready' | 'stale' | 'not-ready' | 'unknown'
    readonly writes: 'ready' | 'not-ready' | 'unknown'
    readonly why: string | null
    readonly permit: 'valid' | 'none' | 'unknown'
  }
  readonly relayBehindMs: number | null
  readonly fenced: boolean
}

export interface AreaState {
  readonly containers: readonly ContainerState[]
  readonly writesTo: Region | null
  readonly readsTo: Region | null
  readonly load: LoadState | null
}

/** One second each, the latest last; `endSecond` is the Unix second of the last. Null: nothing is known of that second. */
export interface LoadState {
  readonly running: boolean
  readonly inFlight: number
  readonly endSecond: number
  readonly ok: readonly (number | null)[]
  readonly bad: readonly (number | null)[]
  readonly p99Ms: readonly (number | null)[]
  /** Over the last five seconds. */
  readonly perSecond: number
  readonly successShare: number | null
  readonly latencyMs: number | null
  /** When a write of this area was acknowledged last. */
  readonly ackedAtMs: number | null
}

/** One direction. */
export interface LinkState {
  readonly condition: 'up' | 'down' | 'degraded' | 'fenced'
  /** Milliseconds one way; the worst class. */
  readonly delayMs: number
  /** What differs from the base, in words. */
  readonly note: string | null
  readonly bitsPerSecond: number
}

export interface FaultState {
  readonly kind: string
  readonly target: string
  readonly drill: string
  readonly sinceMs: number
  readonly untilMs: number
  /** When the ledger was first seen without it. */
  readonly healedMs: number | null
}

export interface TimelineEntry {
  readonly atMs: number
  readonly source: string
  readonly site: string
  readonly kind: string
  readonly epoch: number | null
  readonly reason: string
}

/** A drill's process that this dashboard started, until it shows itself as `drill`. */
export interface LaunchState {
  readonly runbook: string
  readonly sinceMs: number
  /** Null while it runs. */
  readonly ended: { readonly exitCode: number; readonly words: string } | null
}

export interface DashboardState {
  readonly world: string
  readonly topology: {
    readonly pattern: string
    readonly commit: string
    readonly steering: string
    readonly home: Region
  }
  /** Null: the WAN answers. Else why not, and what to do. */
  readonly unreachable: string | null
  readonly headline: {
    readonly tone: 'calm' | 'moving' | 'trouble' | 'unknown'
    readonly text: string
    readonly detail: string
  }
  readonly epoch: {
    readonly number: number
    readonly state: string
    readonly primary: Region | null
    readonly owner: Region
    /** Whose controller says that it holds the epoch. */
    readonly holder: Region | null
  } | null
  readonly regions: Readonly<Record<Region, RegionState>>
  readonly areas: Readonly<Record<Area, AreaState>>
  /** By `from>to`. */
  readonly links: Readonly<Record<string, LinkState>>
  readonly fenceDevice: string
  readonly faults: Readonly<Record<string, FaultState>>
  readonly timeline: Readonly<Record<string, TimelineEntry>>
  readonly drill: (LiveDrill & { readonly hasReport: boolean; readonly isAlive: boolean }) | null
  readonly launch: LaunchState | null
  /** The last lines of the guard's log; empty if there is none. */
  readonly guard: readonly string[]
  /** Who works on the world now (`run region-loss`), by its lock. */
  readonly busyWith: string | null
}

export function linkKey(from: Site, to: Site): string {
  return `${from}>${to}`
}
