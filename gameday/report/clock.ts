// Where a report's times are counted from: t0 where there is one outage, else the load's beginning. Pure.
import type { Journal } from '#protocol/journal.ts'
import { sinceMs } from '../measure/history.ts'
import { formatMs } from '../measure/objectives.ts'

export interface Clock {
  readonly zeroNs: bigint
  /** What stands at zero: `t0`, `the load’s beginning`. */
  readonly zero: string
  /** Seconds from zero. */
  readonly secondsOf: (ns: string) => number
  /** `from 1.00 s to 2.50 s`. */
  readonly span: (fromNs: string, toNs: string) => string
}

export function clockOf({ t0, incidents, faults, loadNs, originNs }: Journal): Clock {
  // What somebody else did is no drill's t0.
  const isShared = incidents.length > 1 || incidents[0]?.cause === 'outside'
  const only = isShared ? null : (incidents[0]?.t0 ?? t0)
  const zeroNs = BigInt(only?.ns ?? loadNs?.from ?? originNs ?? '0')
  const begun = loadNs === null ? 'the drill’s beginning' : 'the load’s beginning'
  const zero = only === null ? begun : faults.length > 0 ? 'the fault (t0)' : 'the order (t0)'
  const text = (ns: string): string => formatMs(sinceMs(zeroNs, ns))
  return {
    zeroNs,
    zero,
    secondsOf: (ns) => sinceMs(zeroNs, ns) / 1000,
    span: (fromNs, toNs) => `from ${text(fromNs)} to ${text(toNs)}`,
  }
}
