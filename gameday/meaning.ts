// What a schema can't say of a runbook: references between steps, what has no effect, and what needs a person.
import { eachLink, linksOf, nameOf, servicesOf, unlessUnread } from '#chaos/targets.ts'
import type { FaultSpec } from '#protocol/faults.ts'
import type { ActionSpec, AwaitedEvent, Runbook, SingleStep } from '#protocol/runbook.ts'
import { baseDelayMs } from '#protocol/sites.ts'
import { demandProblems } from './demands.ts'
import { exactMs } from './exact-ms.ts'
import { faultTimeProblems } from './fault-times.ts'
import { regionsHit } from './measure/explanations.ts'
import { branchesOf, rollbackLeaves, type Leaf, type Path } from './method.ts'
import type { Problem } from './problems.ts'

/** Ids that an error names. */
const mostNamed = 20

/** What the steps so far have done. */
interface Past {
  /** Of the whole runbook. */
  readonly ids: Set<string>
  readonly healed: Set<string>
  /** What surely lies before the step: other branches of a parallel step may be late. */
  readonly injected: Set<string>
  disturbed: boolean
  /** Faults that are not healed and hit a region. */
  readonly hitting: Set<string>
  /** Who is primary, as far as orders alone have moved the role; null: a fault may have. */
  primary: string | null
}

const nothingDone = (primary: string | null = null): Past => ({
  ids: new Set(),
  healed: new Set(),
  injected: new Set(),
  disturbed: false,
  hitting: new Set(),
  primary,
})

/** Of a fault that stands in no runbook; paths begin in the fault. */
export function meaningProblemsOfFault(fault: FaultSpec): readonly Problem[] {
  return faultProblems([], fault, nothingDone())
}

/** @param canApprove false: there is neither a terminal nor `--yes` nor `--approve-in-dashboard` */
export function meaningProblems(runbook: Runbook, canApprove: boolean): readonly Problem[] {
  const { pattern } = runbook.topology
  const problems: Problem[] = []
  if (pattern !== 'active-passive')
    problems.push({
      path: ['topology', 'pattern'],
      expected: 'expected active-passive, the one pattern that can be built yet',
      found: JSON.stringify(pattern),
    })
  if (runbook['abort-when']?.['no-acks-for'] !== undefined && runbook.load.reads === 1)
    problems.push({
      path: ['abort-when', 'no-acks-for'],
      expected: 'expected a load that writes',
      found: 'load.reads: 1',
    })
  const past = nothingDone(runbook.topology.home)
  const look = (leaf: Leaf, before: Past): void => {
    problems.push(...stepProblems(leaf, before, runbook, canApprove))
  }
  for (const [index, step] of runbook.method.entries()) {
    const path: Path = ['method', index]
    const branches = branchesOf(step, path).map((leaves) => {
      const own: Past = { ...past, injected: new Set(past.injected), hitting: new Set(past.hitting) }
      for (const leaf of leaves) look(leaf, own)
      return own
    })
    for (const branch of branches) {
      for (const id of branch.injected) past.injected.add(id)
      for (const id of branch.hitting) past.hitting.add(id)
      past.disturbed ||= branch.disturbed
      if (branch.disturbed) past.primary = null
    }
    if (step.parallel === undefined) look({ path, at: '', step, before: null }, past)
  }
  // A rollback may find a fault healed already, or not injected yet.
  for (const leaf of rollbackLeaves(runbook)) look(leaf, { ...past, healed: new Set(), primary: null })
  return [...problems, ...faultTimeProblems(runbook), ...demandProblems(runbook)]
}

function stepProblems({ path, step }: Leaf, past: Past, runbook: Runbook, canApprove: boolean): readonly Problem[] {
  const { topology } = runbook
  const problems: Problem[] = []
  if (step.fault !== undefined) {
    const wrong = faultProblems([...path, 'fault'], step.fault, past)
    problems.push(...wrong)
    // Of one that can't be it is not known whom it would hit.
    if (wrong.length > 0) past.hitting.add(step.fault.id)
    if (wrong.length > 0) past.primary = null
    if (step.fault.kind === 'disk-full' && topology.disk === null)
      problems.push({
        path: [...path, 'fault', 'kind'],
        expected: 'expected a topology that gives each Postgres a disk of its own for disk-full, such as disk: 512MiB',
        found: 'none',
      })
  }
  if (step.action !== undefined) {
    const wrong = actionProblems([...path, 'action'], step.action, topology.commit)
    if (wrong.length > 0) past.primary = null
    problems.push(...wrong)
    if (wrong.length === 0) problems.push(...idleOrderProblems([...path, 'action'], step.action, runbook, past))
  }
  if (step.heal !== undefined) problems.push(...healProblems([...path, 'heal'], step.heal, past))
  past.disturbed ||= step.fault !== undefined || step.action !== undefined
  if (step.heal !== undefined) past.hitting.delete(step.heal)
  if (step.fault !== undefined) noteHit(step.fault, past)
  problems.push(...waitProblems(path, step, past))
  if (step.approve !== undefined && !canApprove)
    problems.push({
      path: [...path, 'approve'],
      expected: 'expected a terminal to ask at, or --yes, or --approve-in-dashboard',
      found: 'none of these',
    })
  return problems
}

function faultProblems(path: Path, fault: FaultSpec, { ids, injected, primary }: Past): readonly Problem[] {
  const problems: Problem[] = []
  if (ids.has(fault.id))
    problems.push({
      path: [...path, 'id'],
      expected: 'expected a fault id of its own',
      found: `${fault.id} a second time`,
    })
  ids.add(fault.id)
  injected.add(fault.id)
  if (/^\w+\./.test(fault.target)) problems.push(...targetProblems([...path, 'target'], fault.target))
  if (fault.kind === 'partition') problems.push(...partitionProblems(path, fault))
  if (fault.kind === 'replication-lag' && fault.target === `region ${primary}`)
    problems.push({
      path: [...path, 'target'],
      expected: 'expected a region that follows: no WAL reaches the primary',
      found: JSON.stringify(fault.target),
    })
  if (fault.kind === 'link-degrade') {
    const { delay, jitter, loss, reorder, bandwidth } = fault
    if ([delay, jitter, loss, reorder, bandwidth].every((each) => each === undefined))
      problems.push({
        path,
        expected: 'expected at least one of delay, jitter, loss, reorder, bandwidth',
        found: 'none',
      })
    else if ([delay, bandwidth].every((each) => each === undefined) && [jitter, loss, reorder].every((each) => !each))
      problems.push({
        path,
        expected: 'expected a jitter, loss or reorder above 0: nothing else is changed',
        found: '0',
      })
    else if ([jitter, loss, reorder, bandwidth].every((each) => !each) && takesSo(fault.target, delay ?? -1))
      problems.push({
        path: [...path, 'delay'],
        expected:
          'expected another delay, or something else beside it: it stands in place of what these links take anyway',
        found: exactMs(delay ?? 0),
      })
    if (linksOf(fault.target).every(({ from, to }) => new Set([...from, ...to]).size === 1))
      problems.push({
        path: [...path, 'target'],
        expected: 'expected a link between two sites',
        found: JSON.stringify(fault.target),
      })
  }
  return problems
}

/** Whether each of the links takes so long anyway, one way. */
function takesSo(target: string, ms: number): boolean {
  const links = eachLink(linksOf(target))
  return links.length > 0 && links.every(({ from, to }) => baseDelayMs(from, to) === ms)
}

function partitionProblems(path: Path, fault: Extract<FaultSpec, { kind: 'partition' }>): readonly Problem[] {
  const { target, clients } = fault
  const problems: Problem[] = []
  if (clients !== undefined && !target.startsWith('region '))
    problems.push({
      path: [...path, 'clients'],
      expected: 'expected clients with target "region X" only: all other targets name the sites that they cut',
      found: `clients: ${clients} with ${JSON.stringify(target)}`,
    })
  const isOneWay = target.includes('->')
  if (!isOneWay && !target.includes('|')) return problems
  const named = target.split(/ -> |[|,]/)
  const twice = named.find((site, index) => named.indexOf(site) !== index)
  if (twice !== undefined)
    problems.push({
      path: [...path, 'target'],
      expected: isOneWay ? 'expected a link between two sites' : 'expected each site in one group',
      found: `${twice} twice in ${JSON.stringify(target)}`,
    })
  return problems
}

function targetProblems(path: Path, target: string): readonly Problem[] {
  try {
    const names = servicesOf(target).map(nameOf)
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice === undefined) return []
    return [{ path, expected: 'expected each service once', found: `${twice} twice in ${JSON.stringify(target)}` }]
  } catch (error) {
    const [expected = '', found = ''] = (error as Error).message.split(', saw ')
    return [{ path, expected, found }]
  }
}

function actionProblems(path: Path, action: ActionSpec, commit: Runbook['topology']['commit']): readonly Problem[] {
  const { kind, to } = action
  if (kind === 'switchover' && to === undefined)
    return [{ path, expected: 'expected "to" with the region that shall be primary', found: 'none' }]
  if (kind === 'failback' && to !== undefined)
    return [{ path: [...path, 'to'], expected: 'expected no "to": a failback goes home', found: JSON.stringify(to) }]
  if (action['accept-data-loss'] && (kind !== 'failover' || commit === 'quorum'))
    return [
      {
        path: [...path, 'accept-data-loss'],
        expected: 'expected it with a failover in commit: async only, since nothing else may lose data',
        found: `${kind} in commit: ${commit}`,
      },
    ]
  return []
}

/** A fault of another region leaves the role where it is, unless a second region is hit as well. */
function noteHit(fault: FaultSpec, past: Past): void {
  const hit = unlessUnread<readonly string[] | null>(() => regionsHit(fault), null)
  if (hit === null || hit.length > 0) past.hitting.add(fault.id)
  if (
    hit === null ||
    hit.some((region) => region === past.primary) ||
    (hit.length > 0 && past.hitting.size > 1) ||
    new Set(hit).size > 1
  )
    past.primary = null
}

/** An order that moves nothing has no figures: what is demanded of it would be met by nothing. */
function idleOrderProblems(
  path: Path,
  { kind, to, wait: isWaitedFor }: ActionSpec,
  runbook: Runbook,
  past: Past,
): readonly Problem[] {
  const { primary } = past
  const { objectives, topology } = runbook
  const wanted = kind === 'failback' ? topology.home : kind === 'switchover' ? (to ?? null) : null
  // An order that was waited for has been done, and nothing that is in force undoes it.
  if (isWaitedFor && past.hitting.size === 0) past.primary = wanted
  else if (primary !== null) past.primary = wanted === primary ? primary : null
  if (primary === null || wanted !== primary) return []
  const judged =
    kind === 'failback' ? (['failback-gap', 'failback-failed'] as const) : (['rto', 'rto-first-write'] as const)
  if (judged.every((name) => objectives[name] === undefined)) return []
  const expected =
    kind === 'failback'
      ? 'expected a switchover or a fault before a failback: the role is at home'
      : `expected another region than ${primary}, which is primary by then`
  return [{ path, expected, found: kind === 'failback' ? 'none' : `to: ${String(to)}` }]
}

function healProblems(path: Path, id: string, { injected, healed }: Past): readonly Problem[] {
  if (!injected.has(id)) {
    const known = [...injected].slice(0, mostNamed).join(', ') || 'there is none'
    return [{ path, expected: `expected the id of a fault injected before (${known})`, found: JSON.stringify(id) }]
  }
  if (healed.has(id)) return [{ path, expected: 'expected each fault to be healed once', found: `${id} a second time` }]
  healed.add(id)
  return []
}

/** What can only be seen after something was done. */
const consequences: ReadonlySet<AwaitedEvent> = new Set(['suspected', 'failover-complete', 'write-acked'])

function waitProblems(path: Path, step: SingleStep, { disturbed }: Past): readonly Problem[] {
  const event = step['wait-for']?.event
  if (event === undefined || disturbed || !consequences.has(event)) return []
  return [
    {
      path: [...path, 'wait-for', 'event'],
      expected: `expected a fault or an action before ${event}`,
      found: 'none',
    },
  ]
}
