// What the app knows of its right to act: the permit, the write region, and the epochs that fence both. Pure; `nowNs` is passed in.
import type { Permit, WriteRegion } from '#protocol/permit.ts'
import type { Region } from '#protocol/sites.ts'

export type Authority = Readonly<{
  region: Region
  /** The highest epoch that a permit or a write region told of; 0: none. */
  epoch: number
  permit: Permit | null
  writeRegion: WriteRegion | null
  /** Until when the last published write region counts as fresh, monotonic ns. */
  freshUntilNs: bigint
}>

export type Accepted = Readonly<{ accepted: boolean; authority: Authority }>

export function noAuthority(region: Region): Authority {
  return { region, epoch: 0, permit: null, writeRegion: null, freshUntilNs: 0n }
}

/** A permit of a lower epoch than one that was seen is refused; so is one for another region. */
export function acceptPermit(authority: Authority, permit: Permit): Accepted {
  if (permit.epoch < authority.epoch || permit.region !== authority.region) return { accepted: false, authority }
  const { dataSet, epoch, region } = permit
  return { accepted: true, authority: { ...authority, epoch, permit, writeRegion: { dataSet, epoch, region } } }
}

/** @param validForMs for how long this counts as fresh word of who the primary is */
export function acceptWriteRegion(
  authority: Authority,
  writeRegion: WriteRegion,
  nowNs: bigint,
  validForMs: number,
): Accepted {
  if (writeRegion.epoch < authority.epoch) return { accepted: false, authority }
  const isOwnPermit = authority.permit?.epoch === writeRegion.epoch && writeRegion.region === authority.region
  return {
    accepted: true,
    authority: {
      ...authority,
      epoch: writeRegion.epoch,
      permit: isOwnPermit ? authority.permit : null,
      writeRegion,
      freshUntilNs: nowNs + BigInt(Math.round(validForMs * 1e6)),
    },
  }
}

/**
 * The region's own Postgres is primary in `epoch`, as the followers that vouch for it are named: word of a later epoch that is as
 * good as a write region, and may come sooner. It gives no permit.
 */
export function acceptPromotion(authority: Authority, dataSet: string, epoch: number): Accepted {
  if (epoch <= authority.epoch) return { accepted: false, authority }
  const writeRegion = { dataSet, epoch, region: authority.region }
  return { accepted: true, authority: { ...authority, epoch, permit: null, writeRegion } }
}

/** The epoch of a permit that is valid now, counted from its send; null without one. */
export function permittedEpoch(authority: Authority, nowNs: bigint): number | null {
  const { permit } = authority
  if (permit === null) return null
  const endNs = BigInt(permit.sentNs) + BigInt(Math.round(permit.validForMs * 1e6))
  return nowNs < endNs ? permit.epoch : null
}

/**
 * The epoch under which Redis may be read and filled: a valid permit's, or, in a region that has no permit because another one
 * is primary, that of a write region published no longer ago than a permit is valid. Null: keep off.
 */
export function cacheEpoch(authority: Authority, nowNs: bigint): number | null {
  const permitted = permittedEpoch(authority, nowNs)
  if (permitted !== null) return permitted
  const isElsewhere = authority.writeRegion !== null && authority.writeRegion.region !== authority.region
  return isElsewhere && nowNs < authority.freshUntilNs ? authority.epoch : null
}

/** The write region as far as known; null before the first word of it. */
export function knownPrimary(authority: Authority): Region | null {
  return authority.writeRegion?.region ?? null
}
