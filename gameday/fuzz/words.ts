// How runs of a fuzzing session are told: one line each, more where something was wrong. Pure.
import type { Journal } from '#protocol/journal.ts'
import { requestsOf } from '../report/figures.ts'
import type { PlannedFault, PlannedOrder } from './draw.ts'
import { longestRunMs } from './judge.ts'
import type { FuzzRun } from './run-fuzz.ts'

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)}s`
}

/** How a drill takes a fault, not what the fault is. */
const untold: ReadonlySet<string> = new Set(['background', 'optional'])

function faultText({ words, fromMs, toMs }: PlannedFault): string {
  const { kind, target, ...others } = words
  const options = Object.entries(others).filter(([name]) => !untold.has(name))
  const more = options.map(([name, value]) => `${name} ${String(value)}`)
  const text = [`${kind} ${target.replace(/^region /, '')}`, ...more].join(' ')
  return `${text} ${seconds(fromMs)}-${seconds(toMs)}`
}

function orderText({ action, to, atMs }: PlannedOrder, answer: string | null): string {
  return `${action}${to === null ? '' : ` to ${to}`} at ${seconds(atMs)}${answer === null ? '' : ' refused'}`
}

/** The answers of orders, in the order in which they were given. */
function answersOf({ journal }: FuzzRun): readonly (string | null)[] {
  return journal?.steps.filter((step) => step.kind === 'action').map((step) => step.failed) ?? []
}

function requestsText(journal: Journal): string {
  const { text, why } = requestsOf(journal)
  return why === null ? text.replaceAll(',', '') : `requests ${text}`
}

export function describeRun(ended: FuzzRun): readonly string[] {
  const { run, drawn, verdict, tookMs, journal, folder } = ended
  const answers = answersOf(ended)
  const orders = drawn.orders.toSorted((left, right) => left.atMs - right.atMs)
  const events = [
    ...drawn.faults.map(faultText),
    ...orders.map((order, index) => orderText(order, answers[index] ?? null)),
    ...(drawn.demandsService ? ['service demanded meanwhile'] : []),
  ]
  const epochs = journal?.epochs.map((each) => `${each.epoch}${each.region ?? '?'}`).join(' ') ?? 'none'
  const requests = journal === null ? '' : `, ${requestsText(journal)}`
  return [
    `run ${run}: ${verdict} in ${seconds(tookMs)}, epochs ${epochs}${requests}: ${events.join('; ')}`,
    ...ended.violations.map((each) => `  violation  ${each}`),
    ...ended.unknown.map((each) => `  unknown    ${each}`),
    ...(folder === null ? [] : [`  files      ${folder}`]),
  ]
}

export function summaryOf(runs: readonly FuzzRun[], asked: number, wallMs: number): readonly string[] {
  const failed = runs.filter((each) => each.verdict === 'fail')
  const unknown = runs.filter((each) => each.verdict === 'unknown')
  const longest = Math.max(0, ...runs.map((each) => each.tookMs))
  const minutes = `${Math.floor(wallMs / 60_000)} min ${Math.round((wallMs % 60_000) / 1000)} s`
  return [
    `${runs.length} of ${asked} runs in ${minutes}, the longest ${seconds(longest)} (at most ${seconds(longestRunMs)}): ${failed.length} with violations, ${unknown.length} unknown`,
    ...failed.map((each) => `violation: run ${each.run}, ${each.folder}`),
    ...unknown.map((each) => `unknown: run ${each.run}, ${each.folder ?? 'it did not begin'}`),
  ]
}
