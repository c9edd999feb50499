// Times that no operation can keep, since the links of a world alone take longer: with these no drill ever begins, as none is steady.
import type { Runbook } from '#protocol/runbook.ts'
import { baseDelayMs, nearestRegion, regions, type Area } from '#protocol/sites.ts'
import { exactMs } from './exact-ms.ts'
import { allLeaves } from './method.ts'
import type { Problem } from './problems.ts'

/** Where writes are no more than this of all operations, the 99th percentile may be one of reads. */
const shareBeyondP99 = 0.01

interface Longest {
  readonly ms: number
  /** For people: `a write of ap`. */
  readonly what: string
}

/** There and back, on links that nobody has changed. */
function readMs(area: Area): number {
  return 2 * baseDelayMs(area, nearestRegion[area])
}

/** To the primary and back; a quorum is the primary and the nearest other region. */
function writeMs(area: Area, { home, commit }: Runbook['topology']): number {
  const others = regions.filter((region) => region !== home).map((region) => 2 * baseDelayMs(home, region))
  return 2 * baseDelayMs(area, home) + (commit === 'quorum' ? Math.min(...others) : 0)
}

/** What takes longest of all that the load does, or of all but its hundredth part. */
function longest({ load, topology }: Runbook, leastShare: number): Longest {
  const reads = load.from.map((area) => ({ ms: readMs(area), what: `a read of ${area}` }))
  const writes = load.from.map((area) => ({ ms: writeMs(area, topology), what: `a write of ${area}` }))
  const all = [...(load.reads < 1 - leastShare ? writes : []), ...(load.reads > leastShare ? reads : [])]
  return all.reduce((one, other) => (other.ms > one.ms ? other : one))
}

/** The least of all areas: whichever is acked first ends a wait. */
function firstWriteMs({ load, topology }: Runbook): number {
  return Math.min(...regions.flatMap((home) => load.from.map((area) => writeMs(area, { ...topology, home }))))
}

/** Client time-outs, p99 of the hypothesis (a stop loss lies above that), waits for a write. */
export function leastLatencyProblems(runbook: Runbook): readonly Problem[] {
  const leastMs = firstWriteMs(runbook)
  const waits = allLeaves(runbook).flatMap(({ path, step }): Problem[] => {
    const { event, within = leastMs } = step['wait-for'] ?? {}
    if (event !== 'write-acked' || within > leastMs) return []
    const expected = `expected more than ${exactMs(leastMs)}: a write is under way for that long on the links alone`
    return [{ path: [...path, 'wait-for', 'within'], expected, found: exactMs(within) }]
  })
  const ofAll = longest(runbook, 0)
  const ofMost = longest(runbook, shareBeyondP99)
  const limits = [
    { path: ['load', 'timeout'], ms: runbook.load.timeout, least: ofAll },
    { path: ['steady-state-hypothesis', 'p99'], ms: runbook['steady-state-hypothesis'].p99, least: ofMost },
  ]
  const tooShort = limits
    .filter(({ ms, least }) => ms <= least.ms)
    .map(({ path, ms, least }) => ({
      path,
      expected: `expected more than ${exactMs(least.ms)}: ${least.what} is under way for that long on the links alone`,
      found: exactMs(ms),
    }))
  return [...tooShort, ...waits]
}
