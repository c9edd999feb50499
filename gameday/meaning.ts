// What a schema can't say of a runbook: references between steps, what has no effect, and what needs a person.
import { linksOf, servicesOf } from '#chaos/targets.ts'
import type { FaultSpec } from '#protocol/faults.ts'
import type { ActionSpec, Runbook, Step } from '#protocol/runbook.ts'
import type { Problem } from './problems.ts'

type Path = readonly (string | number)[]

/** What the steps so far have done. */
interface Past {
  readonly injected: Set<string>
  readonly healed: Set<string>
  disturbed: boolean
}

/** @param canApprove false: there is neither a terminal nor `--yes` */
export function meaningProblems(runbook: Runbook, canApprove: boolean): readonly Problem[] {
  const { pattern, commit } = runbook.topology
  const problems: Problem[] = []
  if (pattern !== 'active-passive')
    problems.push({
      path: ['topology', 'pattern'],
      expected: 'expected active-passive, the one pattern that can be built yet',
      found: JSON.stringify(pattern),
    })
  const past: Past = { injected: new Set(), healed: new Set(), disturbed: false }
  for (const [index, step] of runbook.method.entries()) {
    const path: Path = ['method', index]
    if (step.fault !== undefined) problems.push(...faultProblems([...path, 'fault'], step.fault, past))
    if (step.action !== undefined) problems.push(...actionProblems([...path, 'action'], step.action, commit))
    if (step.heal !== undefined) problems.push(...healProblems([...path, 'heal'], step.heal, past))
    past.disturbed ||= step.fault !== undefined || step.action !== undefined
    problems.push(...waitProblems(path, step, past))
    if (step.approve !== undefined && !canApprove)
      problems.push({
        path: [...path, 'approve'],
        expected: 'expected a terminal to ask at, or --yes',
        found: 'neither',
      })
  }
  return problems
}

function faultProblems(path: Path, fault: FaultSpec, { injected }: Past): readonly Problem[] {
  const problems: Problem[] = []
  if (injected.has(fault.id))
    problems.push({
      path: [...path, 'id'],
      expected: 'expected a fault id of its own',
      found: `${fault.id} a second time`,
    })
  injected.add(fault.id)
  if (/^\w+\./.test(fault.target)) problems.push(...targetProblems([...path, 'target'], fault.target))
  if (fault.kind === 'partition') problems.push(...partitionProblems(path, fault))
  if (fault.kind === 'link-degrade') {
    const { delay, jitter, loss, reorder, bandwidth } = fault
    if ([delay, jitter, loss, reorder, bandwidth].every((each) => each === undefined))
      problems.push({
        path,
        expected: 'expected at least one of delay, jitter, loss, reorder, bandwidth',
        found: 'none',
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
    servicesOf(target)
    return []
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

function healProblems(path: Path, id: string, { injected, healed }: Past): readonly Problem[] {
  if (!injected.has(id)) {
    const known = [...injected].join(', ') || 'there is none'
    return [{ path, expected: `expected the id of a fault injected before (${known})`, found: JSON.stringify(id) }]
  }
  if (healed.has(id)) return [{ path, expected: 'expected each fault to be healed once', found: `${id} a second time` }]
  healed.add(id)
  return []
}

function waitProblems(path: Path, step: Step, { disturbed }: Past): readonly Problem[] {
  if (step['wait-for']?.event !== 'failover-complete' || disturbed) return []
  return [
    {
      path: [...path, 'wait-for', 'event'],
      expected: 'expected a fault or an action before failover-complete',
      found: 'none',
    },
  ]
}
