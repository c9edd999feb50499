// Who took writes and how far standbys lagged, sample by sample. Pure.
import { lsnToBigInt } from '#protocol/epoch.ts'
import type { Sample } from '#protocol/sample.ts'
import type { Region } from '#protocol/sites.ts'

/** The node that took writes: of two that think so, the one of the later epoch. */
export function primaryOf({ nodes }: Sample): Region | null {
  const primaries = Object.entries(nodes).filter(([, node]) => node.state === 'primary' && node.epochCommitted)
  const last = primaries.toSorted(([, left], [, right]) => (right.epoch ?? 0) - (left.epoch ?? 0))[0]
  return last === undefined ? null : (last[0] as Region)
}

/** Bytes of WAL that a standby had not replayed; null where it, or the primary, did not say. */
export function lagBytes(sample: Sample, region: Region): number | null {
  const primary = primaryOf(sample)
  if (primary === null || primary === region) return null
  const written = sample.nodes[primary]?.lsn ?? null
  const replayed = sample.nodes[region]?.lsn ?? null
  if (written === null || replayed === null) return null
  return Math.max(0, Number(lsnToBigInt(written) - lsnToBigInt(replayed)))
}
