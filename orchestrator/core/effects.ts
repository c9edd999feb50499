// What the core asks its adapters to do. Each effect carries the evidence without which it must not happen.
import type { EpochRecord, History } from '#protocol/epoch.ts'
import type { MoveReply } from '#protocol/controller.ts'
import type { Region } from '#protocol/sites.ts'
import type { Claim, Fence, Promotion } from './evidence.ts'

export type Effect =
  /** Compare-and-swap on the epoch record; answered by `claim-reply`. */
  | { readonly kind: 'claim'; readonly record: EpochRecord; readonly expectRevision: string }
  | { readonly kind: 'read-record' }
  /** Planned: tell the third node to follow the target in the new epoch, ahead of the drain. */
  | {
      readonly kind: 'prepare'
      readonly claim: Claim
      readonly region: Region
      readonly primary: Region
      readonly history: History
    }
  | { readonly kind: 'drain'; readonly claim: Claim; readonly region: Region; readonly forwardTo: Region }
  | { readonly kind: 'undrain'; readonly claim: Claim; readonly region: Region }
  /** Wait until the node's position covers `lsn`; answered by `positioned`. */
  | { readonly kind: 'await-position'; readonly claim: Claim; readonly region: Region; readonly lsn: string }
  | { readonly kind: 'promise'; readonly claim: Claim; readonly region: Region }
  | { readonly kind: 'fence'; readonly claim: Claim; readonly region: Region }
  | { readonly kind: 'promote'; readonly fence: Fence; readonly region: Region }
  | {
      readonly kind: 'follow'
      readonly fence: Fence
      readonly region: Region
      readonly primary: Region
      readonly history: History
    }
  | { readonly kind: 'permit'; readonly promotion: Promotion }
  | { readonly kind: 'write-region'; readonly promotion: Promotion }
  | {
      readonly kind: 'activate'
      readonly promotion: Promotion
      readonly record: EpochRecord
      readonly expectRevision: string
    }
  | { readonly kind: 'unfence'; readonly claim: Claim; readonly region: Region }
  /** Hang the holder key on this process's new lease, if the record still has `revision`. */
  | { readonly kind: 'attach-holder'; readonly promotion: Promotion; readonly revision: string }
  | { readonly kind: 'release-holder'; readonly epoch: number }
  | { readonly kind: 'move-leader'; readonly promotion: Promotion; readonly from: Region; readonly to: Region }
  /** Send a heartbeat now: something that others decide by has changed. */
  | { readonly kind: 'beat' }
  | { readonly kind: 'announce'; readonly event: Announcement }
  | { readonly kind: 'answer'; readonly request: string; readonly reply: MoveReply }

/** One timeline event; the adapter adds time, source and site. */
export interface Announcement {
  readonly kind: string
  readonly epoch?: number
  readonly reason: string
  readonly detail?: Readonly<Record<string, unknown>>
}
