// What can be known before a drill of the times of its faults: one that ends before its heal, and those that are in force at once.
import { conflictOf, holdsOf } from '#chaos/holds.ts'
import { eachLink, linksOf, nameOf, regionOf, servicesOf, unlessUnread } from '#chaos/targets.ts'
import type { FaultSpec } from '#protocol/faults.ts'
import type { AwaitedEvent, Runbook } from '#protocol/runbook.ts'
import { regions } from '#protocol/sites.ts'
import { exactMs } from './exact-ms.ts'
import type { Leaf } from './method.ts'
import type { Problem } from './problems.ts'
import { between, isBefore, rowsOf, type Placed, type Row } from './spans.ts'

interface PlacedFault {
  readonly placed: Placed
  readonly fault: FaultSpec
}

export function faultTimeProblems(runbook: Runbook): readonly Problem[] {
  const rows = rowsOf(runbook)
  const all = rows.flat(2)
  const heals = Map.groupBy(all, ({ leaf }) => leaf.step.heal)
  const ends = faultsIn(all).flatMap((each) => endProblems(rows, each, heals.get(each.fault.id) ?? []))
  // A heal that names no fault is told elsewhere, and leaves open what is in force.
  const ids = new Set<string | undefined>(faultsIn(all).map(({ fault }) => fault.id))
  const isOpen = [...heals.keys()].some((id) => id !== undefined && !ids.has(id))
  return isOpen ? ends : [...ends, ...togetherInRows(rows, runbook.topology.home)]
}

function faultsIn(all: readonly Placed[]): readonly PlacedFault[] {
  return all.flatMap((placed) => {
    const { fault } = placed.leaf.step
    return fault === undefined ? [] : [{ placed, fault }]
  })
}

/** A fault with `for` ends by itself: its heal must come before, or what the drill says of it would be said of no fault. */
function endProblems(
  rows: readonly Row[],
  { placed, fault }: PlacedFault,
  heals: readonly Placed[],
): readonly Problem[] {
  const plannedMs = fault.for
  const heal = heals.find((each) => isBefore(placed, each))
  if (plannedMs === undefined || heal === undefined) return []
  const { leastMs, asks } = between(rows, placed, heal)
  const path = [...placed.leaf.path, 'fault', 'for']
  const without = 'without "for" the drill renews the fault until its heal'
  if (asks !== null)
    return [
      {
        path,
        expected: `expected no "for" where people are asked before its heal (${heal.leaf.at}), as their answer may take longer; ${without}`,
        found: `${exactMs(plannedMs)}, and the question ${asks.at}`,
      },
    ]
  if (leastMs === 0 || plannedMs > leastMs) return []
  return [
    {
      path,
      expected: `expected more than the ${exactMs(leastMs)} that surely pass until its heal (${heal.leaf.at}); ${without}`,
      found: exactMs(plannedMs),
    },
  ]
}

function healedIn(branch: readonly Placed[]): ReadonlySet<string | undefined> {
  return new Set(branch.map(({ leaf }) => leaf.step.heal))
}

/** One that runs out by itself is over once its time has surely passed; side by side there is no time between. */
function isOver(rows: readonly Row[], { fault, placed }: PlacedFault, by: Placed): boolean {
  return fault.for !== undefined && isBefore(placed, by) && between(rows, placed, by).leastMs >= fault.for
}

/** Faults that may be in force at once: what another branch heals at the same time, or injects and heals, need not be. */
function togetherInRows(rows: readonly Row[], home: string): readonly Problem[] {
  const problems: Problem[] = []
  let inForce: readonly PlacedFault[] = []
  for (const row of rows) {
    const healed = healedIn(row.flat())
    for (const branch of row) {
      const healedHere = healedIn(branch)
      let own = inForce.filter(({ fault }) => !healed.has(fault.id) || healedHere.has(fault.id))
      for (const placed of branch) {
        const [begun] = faultsIn([placed])
        own = own.filter((each) => each.fault.id !== placed.leaf.step.heal && !isOver(rows, each, placed))
        if (begun === undefined) problems.push(...idleProblems(placed.leaf, lastingOf(own), home))
        else {
          problems.push(...togetherProblems(begun, own), ...unseenProblems(begun, own))
          own = [...own, begun]
        }
      }
    }
    const injected = row.map((branch) => faultsIn(branch).filter(({ fault }) => !healed.has(fault.id)))
    inForce = inForce.filter(({ fault }) => !healed.has(fault.id))
    // Side by side, and none of them healed yet at the end of the row.
    for (const [index, branch] of injected.entries())
      for (const each of branch)
        if (row.length > 1) problems.push(...togetherProblems(each, [...inForce, ...injected.slice(0, index).flat()]))
    inForce = [...inForce, ...injected.flat()]
  }
  const told = new Set<string>()
  return problems.filter(({ path }) => !told.has(path.join('.')) && told.add(path.join('.')))
}

/** The region that a fault takes away whole; null for any other fault. */
export function lostRegion({ kind, target }: Pick<FaultSpec, 'kind' | 'target'>): string | null {
  return kind === 'power-loss' || kind === 'freeze' ? target.replace('region ', '') : null
}

/** Whether nothing can be sent that would show a poor link, since each of its links ends in one of these regions, which are dark. */
export function isUnseen({ kind, target }: Pick<FaultSpec, 'kind' | 'target'>, dark: readonly string[]): boolean {
  if (kind !== 'link-degrade') return false
  const links = eachLink(linksOf(target))
  return links.length > 0 && links.every(({ from, to }) => dark.includes(from) || dark.includes(to))
}

/** Those that surely are in force: any other may run out before. */
function lastingOf(others: readonly PlacedFault[]): readonly FaultSpec[] {
  return others.map(({ fault }) => fault).filter((fault) => fault.for === undefined)
}

function unseenProblems({ placed, fault }: PlacedFault, others: readonly PlacedFault[]): readonly Problem[] {
  const path = [...placed.leaf.path, 'fault', 'target']
  const found = JSON.stringify(fault.target)
  const dark = [...new Set(others.map((each) => lostRegion(each.fault)).filter((region) => region !== null))]
  if (isUnseen(fault, dark))
    return [
      {
        path,
        expected:
          'expected a link between sites that are neither lost nor frozen, since nothing shows any other to be poor',
        found: `${found} while ${dark.join(', ')} ${dark.length === 1 ? 'is' : 'are'} dark`,
      },
    ]
  const stopped = strikes(fault)
  if (stopped.length === 0 || !stopped.every((name) => isStopped(name, lastingOf(others)))) return []
  return [
    {
      path,
      expected: 'expected something that runs, to be struck',
      found: `${found}, which is dead or paused by then`,
    },
  ]
}

/** The containers in which something must run for the fault to have an effect; none where that does not matter. */
function strikes(fault: FaultSpec): readonly string[] {
  if (fault.kind === 'process-crash' || fault.kind === 'redis-empty' || fault.kind === 'dns-fail')
    return unlessUnread(() => servicesOf(fault.target).map(nameOf), [])
  if (fault.kind === 'replication-lag' || (fault.kind === 'postgres-crash' && !fault.optional))
    return [`postgres.${regionOf(fault.target)}`]
  return []
}

/** `app.a` */
function isStopped(name: string, faults: readonly FaultSpec[]): boolean {
  return faults.some((fault) => holdsOf(fault).some((hold) => hold === `dead:${name}` || hold === `paused:${name}`))
}

/** Steps that can't come to an end as long as what is in force lasts. */
function idleProblems({ path, step }: Leaf, lasting: readonly FaultSpec[], home: string): readonly Problem[] {
  if (path[0] === 'rollback') return []
  const event = step['wait-for']?.event
  const { action } = step
  const unfit = regions.filter((region) => isStopped(`postgres.${region}`, lasting))
  const silent = regions.filter((region) => isStopped(`etcd.${region}`, lasting))
  const by = lasting.map(({ id }) => id).join(', ')
  const wanted = action?.kind === 'failback' ? home : undefined
  const to = action?.kind === 'switchover' ? action.to : action?.to === undefined ? wanted : undefined
  // One that is not waited for may be refused: how that ends is what such a drill asks.
  if (to !== undefined && action?.wait === true && unfit.some((region) => region === to))
    return [
      {
        path: [...path, 'action'],
        expected: 'expected an order to a region whose Postgres runs',
        found: `region ${to}, whose Postgres is dead or paused by then (${by})`,
      },
    ]
  const needs: Partial<Record<AwaitedEvent, { readonly needed: string; readonly missing: readonly string[] }>> = {
    resynced: { needed: 'every Postgres', missing: unfit },
    'home-primary': { needed: 'the home region', missing: unfit.filter((region) => region === home) },
    'failover-complete': { needed: 'two members of etcd', missing: silent.length >= 2 ? silent : [] },
  }
  const { needed, missing } = (event === undefined ? undefined : needs[event]) ?? { needed: '', missing: [] }
  if (missing.length === 0) return []
  return [
    {
      path: [...path, 'wait-for', 'event'],
      expected: `expected a heal before ${event}, which needs ${needed}`,
      found: `${missing.join(', ')} dead or paused by then (${by})`,
    },
  ]
}

/** Two that hold one thing so that the heal of one would undo the other. */
function conflictProblem({ placed, fault }: PlacedFault, others: readonly PlacedFault[]): Problem | null {
  for (const { fault: other } of others) {
    const conflict = conflictOf(other, fault)
    if (conflict === null) continue
    const until =
      other.for === undefined ? '' : `; it ends by itself after ${exactMs(other.for)}, which need not have passed`
    return {
      path: [...placed.leaf.path, 'fault', 'target'],
      expected: `expected a fault that holds nothing that ${other.id} holds: ${conflict}${until}`,
      found: JSON.stringify(fault.target),
    }
  }
  return null
}

/** What is wrong with a fault beside those that are in force when it begins. */
function togetherProblems(begun: PlacedFault, others: readonly PlacedFault[]): readonly Problem[] {
  const { placed, fault } = begun
  const conflict = conflictProblem(begun, others)
  if (conflict !== null) return [conflict]
  if (lostRegion(fault) === null) return []
  const lost = [...others.map((each) => each.fault), fault].filter((each) => lostRegion(each) !== null)
  if (new Set(lost.map(lostRegion)).size < regions.length) return []
  return [
    {
      path: [...placed.leaf.path, 'fault', 'target'],
      expected:
        'expected one region at least that is neither lost nor frozen: with none there is no failover to measure',
      found: `${regions.join(', ')} at once (${lost.map(({ id }) => id).join(', ')})`,
    },
  ]
}
