// From a seed and a run's number to a runbook: random faults and orders at random moments, all healed in the end. Pure.
import { stringify } from 'yaml'
import type { z } from 'zod'
import type { Runbook, runbook as runbookShape } from '#protocol/runbook.ts'
import { regions, type Region } from '#protocol/sites.ts'
import type { CommitMode } from '#protocol/topology.ts'
import { isUnseen, lostRegion } from '../fault-times.ts'
import { parseRunbook } from '../validate.ts'
import { Chance } from '#runtime/chance.ts'
import { drawFault, fuzzedKinds, type DrawnFault, type FuzzedKind } from './faults.ts'
import { containersHeld, isSurvivable } from './survivable.ts'

export interface DrawOptions {
  readonly seed: number
  /** Number of the run, from 1. */
  readonly run: number
  readonly commit: CommitMode
  /** The region that is primary at first. */
  readonly home: Region
}

/** One fault of a schedule, in time from the first disturbance. */
export interface PlannedFault extends DrawnFault {
  readonly id: string
  readonly fromMs: number
  readonly toMs: number
}

export interface PlannedOrder {
  readonly action: 'switchover' | 'failover' | 'failback'
  readonly to: Region | null
  readonly atMs: number
}

export interface Drawn {
  /** Name of the drill, and of the file that replays it. */
  readonly name: string
  readonly faults: readonly PlannedFault[]
  readonly orders: readonly PlannedOrder[]
  /** Whether service must come back before anything is healed. */
  readonly demandsService: boolean
  /** The runbook as a file, and as it is run: read from that very text. */
  readonly text: string
  readonly runbook: Runbook
}

type Words = z.input<typeof runbookShape>
type StepWords = Words['method'][number]

/** No fault begins later than this, or is meant to last longer than until then. */
export const latestMs = 14_000
/** Generous: machines differ, and how fast service comes back is what other drills measure. */
const steadyWithin = '40s'
const wholeWithin = '60s'
const triesPerFault = 20
/** A region takes long to come back, above all on a busy machine. */
const mostPowerLosses = 2
/** What injecting and healing take where it is not at once, ms, as seen on two processors. The holds between are shorter by as much. */
const takesMs: Readonly<Record<FuzzedKind, { readonly inject: number; readonly heal: number }>> = {
  'power-loss': { inject: 1500, heal: 6000 },
  partition: { inject: 0, heal: 0 },
  freeze: { inject: 1000, heal: 200 },
  'postgres-crash': { inject: 500, heal: 0 },
  'link-degrade': { inject: 0, heal: 0 },
  'process-kill': { inject: 1000, heal: 1000 },
}

export function drawRun(options: DrawOptions): Drawn {
  const chance = new Chance(options.seed, options.run)
  const faults = drawFaults(chance, options)
  const orders = drawOrders(chance, faults)
  const demandsService = options.commit === 'quorum' && canLastTogether(faults) && chance.is(0.7)
  const name = `fuzz-${options.seed}-${options.run}`
  const words: Words = {
    title: `Random faults, run ${options.run} of seed ${options.seed}`,
    topology: { pattern: 'active-passive', steering: 'glb', commit: options.commit, home: options.home },
    objectives: options.commit === 'quorum' ? { rpo: '0s' } : {},
    load: { rate: '60/s', reads: 0.3 },
    'steady-state-hypothesis': { 'success-rate': '>= 95%', p99: '<= 3s' },
    method: methodOf(faults, orders, demandsService),
  }
  const text = stringify(words, { lineWidth: 120, aliasDuplicateObjects: false })
  return {
    name,
    faults,
    orders,
    demandsService,
    text,
    runbook: parseRunbook(`${name}.yaml`, text, { set: [], canApprove: false }),
  }
}

/** Every kind leads as often as every other, in an order that the seed shuffles. */
function leadKind({ seed, run }: DrawOptions): FuzzedKind {
  const order = new Chance(seed, 0).shuffle(fuzzedKinds)
  return order[run % order.length] ?? fuzzedKinds[0]
}

function drawFaults(chance: Chance, options: DrawOptions): readonly PlannedFault[] {
  const count = chance.pick([1, 2, 2, 3, 3, 4])
  const planned: PlannedFault[] = []
  for (let index = 0; index < count; index += 1) {
    const powerLosses = planned.filter((each) => each.words.kind === 'power-loss').length
    const kinds = powerLosses < mostPowerLosses ? fuzzedKinds : fuzzedKinds.filter((each) => each !== 'power-loss')
    const kind = index === 0 ? leadKind(options) : chance.pick(kinds)
    for (let attempt = 0; attempt < triesPerFault; attempt += 1) {
      const drawn = drawFault(chance, kind, options.home)
      const fromMs = index === 0 ? 0 : drawBegin(chance)
      const fault = { ...drawn, id: `f${index + 1}`, fromMs, toMs: Math.min(fromMs + drawn.lastsMs, latestMs) }
      if (planned.some((other) => conflict(fault, other)) || loseEverything([...planned, fault])) continue
      planned.push(fault)
      break
    }
  }
  return planned
}

/** Together with the first, while the world answers it (a failover takes about a second), or at any time later. */
function drawBegin(chance: Chance): number {
  return chance.pick([0, chance.between(50, 2000, 50), chance.between(0, 8000, 250), chance.between(0, 8000, 250)])
}

function conflict(one: PlannedFault, other: PlannedFault): boolean {
  if (one.toMs < other.fromMs || other.toMs < one.fromMs) return false
  return holdOneContainer(one, other) || isHidden(one, other) || isHidden(other, one)
}

/** A fault that begins while another one keeps it from being shown. */
function isHidden(fault: PlannedFault, by: PlannedFault): boolean {
  const dark = lostRegion(by.words)
  return dark !== null && fault.fromMs >= by.fromMs && isUnseen(fault.words, [dark])
}

/** With no region left there is nothing to look at, and no runbook may do it. */
function loseEverything(faults: readonly PlannedFault[]): boolean {
  const lost = new Set(faults.map(({ words }) => lostRegion(words)).filter((region) => region !== null))
  return lost.size === regions.length
}

function holdOneContainer(one: PlannedFault, other: PlannedFault): boolean {
  return !containersHeld(one.words).isDisjointFrom(containersHeld(other.words))
}

/** Where service is demanded under faults, none is healed before it is back. */
function canLastTogether(faults: readonly PlannedFault[]): boolean {
  return (
    isSurvivable(faults.map((each) => each.words)) &&
    faults.every((one, index) => faults.slice(index + 1).every((other) => !holdOneContainer(one, other)))
  )
}

/** Most are under way when a fault begins or is healed; the others come at any time, also while the world recovers. */
function drawOrders(chance: Chance, faults: readonly PlannedFault[]): readonly PlannedOrder[] {
  const turns = faults.flatMap(({ fromMs, toMs }) => [fromMs, toMs])
  const count = chance.pick([0, 0, 1, 1, 2])
  return Array.from({ length: count }, (): PlannedOrder => {
    const atMs = chance.is(0.6)
      ? Math.max(0, chance.pick(turns) + chance.between(-600, 600, 50))
      : chance.between(0, Math.max(...turns) + 1500, 50)
    const action = chance.pick(['switchover', 'switchover', 'failback', 'failover'] as const)
    const to = action === 'switchover' || (action === 'failover' && chance.is(0.5)) ? chance.pick(regions) : null
    return { action, to, atMs }
  })
}

interface Moment {
  readonly atMs: number
  readonly takesMs: number
  readonly step: StepWords
}

function methodOf(
  faults: readonly PlannedFault[],
  orders: readonly PlannedOrder[],
  demandsService: boolean,
): Words['method'] {
  const begins = [
    ...orders.map(({ atMs, action, to }): Moment => {
      const words = { kind: action, wait: false, ...(to === null ? {} : { to }) }
      return { atMs, takesMs: 0, step: { action: words } }
    }),
    ...faults.map(({ words, id, fromMs }): Moment => {
      return {
        atMs: fromMs,
        takesMs: takesMs[words.kind].inject,
        step: { fault: { id, ...words } },
      }
    }),
  ]
  const heals = faults.map(({ words, id, toMs }): Moment => {
    return { atMs: toMs, takesMs: takesMs[words.kind].heal, step: { heal: id } }
  })
  // Steadiness is judged by the seconds before: they must lie behind the last disturbance.
  const steady: readonly StepWords[] = [{ hold: '4s' }, { 'wait-for': { event: 'steady', within: steadyWithin } }]
  return [
    { hold: '1s' },
    ...(demandsService
      ? [...inOrder(begins, 0), ...steady, ...inOrder(heals, Math.min(...heals.map((each) => each.atMs)))]
      : inOrder([...begins, ...heals], 0)),
    ...steady,
    { 'wait-for': { event: 'resynced', within: wholeWithin } },
  ]
}

/** Steps with holds between them, so that each begins at its moment, or as soon as those before it have ended. */
function inOrder(moments: readonly Moment[], originMs: number): readonly StepWords[] {
  let nowMs = originMs
  return moments
    .toSorted((left, right) => left.atMs - right.atMs)
    .flatMap(({ atMs, takesMs, step }) => {
      const gapMs = atMs - nowMs
      nowMs = Math.max(nowMs, atMs) + takesMs
      return gapMs > 0 ? [{ hold: `${gapMs}ms` }, step] : [step]
    })
}
