// Evidence: values that only the phase before can make. A promotion needs a Fence, steering needs a Promotion; so an effect in
// the wrong order can't be written down. The brand is not exported: nothing outside this file builds these values.
import type { History, Position } from '#protocol/epoch.ts'
import type { PromiseReply } from '#protocol/agent.ts'
import type { Region } from '#protocol/sites.ts'
import { majorityOf } from './settings.ts'

declare const brand: unique symbol

/** What a claim replaced in the record; under an epoch that was only claimed any node may have been promoted, and may have acked. */
export type Replaced = 'nothing' | 'active' | 'claimed'

/** This process won the compare-and-swap for `epoch` in this run, at etcd revision `revision`. */
export interface Claim {
  readonly [brand]: 'claim'
  readonly epoch: number
  readonly revision: string
  readonly replaced: Replaced
}

export type FenceWay =
  | 'promises'
  | 'last-primary'
  | 'first-epoch'
  | 'all-promised'
  | 'old-primary-promised'
  | 'fence-device'
  | 'lease-expired'

/** Below `claim.epoch` nothing can be acknowledged any more. `promises` holds the positions to choose from. */
export interface Fence {
  readonly [brand]: 'fence'
  readonly claim: Claim
  readonly way: FenceWay
  readonly promises: readonly WeightedPromise[]
}

/** The epoch's first commit has its quorum on `region`. */
export interface Promotion {
  readonly [brand]: 'promotion'
  readonly fence: Fence
  readonly region: Region
  readonly history: History
}

/** The promise of a whole node with a known position. */
export interface WeightedPromise {
  readonly region: Region
  readonly position: Position
  readonly history: History
}

/** By region, of those that have promised, with weight or without: the highest epoch that the node itself ever began; 0: none. */
export type Begun = Readonly<Partial<Record<Region, number>>>

/**
 * A standby that adopted the epoch by a `follow` of the target and was seen streaming from it: it vouches for nobody else, and
 * its history is a prefix of the target's, so it counts in a majority but is never chosen.
 */
export interface Attachment {
  readonly region: Region
  readonly to: Region
}

/** Call only with the answer `won` of the compare-and-swap. */
export function claimFromSwap(epoch: number, revision: string, replaced: Replaced): Claim {
  return { epoch, revision, replaced } as Claim
}

/** Null if the promise has no weight: half-made node, or no position known yet. */
export function weigh(reply: PromiseReply): WeightedPromise | null {
  if (!reply.whole || reply.position === null) return null
  return { region: reply.region, position: reply.position, history: reply.history }
}

/** `commit: quorum`: a majority of all nodes has promised (or follows a promised one in this epoch). */
export function fenceByPromises(
  claim: Claim,
  regions: readonly Region[],
  promises: readonly WeightedPromise[],
  attached: readonly Attachment[] = [],
): Fence | null {
  const nodes = new Set<Region>(promises.map((each) => each.region))
  for (const each of attached) if (nodes.has(each.to)) nodes.add(each.region)
  if (nodes.size < majorityOf(regions.length)) return null
  return { claim, way: 'promises', promises } as Fence
}

/**
 * `commit: quorum`, where no majority of whole nodes is left, since the others are being made anew: every node has promised, and the
 * one that began the highest epoch of all has weight. It was chosen by a majority when it began, and what was acked since it wrote
 * itself, so nothing was acked that it lacks; and since every node has promised, nobody began a higher epoch unknown to them.
 */
export function fenceByLastPrimary(
  claim: Claim,
  regions: readonly Region[],
  promises: readonly WeightedPromise[],
  begun: Begun,
): Fence | null {
  const epochs = regions.map((region) => begun[region] ?? Number.POSITIVE_INFINITY)
  const highest = Math.max(...epochs)
  const isWhole = promises.some((each) => begun[each.region] === highest)
  return highest > 0 && isWhole ? ({ claim, way: 'last-primary', promises } as Fence) : null
}

/** What `commit: async` knows about the old primary. */
export interface AsyncFacts {
  /** Region of the last primary that a record named; null if none ever did. */
  readonly old: Region | null
  readonly oldPromised: boolean
  /** All regions but the old primary's have promised, with weight or without. */
  readonly othersPromised: boolean
  readonly deviceConfirmed: boolean
  /** No holder key of a lower epoch is left in etcd, by a read that began after the claim. */
  readonly leaseExpired: boolean
}

/**
 * `commit: async`: the old primary's own promise, the fence device, or the expiry of the lease that its permits hang on. An epoch
 * that was only claimed may have a primary that no record names: then every other node must have promised, or its lease be gone.
 */
export function fenceByAuthority(claim: Claim, promises: readonly WeightedPromise[], facts: AsyncFacts): Fence | null {
  const way = authorityWay(claim.replaced, facts)
  if (way === null || promises.length === 0) return null
  return { claim, way, promises } as Fence
}

function authorityWay(replaced: Replaced, facts: AsyncFacts): FenceWay | null {
  if (replaced === 'nothing') return 'first-epoch'
  if (replaced === 'active' || facts.othersPromised) {
    if (facts.old === null) return 'all-promised'
    if (facts.oldPromised) return 'old-primary-promised'
    if (facts.deviceConfirmed) return 'fence-device'
  }
  return facts.leaseExpired ? 'lease-expired' : null
}

/** Call only once the promoted node has said that the epoch's first commit has its quorum. */
export function promotionFromCommit(fence: Fence, region: Region, history: History): Promotion {
  return { fence, region, history } as Promotion
}
