// What a runbook demands, against what its drill can show: a figure that can't exist, or that the load is too thin to carry, is
// refused before anything starts (docs/measuring.md says what figures are made of).
import type { Objectives, Runbook } from '#protocol/runbook.ts'
import { longestDrillMs, mostPerSecond, mostPerSecondOfArea } from '#protocol/values.ts'
import { exactMs } from './exact-ms.ts'
import { leastLatencyProblems } from './least-latency.ts'
import { formatMs } from './measure/objectives.ts'
import type { Path } from './method.ts'
import type { Problem } from './problems.ts'
import { afterwards, rowsOf, spanOfSteps, type Placed } from './spans.ts'

/** A demanded time is at least so many times what lies between two operations: the figure's own width is a third of it then. */
const gapsInDemand = 3
/** Of a hundred histories without an outage, so many at most have a longer gap by chance: e to the minus this. */
const chanceOfGap = 3
/** Of the sums that demands are held against. */
const roundingMs = 1e-6
/** Upwards, but not for what floating point adds. */
const wholeMs = (ms: number): number => Math.ceil(ms - roundingMs)
const windowMs = 3000
const operationsInWindow = 5

type Name = keyof Objectives
const ofWrites: readonly Name[] = ['rto-first-write', 'rpo', 'lost-writes', 'longest-gap', 'failback-gap']
const ofOutages: readonly Name[] = ['rto', 'rto-first-write']
const ofFailbacks: readonly Name[] = ['failback-gap', 'failback-failed']

export function demandProblems(runbook: Runbook): readonly Problem[] {
  return [
    ...existenceProblems(runbook),
    ...contradictions(runbook),
    ...lossProblems(runbook),
    ...stopLossProblems(runbook),
    ...lengthProblems(runbook),
    ...leastLatencyProblems(runbook),
    ...gapProblems(runbook),
    ...returnProblems(runbook),
    ...expectationProblems(runbook),
  ]
}

const at = (name: Name): Path => ['objectives', name]

function stepsOf(runbook: Runbook): readonly Placed[] {
  return rowsOf(runbook).flat(2)
}

function missingFor(names: readonly Name[], { objectives }: Runbook, expected: string, found: string): Problem[] {
  return names
    .filter((name) => objectives[name] !== undefined)
    .map((name) => ({
      path: at(name),
      expected: `expected ${expected}, or no ${name}: there is nothing to measure`,
      found,
    }))
}

/** What makes an outage: background faults are conditions, and a failback has figures of its own. */
function disturbs({ leaf }: Placed): boolean {
  const { fault, action } = leaf.step
  return fault?.background === false || action?.kind === 'switchover' || action?.kind === 'failover'
}

function existenceProblems(runbook: Runbook): readonly Problem[] {
  const steps = stepsOf(runbook)
  const failsBack = steps.some(({ leaf }) => leaf.step.action?.kind === 'failback')
  const writesNothing = runbook.load.reads === 1
  const awaited = steps.filter(({ leaf }) => leaf.step['wait-for']?.event === 'write-acked')
  return [
    ...(writesNothing ? missingFor(ofWrites, runbook, 'a load that writes', 'load.reads: 1') : []),
    ...(writesNothing ? awaited : []).map(({ leaf }) => ({
      path: [...leaf.path, 'wait-for', 'event'],
      expected: 'expected a load that writes',
      found: 'load.reads: 1',
    })),
    ...(steps.some(disturbs)
      ? []
      : missingFor(ofOutages, runbook, 'a fault that is not background, a switchover or a failover', 'none')),
    ...(failsBack ? [] : missingFor(ofFailbacks, runbook, 'an action: failback', 'none')),
  ]
}

/** A loss that is demanded, where none may be or none can be. */
function contradictions({ objectives, topology, load }: Runbook): readonly Problem[] {
  const least = objectives['lost-writes']
  if (least === undefined || load.reads === 1) return []
  const path = at('lost-writes')
  const found = `>= ${least}`
  if (objectives.rpo === 0)
    return [{ path, expected: 'expected it without rpo: 0s, which demands that nothing is lost', found }]
  if (topology.commit === 'quorum')
    return [{ path, expected: 'expected it with commit: async only, as a quorum loses no acked write', found }]
  return []
}

/** What can be lost is what is written: without writes nothing is shown to be kept, nor to be lost. */
function lossProblems(runbook: Runbook): readonly Problem[] {
  const { load, objectives } = runbook
  if (load.reads === 1) return []
  const writes = (load.rate * (1 - load.reads) * spanOfSteps(runbook).watchedMs) / 1000
  const least = objectives['lost-writes']
  const needed = { rpo: operationsInWindow, 'lost-writes': Math.max(operationsInWindow, least ?? 0) }
  const isBroken = stepsOf(runbook).some(({ leaf }) => leaf.step.fault !== undefined || leaf.step.action !== undefined)
  return (['rpo', 'lost-writes'] as const).flatMap((name) => {
    if (objectives[name] === undefined) return []
    if (name === 'lost-writes' && !isBroken)
      return missingFor([name], runbook, 'a fault or an order by which writes can be lost', 'none')
    if (writes >= needed[name]) return []
    return [
      {
        path: at(name),
        expected: `expected a load that writes ${needed[name]} times or more while steps are held and waited for`,
        found: `about ${Number(writes.toPrecision(2))} times`,
      },
    ]
  })
}

/** A stop loss that a steady world meets, that nothing can meet, or that says nothing of so few operations. */
function stopLossProblems(runbook: Runbook): readonly Problem[] {
  const { load, 'steady-state-hypothesis': steady, 'abort-when': stop } = runbook
  const problems: Problem[] = []
  const p99 = stop?.p99
  if (p99 !== undefined && (p99.aboveMs < steady.p99 || p99.aboveMs >= load.timeout))
    problems.push({
      path: ['abort-when', 'p99'],
      expected: `expected a limit from ${exactMs(steady.p99)} (what is steady) to less than ${exactMs(load.timeout)} (when clients give up)`,
      found: exactMs(p99.aboveMs),
    })
  const success = stop?.['success-rate']
  if (success !== undefined && success.below > steady['success-rate'])
    problems.push({
      path: ['abort-when', 'success-rate'],
      expected: `expected at most the ${100 * steady['success-rate']} % that are steady`,
      found: JSON.stringify(success.text),
    })
  const leastMs = wholeMs(operationsInWindow * meanGaps(runbook).ofAreaMs)
  for (const [name, each] of [['success-rate', success] as const, ['p99', p99] as const])
    if (each !== undefined && each.forMs < leastMs)
      problems.push({
        path: ['abort-when', name],
        expected: `expected to look at ${exactMs(leastMs)} or more, which hold ${operationsInWindow} operations of each area`,
        found: JSON.stringify(each.text),
      })
  return problems
}

function lengthProblems(runbook: Runbook): readonly Problem[] {
  if (spanOfSteps(runbook).leastMs <= longestDrillMs) return []
  const longest = stepsOf(runbook).toSorted((one, other) => (other.leaf.step.hold ?? 0) - (one.leaf.step.hold ?? 0))[0]
  return [
    {
      path: [...(longest?.leaf.path ?? []), 'hold'],
      expected: `expected holds of at most ${longestDrillMs / 3_600_000}h (${exactMs(longestDrillMs)}) in all, after which the load ends`,
      found: exactMs(spanOfSteps(runbook).leastMs),
    },
  ]
}

/** Milliseconds between two operations of an area, and between two writes of any, on average. */
export function meanGaps({ load }: Pick<Runbook, 'load'>): { readonly ofAreaMs: number; readonly ofWritesMs: number } {
  return { ofAreaMs: (1000 * load.from.length) / load.rate, ofWritesMs: 1000 / (load.rate * (1 - load.reads)) }
}

/** The least demand that a mean gap carries. For the longest gap of all, chance makes one that grows with the length of the drill. */
function leastDemandMs(name: Name, gapMs: number, lengthMs: number): number {
  const byChance = name === 'longest-gap' ? Math.log(Math.max(1, lengthMs / gapMs)) + chanceOfGap : 0
  return gapMs * Math.max(gapsInDemand, byChance)
}

function gapProblems(runbook: Runbook): readonly Problem[] {
  const { load, objectives } = runbook
  const lengthMs = spanOfSteps(runbook).leastMs
  const demands = (['rto', 'rto-first-write', 'longest-gap', 'failback-gap'] as const).map((name) => ({
    name,
    path: at(name),
    demandedMs: objectives[name],
  }))
  // A stop loss that chance alone meets ends a drill in which nothing was wrong.
  const stopLoss = { name: 'longest-gap' as const, path: ['abort-when', 'no-acks-for'] }
  const all = [...demands, { ...stopLoss, demandedMs: runbook['abort-when']?.['no-acks-for'] }]
  return all.flatMap(({ name, path, demandedMs }) => {
    const isOfArea = name === 'rto'
    if (demandedMs === undefined || (!isOfArea && load.reads === 1)) return []
    const gapAt = (rate: number): number => meanGaps({ load: { ...load, rate } })[isOfArea ? 'ofAreaMs' : 'ofWritesMs']
    const leastAt = (rate: number): number => leastDemandMs(name, gapAt(rate), lengthMs)
    const carries = (rate: number): boolean => demandedMs >= leastAt(rate) - roundingMs
    if (carries(load.rate)) return []
    const mostRate = Math.min(mostPerSecond, mostPerSecondOfArea * load.from.length)
    const rate = leastRate(carries, mostRate)
    const what = isOfArea ? 'two operations of an area' : 'two writes'
    const leastMs = wholeMs(leastAt(load.rate))
    // No load carries a time that is too short for the greatest rate.
    const help = rate === null ? exactMs(leastMs) : `load.rate >= ${rate}/s`
    return [
      {
        path,
        expected: `expected a time that the load can show (say ${help}): ${what} are ${formatMs(gapAt(load.rate))} apart, which carries ${exactMs(leastMs)} or more`,
        found: `${exactMs(demandedMs)} with load.rate ${load.rate}/s`,
      },
    ]
  })
}

/** Whole operations per second, by halving: what suffices does so at any higher rate. Null: none up to `most`. */
function leastRate(suffices: (rate: number) => boolean, most: number): number | null {
  if (!suffices(most)) return null
  let [low, high] = [0, Math.ceil(most)]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (suffices(middle)) high = middle
    else low = middle
  }
  return high
}

/** Service is shown to be back by a window after the last disturbance; where the load ends before one, it never can be. */
function returnProblems(runbook: Runbook): readonly Problem[] {
  if (runbook.objectives.rto === undefined) return []
  const rows = rowsOf(runbook)
  const last = rows.flat(2).findLast(disturbs)
  if (last === undefined) return []
  const { watchedMs, asks } = afterwards(rows, last)
  const neededMs = Math.max(windowMs, wholeMs(operationsInWindow * meanGaps(runbook).ofAreaMs))
  if (asks !== null || watchedMs >= neededMs) return []
  return [
    {
      path: last.leaf.path,
      expected: `expected ${exactMs(neededMs)} of holds or waits after it, in which service is shown to be back (${operationsInWindow} operations of each area, ${exactMs(windowMs)} at least), as rto demands`,
      found: watchedMs === 0 ? 'none' : exactMs(watchedMs),
    },
  ]
}

/** No operation meets nothing: a hold says something of failures or acks only if it has some. */
function expectationProblems(runbook: Runbook): readonly Problem[] {
  const { load } = runbook
  return stepsOf(runbook).flatMap(({ leaf }) => {
    const { expect, hold = 0 } = leaf.step
    if (expect === undefined) return []
    const path = [...leaf.path, 'expect']
    if (expect.acked !== undefined && load.reads === 1)
      return [{ path: [...path, 'acked'], expected: 'expected a load that writes', found: 'load.reads: 1' }]
    const perSecond = expect.acked === undefined ? load.rate : load.rate * (1 - load.reads)
    const neededMs = wholeMs((1000 * operationsInWindow) / perSecond)
    if (hold >= neededMs) return []
    const what = expect.acked === undefined ? 'operations' : 'writes'
    return [
      {
        path,
        expected: `expected a hold of at least ${exactMs(neededMs)} beside it, with ${operationsInWindow} ${what} or more at this load.rate`,
        found: exactMs(hold),
      },
    ]
  })
}
