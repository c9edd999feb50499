// What the dashboard's looks have seen last, before anything is made of it.
import type { AgentStatus } from '#protocol/agent.ts'
import type { ControllerStatus } from '#protocol/controller.ts'
import type { LiveDrill } from '#protocol/live-drill.ts'
import type { Area, Region } from '#protocol/sites.ts'
import type { TimelineEvent } from '#protocol/timeline.ts'
import { topology, type Topology } from '#protocol/topology.ts'
import type { FenceState, LedgerEntry, LinksReply } from '#protocol/wan.ts'
import type { ContainerFacts } from '#world/running-world.ts'
import { LoadSeries } from './load-series.ts'
import type { LaunchState } from './model/state.ts'

/** The last answer, or why there is none; null before the first look has ended. */
export type Seen<Value> = { readonly value: Value } | { readonly reason: string } | null

export function valueOf<Value>(seen: Seen<Value>): Value | null {
  return seen !== null && 'value' in seen ? seen.value : null
}

export interface AppSeen {
  readonly reads: { readonly status: number; readonly reason: string }
  readonly writes: { readonly status: number; readonly reason: string }
  readonly isPermitted: boolean
  readonly relayBehindMs: number | null
}

export interface Steering {
  readonly writes: Region | null
  readonly reads: Region | null
}

/** A fault of the ledger, kept for a while after it has gone. */
export interface FaultSeen {
  readonly entry: LedgerEntry
  readonly healedMs: number | null
}

export interface Observed {
  readonly world: string
  topology: Topology
  unreachable: string | null
  busyWith: string | null
  containers: readonly ContainerFacts[]
  readonly controllers: Record<Region, Seen<ControllerStatus>>
  readonly agents: Record<Region, Seen<AgentStatus>>
  readonly apps: Record<Region, Seen<AppSeen>>
  readonly steering: Record<Area, Seen<Steering>>
  readonly loads: Record<Area, LoadSeries>
  links: Seen<LinksReply>
  fence: Seen<FenceState>
  /** Bits per second by directed link. */
  traffic: ReadonlyMap<string, number>
  readonly faults: Map<string, FaultSeen>
  readonly events: Map<string, TimelineEvent>
  drill: LiveDrill | null
  drillHasReport: boolean
  drillIsAlive: boolean
  launch: LaunchState | null
  guard: readonly string[]
  /** Wall time of this host minus the world's monotonic clock, ms. Null before the clock was read. */
  clockOffsetMs: number | null
}

export function byArea<Value>(make: () => Value): Record<Area, Value> {
  return { na: make(), eu: make(), ap: make() }
}

/** Before the first look. */
export function nothingSeen(world: string): Observed {
  return {
    world,
    topology: topology.parse({}),
    unreachable: null,
    busyWith: null,
    containers: [],
    controllers: { a: null, b: null, c: null },
    agents: { a: null, b: null, c: null },
    apps: { a: null, b: null, c: null },
    steering: byArea(() => null),
    loads: byArea(() => new LoadSeries()),
    links: null,
    fence: null,
    traffic: new Map(),
    faults: new Map(),
    events: new Map(),
    drill: null,
    drillHasReport: false,
    drillIsAlive: false,
    launch: null,
    guard: [],
    clockOffsetMs: null,
  }
}
