// What a drill would do, in words, without doing it: for `run --dry-run`. Pure.
import { handlerOf } from '#chaos/library.ts'
import type { AwaitedEvent, Runbook, SingleStep } from '#protocol/runbook.ts'
import { limitsOf } from './abort.ts'
import { formatMs } from './measure/objectives.ts'
import { branchesOf, rollbackLeaves, type Leaf } from './method.ts'
import { parameterValues } from './parameters.ts'
import { titleOf } from './titles.ts'
import { topologyWords } from './topology-words.ts'
import type { LoadedRunbook } from './validate.ts'

/** A drill waits for a fault to heal, for an order to be answered, and for the world afterwards, at most so long. */
const longestHealMs = 60_000
const longestOrderMs = 60_000
const longestSteadyMs = 30_000
const longestInjectMs = 15_000
const longestAfterwardsMs = 90_000 + 30_000

const seenBy: Readonly<Record<AwaitedEvent, string>> = {
  suspected: 'a controller suspects the primary',
  'failover-complete': 'a later epoch is active: another region has taken over',
  'write-acked': 'a write that was sent since the last fault or order is acked',
  steady: 'the steady-state hypothesis is met in each area',
  resynced: 'every replica streams from the primary, and every service is there',
  'home-primary': 'the home region is primary',
}

/** Milliseconds that a step takes: at least, and at most. Questions wait for people, so they count as nothing. */
export interface Span {
  readonly leastMs: number
  readonly mostMs: number
}

function spanOf(step: SingleStep): Span {
  if (step.hold !== undefined) return { leastMs: step.hold, mostMs: step.hold }
  if (step['wait-for'] !== undefined) return { leastMs: 0, mostMs: step['wait-for'].within }
  if (step.fault !== undefined) return { leastMs: 0, mostMs: longestInjectMs }
  if (step.heal !== undefined) return { leastMs: 0, mostMs: longestHealMs }
  return { leastMs: 0, mostMs: step.action?.wait === true ? longestOrderMs : 0 }
}

function sumOf(spans: readonly Span[]): Span {
  return {
    leastMs: spans.reduce((sum, each) => sum + each.leastMs, 0),
    mostMs: spans.reduce((sum, each) => sum + each.mostMs, 0),
  }
}

function longestOf(spans: readonly Span[]): Span {
  return {
    leastMs: Math.max(0, ...spans.map((each) => each.leastMs)),
    mostMs: Math.max(0, ...spans.map((each) => each.mostMs)),
  }
}

/** How long the whole drill takes, from the first operation to the verdict. */
export function durationOf(runbook: Runbook): Span {
  const method = runbook.method.map((step, index) =>
    step.parallel === undefined
      ? spanOf(step)
      : longestOf(branchesOf(step, ['method', index]).map((branch) => sumOf(branch.map((leaf) => spanOf(leaf.step))))),
  )
  const afterwards = { leastMs: 0, mostMs: longestSteadyMs + longestAfterwardsMs }
  return sumOf([...method, ...runbook.rollback.map(spanOf), afterwards])
}

/** `90 s` as people say it: `1 min 30 s`. */
function inMinutes(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60]
  return minutes === 0 ? `${rest} s` : rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`
}

function detailsOf(step: SingleStep): readonly string[] {
  const notes = step.notes === undefined ? [] : [`people: ${step.notes}`]
  if (step.fault !== undefined) {
    const handler = handlerOf(step.fault.kind)
    return [
      ...notes,
      `expected: ${handler.expected(step.fault)}`,
      `touches: ${handler.touches(step.fault).join(', ')}`,
      `${step.fault.for === undefined ? 'lasts until its heal, and no longer than a minute if the drill dies' : `ends after ${inMinutes(step.fault.for)} by itself, whatever happens`}${step.fault.background ? '; in the background' : ''}`,
    ]
  }
  if (step['wait-for'] !== undefined) {
    const { event, within } = step['wait-for']
    return [...notes, `until ${seenBy[event]}; fails after ${inMinutes(within)}`]
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
    name === 'lost-writes' ? `${name} >= ${value}` : `${name} ${timed.has(name) ? formatMs(value ?? null) : value}`,
  )
  return words.join('; ') || 'none: everything is measured, nothing is demanded'
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
      `${load.rate}/s, ${Math.round(load.reads * 100)} % reads, from ${load.from.join(', ')}; given up after ${formatMs(load.timeout)}`,
    ),
    row(
      'steady is',
      `success >= ${(hypothesis['success-rate'] * 100).toFixed(1)} %, p99 <= ${formatMs(hypothesis.p99)}`,
    ),
    row('demanded', objectiveWords(runbook)),
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
