// Everything a controller remembers between two inputs. Plain values, replaced and never changed in place.
import type { AgentStatus } from '#protocol/agent.ts'
import type { ControllerBeat } from '#protocol/beat.ts'
import type { EpochRecord, History } from '#protocol/epoch.ts'
import type { Region } from '#protocol/sites.ts'
import type { Effect } from './effects.ts'
import type { Attachment, Begun, Claim, Fence, Promotion, Replaced, WeightedPromise } from './evidence.ts'
import type { HeardController } from './inputs.ts'
import type { Settings } from './settings.ts'

export interface AgentView {
  readonly status: AgentStatus
  readonly heardMs: number
  readonly unresponsiveSinceMs: number | null
  /** Since when the node says that it is no primary. */
  readonly notPrimarySinceMs: number | null
}

export interface ControllerView {
  readonly beat: HeardController
  readonly heardMs: number
  readonly appDownSinceMs: number | null
  readonly appSeenAlive: boolean
}

export interface RecordView {
  /** Null: etcd says that there is none. */
  readonly record: EpochRecord | null
  readonly revision: string
  /** When the read that gave it was sent; what was heard before that is covered by it. */
  readonly askedMs: number
  readonly holders: readonly { readonly epoch: number; readonly leaseId: string }[]
}

export type Goal =
  | { readonly kind: 'first-start' }
  | {
      readonly kind: 'failover'
      readonly old: Region | null
      readonly to: Region | null
      readonly why: string
      readonly suspectedMs: number
      readonly acceptDataLoss: boolean
      readonly request: string | null
    }
  | {
      readonly kind: 'switchover'
      readonly from: Region
      readonly to: Region
      readonly why: string
      readonly request: string | null
    }

/** When to ask a node next; null while an answer is awaited or none is needed any more. */
export type Asks = Readonly<Record<Region, number | null>>

export type Move =
  | {
      readonly phase: 'claiming'
      readonly goal: Goal
      readonly epoch: number
      readonly sinceMs: number
      readonly record: EpochRecord
      readonly replaced: Replaced
    }
  | {
      readonly phase: 'preparing'
      readonly goal: Extract<Goal, { kind: 'switchover' }>
      readonly claim: Claim
      readonly sinceMs: number
      readonly third: Region
      /** `asked`: to follow the target ahead; `accepted`: it does, and is watched for; `promising`: it was asked to promise instead. */
      readonly way: 'asked' | 'accepted' | 'promising'
    }
  | {
      readonly phase: 'draining'
      readonly goal: Extract<Goal, { kind: 'switchover' }>
      readonly claim: Claim
      readonly sinceMs: number
      readonly attached: readonly Attachment[]
      /** What the third node promised ahead of the drain. */
      readonly promises: readonly WeightedPromise[]
      readonly lsn: string | null
    }
  | {
      readonly phase: 'fencing'
      readonly goal: Goal
      readonly claim: Claim
      readonly sinceMs: number
      readonly asks: Asks
      /** Nodes that promised, with weight or without. */
      readonly promised: readonly Region[]
      readonly begun: Begun
      readonly promises: readonly WeightedPromise[]
      readonly attached: readonly Attachment[]
      readonly device: 'none' | 'asked' | 'confirmed'
      readonly fencedMs: number | null
      /** The drain's LSN, which the target's position must cover. */
      readonly floor: string | null
      readonly refused: boolean
    }
  | {
      readonly phase: 'promoting'
      readonly goal: Goal
      readonly fence: Fence
      readonly region: Region
      readonly history: History
      readonly sinceMs: number
      readonly asks: Asks
      readonly accepted: readonly Region[]
      readonly device: 'none' | 'asked' | 'confirmed'
    }

/** The epoch that this process took in this run and carries. */
export interface Hold {
  readonly promotion: Promotion
  readonly goal: Goal
  readonly revision: string
  readonly active: boolean
  readonly activating: boolean
  readonly sinceMs: number
  readonly steered: boolean
  readonly permitMs: number
  readonly writeRegionMs: number
  readonly leaderMoveMs: number
  /** Since when each region could lead a failover, without a break. */
  readonly ableSinceMs: Readonly<Partial<Record<Region, number>>>
  readonly reattachMs: number
  readonly followMs: Readonly<Record<Region, number>>
  readonly whole: readonly Region[]
  /** When the links of cut regions were last given back. */
  readonly unfenceMs: number
}

export interface Suspicion {
  readonly region: Region
  readonly why: string
  readonly rule: 'region-silent' | 'postgres-down' | 'agent-silent' | 'controller-silent' | 'unwell' | 'orphan'
  /** Stated by the suspected side itself: needs no second witness. */
  readonly hard: boolean
}

export interface State {
  readonly settings: Settings
  readonly startedMs: number
  readonly lateMs: number
  readonly agents: Readonly<Partial<Record<Region, AgentView>>>
  readonly controllers: Readonly<Partial<Record<Region, ControllerView>>>
  readonly local: ControllerBeat['local']
  readonly record: RecordView | null
  readonly etcdReachable: boolean
  readonly etcdLeader: Region | null
  /** This process's lease in etcd, and when its last renewal was sent. */
  readonly lease: { readonly id: string; readonly sentMs: number } | null
  readonly readAskedMs: number
  /** The highest epoch heard of from anyone, and when it rose. */
  readonly heardEpoch: number
  readonly heardEpochMs: number
  /** When the record last became active, as seen here. */
  readonly activeSinceMs: number | null
  readonly suspicion: (Suspicion & { readonly sinceMs: number }) | null
  readonly standbyReadySinceMs: number | null
  readonly attempts: number
  readonly notBeforeMs: number
  readonly move: Move | null
  readonly hold: Hold | null
  /** The last epoch that this run took, or may have taken, and ended before it ordered a promotion; and what it had replaced. */
  readonly unused: { readonly epoch: number; readonly replaced: Replaced } | null
  readonly releases: readonly { readonly epoch: number; readonly atMs: number }[]
  /** commit: async: where the primary's WAL was at which time. */
  readonly primaryWal: readonly { readonly heardMs: number; readonly epoch: number; readonly lsn: string }[]
}

export function initialState(settings: Settings, now: number): State {
  return {
    settings,
    startedMs: now,
    lateMs: 0,
    agents: {},
    controllers: {},
    local: { app: false, postgres: false, redis: false, kafka: false },
    record: null,
    etcdReachable: false,
    etcdLeader: null,
    lease: null,
    readAskedMs: Number.NEGATIVE_INFINITY,
    heardEpoch: 0,
    heardEpochMs: Number.NEGATIVE_INFINITY,
    activeSinceMs: null,
    suspicion: null,
    standbyReadySinceMs: null,
    attempts: 0,
    notBeforeMs: Number.NEGATIVE_INFINITY,
    move: null,
    hold: null,
    unused: null,
    releases: [],
    primaryWal: [],
  }
}

/** One step under way: the state so far, and the effects in the order in which they are to happen. */
export interface Turn {
  state: State
  readonly effects: Effect[]
  readonly now: number
}

export function announce(
  turn: Turn,
  kind: string,
  reason: string,
  epoch?: number,
  detail?: Readonly<Record<string, unknown>>,
): void {
  turn.effects.push({
    kind: 'announce',
    event: { kind, reason, ...(epoch === undefined ? {} : { epoch }), ...(detail === undefined ? {} : { detail }) },
  })
}

export function everyRegion<Value>(
  regions: readonly Region[],
  value: (region: Region) => Value,
): Readonly<Record<Region, Value>> {
  return Object.fromEntries(regions.map((region) => [region, value(region)])) as Record<Region, Value>
}

/** The epoch that this process holds now: claimed by its move, or carried. */
export function ownEpoch(state: State): number | null {
  if (state.move !== null && state.move.phase !== 'claiming') return claimOf(state.move).epoch
  return state.hold?.promotion.fence.claim.epoch ?? null
}

export function claimOf(move: Exclude<Move, { phase: 'claiming' }>): Claim {
  return move.phase === 'promoting' ? move.fence.claim : move.claim
}

/** The current epoch as known here. */
export function knownEpoch(state: State): number {
  return Math.max(state.record?.record?.epoch ?? 0, ownEpoch(state) ?? 0)
}
