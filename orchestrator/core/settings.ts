// The numbers that the control plane decides by, in one frozen object, and what a controller knows of itself.
import type { Region } from '#protocol/sites.ts'
import type { CommitMode } from '#protocol/topology.ts'

export const timings = Object.freeze({
  /** Rule 1: neither controller nor agent of the primary's region was heard for so long. Told to the others. */
  witnessMs: 240,
  /** Acted upon by a candidate. Its witness's word takes a way over the WAN: told earlier, it is there by now. */
  silentMs: 300,
  /** Rule 3: the primary's agent alone is silent. */
  agentSilentMs: 600,
  /** Rule 4: the controller that owns the epoch is silent. */
  controllerSilentMs: 1500,
  /** Rule 5: Postgres does not answer, or the app is not alive. */
  unwellMs: 2000,
  /** A primary that says it is a standby, after the record called it primary. */
  deposedMs: 700,
  /** The owner of the epoch runs, but does not hold it: how long others leave the repair to it. */
  orphanMs: 4000,
  /** A controller or agent that was never heard in this run counts as heard so long after the start. */
  startupGraceMs: 3000,
  /** Each candidate after the first waits so much longer. */
  staggerMs: 400,
  /** The same at the very first start of a world. */
  firstStartStaggerMs: 5000,
  /** A controller or agent heard within this time is taken as reachable. */
  heardMs: 500,
  /** After a completed move: no move for a lost region, and none for softer suspicions, for so long. */
  holdDownMs: 1000,
  softHoldDownMs: 5000,
  /** After a failed attempt, times the number of attempts, at most five of them. */
  retryMs: 300,
  /** A promise that failed or had no position yet is asked for again after this. */
  promiseRetryMs: 100,
  /** How long a failover waits for promises that would spare it the old primary, or an asked target. */
  preferMs: 300,
  plannedPreferMs: 3000,
  /** How long whole nodes are waited for, before the last primary's copy is taken because all others are half-made. */
  lastPrimaryMs: 2000,
  /** commit: async: how long to wait for further promises once the fence stands, since the greatest position loses least. */
  asyncGatherMs: 300,
  /** How long the old primary's writes in flight get to be answered before its Postgres is stopped. */
  settleMs: 150,
  prepareMs: 2000,
  drainMs: 2000,
  /** A promotion that nobody carries on is given up after this; one that waits for a rewind gets longer. */
  promotingMs: 3000,
  promotingLongMs: 120_000,
  followRetryMs: 300,
  followPaceMs: 1000,
  writeRegionRepeatMs: 3000,
  leaderMovePaceMs: 5000,
  /** A region that has just come back gets etcd's leader only after this: its member, too, must have caught up and stay. */
  leaderSettleMs: 10_000,
  readPaceMs: 100,
  /** The epoch record must have been read so recently for a permit to be renewed. */
  recordFreshMs: 3000,
  /** The holder's lease in etcd lives so long after its last renewal was sent. */
  leaseTtlMs: 5000,
  permitRenewMs: 500,
  permitValidMs: 3000,
  /** Greatest lag, bytes, at which a planned switchover starts. */
  switchoverLagBytes: 1_048_576,
  drainHoldMs: 5000,
})

export interface Settings {
  /** All regions of the world, in the order in which they are candidates after home. */
  readonly regions: readonly Region[]
  readonly region: Region
  readonly incarnation: string
  readonly dataSet: string
  readonly home: Region
  readonly commit: CommitMode
  readonly maxLossMs: number
  readonly acceptDataLoss: boolean
}

export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1
}
