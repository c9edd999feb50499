// What a drill would do, in words, without doing it: for `run --dry-run`. Pure.
import { handlerOf } from '#chaos/library.ts'
import type { FaultSpec } from '#protocol/faults.ts'
import type { AwaitedEvent, Runbook, SingleStep } from '#protocol/runbook.ts'
import { limitsOf } from './abort.ts'
import { meanGaps } from './demands.ts'
import { exactMs } from './exact-ms.ts'
import { branchesOf, rollbackLeaves, type Leaf } from './method.ts'
import { parameterValues } from './parameters.ts'
import { durationOf } from './spans.ts'
import { titleOf } from './titles.ts'
import { topologyWords } from './topology-words.ts'
import type { LoadedRunbook } from './validate.ts'

const seenBy: Readonly<Record<AwaitedEvent, string>> = {
  suspected: 'a controller suspects the primary',
  'failover-complete': 'a later epoch is active: another region has taken over',
  'write-acked': 'a write that was sent since the last fault or order is acked',
  steady: 'the steady-state hypothesis is met in each area',
  resynced: 'every replica streams from the primary, and every service is there',
  'home-primary': 'the home region is primary',
}

/** `90 s` as people say it: `1 min 30 s`. */
function inMinutes(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60]
  return minutes === 0 ? `${rest} s` : rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`
}

function lastingWords(fault: FaultSpec): string {
  return fault.for === undefined
    ? 'lasts until it is healed, and no longer than a minute beyond a drill that dies'
    : `healed after ${exactMs(fault.for)} whatever happens`
}

function detailsOf(step: SingleStep): readonly string[] {
  const notes = step.notes === undefined ? [] : [`people: ${step.notes}`]
  if (step.fault !== undefined) {
    const handler = handlerOf(step.fault.kind)
    return [
      ...notes,
      `expected: ${handler.expected(step.fault)}`,
      `touches: ${handler.touches(step.fault).join(', ')}`,
      `${lastingWords(step.fault)}${step.fault.background ? '; in the background' : ''}`,
    ]
  }
  if (step['wait-for'] !== undefined) {
    const { event, within } = step['wait-for']
    return [...notes, `until ${seenBy[event]}; fails after ${exactMs(within)}`]
  }
  if (step.expect !== undefined) {
    const { failed, acked } = step.expect
    return [
      ...notes,
      ...(failed === undefined ? [] : [`demands: at most ${failed} operations fail meanwhile`]),
      ...(acked === undefined ? [] : [`demands: at most ${acked} writes are acked meanwhile`]),
    ]
  }
  if (step.action !== undefined)
    return [
      ...notes,
      `the role moves by order${step.action['accept-data-loss'] ? ', even if acked writes are lost' : ''}`,
    ]
  return notes
}

function stepLines(leaf: Leaf, label: string, indent: string): readonly string[] {
  const inner = `${indent}${' '.repeat(label.length + 1)}`
  return [`${indent}${label} ${titleOf(leaf.step)}`, ...detailsOf(leaf.step).map((line) => `${inner}${line}`)]
}

function methodLines(runbook: Runbook): readonly string[] {
  return runbook.method.flatMap((step, index) => {
    const label = `${String(index + 1).padStart(2)}.`
    const path = ['method', index]
    if (step.parallel === undefined) return stepLines({ path, at: '', step, before: null }, label, '  ')
    const branches = branchesOf(step, path).flatMap((branch, number) =>
      branch.flatMap((leaf, within) =>
        stepLines(leaf, branch.length === 1 ? `${number + 1})` : `${number + 1}.${within + 1})`, '      '),
      ),
    )
    const notes = step.notes === undefined ? [] : [`      people: ${step.notes}`]
    return [`  ${label} Side by side:`, ...notes, ...branches]
  })
}

function rollbackLines(runbook: Runbook): readonly string[] {
  const steps = rollbackLeaves(runbook).flatMap((leaf, index) =>
    stepLines(leaf, `${String(index + 1).padStart(2)}.`, '  '),
  )
  return [...steps, '  then whatever fault is left is healed, and the load ends']
}

function objectiveWords({ objectives }: Runbook): string {
  const timed = new Set(['rto', 'rto-first-write', 'rpo', 'longest-gap', 'failback-gap'])
  const words = Object.entries(objectives).map(([name, value]) =>
    name === 'lost-writes' ? `${name} >= ${value}` : `${name} ${timed.has(name) ? exactMs(value ?? 0) : value}`,
  )
  return words.join('; ') || 'none: everything is measured, nothing is demanded'
}

/** What the load can tell apart, on average: a moment lies between two operations. */
function resolutionWords(runbook: Runbook): string {
  const { ofAreaMs, ofWritesMs } = meanGaps(runbook)
  const give = (ms: number): string => `+-${Number((ms / 1000).toPrecision(1))} s`
  const writes = Number.isFinite(ofWritesMs) ? `, times without an acked write to about ${give(ofWritesMs)}` : ''
  return `restored is measured to about ${give(ofAreaMs)}${writes}, by the rate of the load`
}

export function renderPlan({ name, runbook }: LoadedRunbook): string {
  const { load, 'steady-state-hypothesis': hypothesis, 'abort-when': conditions } = runbook
  const parameters = parameterValues(runbook)
  const { leastMs, mostMs } = durationOf(runbook)
  const questions = [...runbook.method]
    .flatMap((step) => [step, ...(step.parallel ?? []).flat()])
    .filter((each) => each.approve !== undefined)
  const row = (title: string, text: string): string => `${title.padEnd(12)} ${text}`
  const parameterLines = Object.entries(runbook.parameters).map(([key, each]) => {
    const about = typeof each === 'object' && each.description !== undefined ? `  (${each.description})` : ''
    return `  ${key} = ${String(parameters[key])}${about}`
  })
  return [
    `${runbook.title} (${name}): what would be done`,
    '',
    row('world', topologyWords(runbook.topology)),
    row(
      'load',
      `${load.rate}/s, ${Math.round(load.reads * 100)} % reads, from ${load.from.join(', ')}; given up after ${exactMs(load.timeout)}`,
    ),
    row(
      'steady is',
      `success >= ${Number((hypothesis['success-rate'] * 100).toPrecision(12))} %, p99 <= ${exactMs(hypothesis.p99)}`,
    ),
    row('demanded', objectiveWords(runbook)),
    row('resolution', resolutionWords(runbook)),
    row(
      'stops when',
      conditions === undefined
        ? 'no abort-when: only Ctrl-C or a failed step ends it early'
        : limitsOf(conditions).join('; '),
    ),
    ...(parameterLines.length === 0 ? [] : ['', 'parameters, each changed by --set name=value', ...parameterLines]),
    '',
    'method',
    ...methodLines(runbook),
    '',
    'rollback, whatever happened',
    ...rollbackLines(runbook),
    '',
    row(
      'takes',
      `at least ${inMinutes(leastMs)}, at most ${inMinutes(mostMs)}${questions.length === 0 ? '' : `, and as long as people take to answer ${questions.length === 1 ? 'a question' : `${questions.length} questions`}`}; bringing a world up comes before it`,
    ),
  ].join('\n')
}
