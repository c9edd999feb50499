// Is this region ready for writes? Pure; `nowNs` is passed in.
import type { CommitMode } from '#protocol/topology.ts'
import { permittedEpoch, type Authority } from './authority.ts'

/** A commit that was vouched for by its quorum (async: that was made locally), or a failed look at Postgres. */
export type Probe = Readonly<{
  isPrimary: boolean
  /** The epoch that it was promoted in, whose followers vouch; 0 in a standby, and with `commit: async`. */
  promotedEpoch: number
  /** When the last probe commit returned, monotonic ns; null: none yet. */
  committedNs: bigint | null
  /** When Postgres last showed that it isn't cut off: such a commit, or in a standby replay that had moved; null: never, or it is down. */
  freshNs: bigint | null
}>

export const noProbe: Probe = { isPrimary: false, promotedEpoch: 0, committedNs: null, freshNs: null }

export const probeValidMs = 1500

/** A primary probes with a commit at least twice a second, so replay moves as often in everyone who streams. */
export const freshValidMs = 2000

export type Readiness = Readonly<{ ready: boolean; reason: string }>

/** Only local facts count once the write region is known: with every controller dead, this stays as it is. */
export function readyForWrites(authority: Authority, probe: Probe, commit: CommitMode, nowNs: bigint): Readiness {
  const primary = authority.writeRegion?.region ?? null
  if (primary !== null && primary !== authority.region) return no(`the write region is ${primary}`)
  if (!probe.isPrimary) return no('Postgres of this region is no primary')
  if (probe.committedNs === null) return no('no probe commit has returned yet')
  const ageMs = Number(nowNs - probe.committedNs) / 1e6
  if (ageMs > probeValidMs) return no(`the last probe commit returned ${Math.round(ageMs)} ms ago`)
  if (commit === 'async' && permittedEpoch(authority, nowNs) === null) return no('no valid permit')
  return { ready: true, reason: 'probe commits return' }
}

/**
 * Might reads be old? In a region that is cut off they are, unboundedly, and it can tell by itself: its primary's commits have no
 * quorum (async: its permit has run out), its standby's replay stands still.
 */
export function isStale(authority: Authority, probe: Probe, commit: CommitMode, nowNs: bigint): boolean {
  if (commit === 'async' && probe.isPrimary) return permittedEpoch(authority, nowNs) === null
  return probe.freshNs === null || Number(nowNs - probe.freshNs) / 1e6 > freshValidMs
}

function no(reason: string): Readiness {
  return { ready: false, reason }
}
