// What the core hears. Every input comes with `now`: milliseconds of a monotonic clock.
import type { AgentStatus, FollowReply, PromiseReply } from '#protocol/agent.ts'
import type { ControllerBeat } from '#protocol/beat.ts'
import type { EpochRecord, History } from '#protocol/epoch.ts'
import type { Region } from '#protocol/sites.ts'

/** How a call failed: the node holds a higher promise, or nothing is known. */
export type Failure =
  { readonly promised: number; readonly reason: string } | { readonly promised: null; readonly reason: string }

export type HeardController = Omit<ControllerBeat, 'from' | 'seq' | 'sentNs' | 'mac'>

export type Input =
  | { readonly kind: 'tick'; /** How late the loop was at worst in the last second. */ readonly lateMs: number }
  | { readonly kind: 'agent-beat'; readonly region: Region; readonly status: AgentStatus }
  | { readonly kind: 'controller-beat'; readonly beat: HeardController }
  | { readonly kind: 'local'; readonly probes: ControllerBeat['local'] }
  /** A linearizable read that began at `askedMs`. `holders`: the holder keys, by epoch, and the lease that each hangs on. */
  | {
      readonly kind: 'record'
      readonly askedMs: number
      readonly record: EpochRecord | null
      readonly revision: string
      readonly holders: readonly { readonly epoch: number; readonly leaseId: string }[]
    }
  | { readonly kind: 'record-unreadable'; readonly reason: string }
  | { readonly kind: 'etcd-leader'; readonly leader: Region | null }
  /** This process's lease was granted or renewed by a request sent at `sentMs`. */
  | { readonly kind: 'lease'; readonly sentMs: number; readonly leaseId: string }
  | { readonly kind: 'claim-reply'; readonly epoch: number; readonly outcome: SwapOutcome }
  | {
      readonly kind: 'prepare-reply'
      readonly epoch: number
      readonly region: Region
      readonly outcome: FollowReply | Failure
    }
  | {
      readonly kind: 'drain-reply'
      readonly epoch: number
      readonly outcome: { readonly lsn: string } | { readonly reason: string }
    }
  | { readonly kind: 'positioned'; readonly epoch: number; readonly region: Region; readonly reached: boolean }
  | {
      readonly kind: 'promise-reply'
      readonly epoch: number
      readonly region: Region
      readonly outcome: PromiseReply | Failure
    }
  | { readonly kind: 'fence-reply'; readonly epoch: number; readonly fenced: boolean; readonly reason: string }
  | {
      readonly kind: 'promote-reply'
      readonly epoch: number
      readonly region: Region
      readonly outcome: { readonly history: History } | Failure
    }
  | {
      readonly kind: 'follow-reply'
      readonly epoch: number
      readonly region: Region
      readonly outcome: FollowReply | Failure
    }
  /** The primary's app took the permit or the write region of `epoch`. */
  | { readonly kind: 'steered'; readonly epoch: number; readonly region: Region }
  | { readonly kind: 'activate-reply'; readonly epoch: number; readonly outcome: SwapOutcome }
  | { readonly kind: 'switchover'; readonly request: string; readonly to: Region }
  | {
      readonly kind: 'failover'
      readonly request: string
      readonly to: Region | null
      readonly acceptDataLoss: boolean
    }

export type SwapOutcome =
  | { readonly result: 'won'; readonly revision: string; readonly leaseId: string }
  | { readonly result: 'lost' }
  /** Nobody knows whether it was done. It is never taken as done. */
  | { readonly result: 'unknown'; readonly reason: string }
