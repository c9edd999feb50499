// How long steps take before any of them is taken: at least and at most; and what surely lies between two of them. Pure.
import type { Runbook, SingleStep } from '#protocol/runbook.ts'
import { branchesOf, type Leaf } from './method.ts'

/** A drill waits for a fault to heal, for an order to be answered, and for the world afterwards, at most so long. */
const longestHealMs = 60_000
const longestOrderMs = 60_000
const longestSteadyMs = 30_000
const longestInjectMs = 15_000
const longestAfterwardsMs = 90_000 + 30_000

/** Milliseconds that something takes. A question takes as long as people do, which counts as nothing here. */
export interface Span {
  readonly leastMs: number
  readonly mostMs: number
  /** What of it the load can be watched for: holds, and waits to their end. */
  readonly watchedMs: number
  /** The question that is asked in it, if there is one: then there is no most. */
  readonly asks: Leaf | null
}

/** One thing that is done, in its place: the steps of the method, then those of the rollback, each of them one or more branches. */
export interface Placed {
  readonly leaf: Leaf
  /** Which step of the whole it is, or is a part of. */
  readonly row: number
  readonly branch: number
  readonly index: number
}

/** A step as what is done side by side in it: a step that is no parallel one is one branch of one thing. */
export type Row = readonly (readonly Placed[])[]

/** All of a runbook, the rollback last. */
export function rowsOf(runbook: Runbook): readonly Row[] {
  const place = (branches: readonly (readonly Leaf[])[], row: number): Row =>
    branches.map((leaves, branch) => leaves.map((leaf, index) => ({ leaf, row, branch, index })))
  const { method, rollback } = runbook
  const single = (kind: string, step: SingleStep, index: number): Leaf => ({
    path: [kind, index],
    at: `${kind}[${index}]`,
    step,
    before: null,
  })
  return [
    ...method.map((step, index) => {
      const branches = branchesOf(step, ['method', index])
      return place(branches.length > 0 ? branches : [[single('method', step, index)]], index)
    }),
    ...rollback.map((step, index) => place([[single('rollback', step, index)]], method.length + index)),
  ]
}

function longestActMs({ fault, heal, action }: SingleStep): number {
  if (fault !== undefined) return longestInjectMs
  if (heal !== undefined) return longestHealMs
  return action?.wait === true ? longestOrderMs : 0
}

function spanOf(leaf: Leaf): Span {
  const { step } = leaf
  if (step.hold !== undefined) return { leastMs: step.hold, mostMs: step.hold, watchedMs: step.hold, asks: null }
  if (step.approve !== undefined) return { leastMs: 0, mostMs: 0, watchedMs: 0, asks: leaf }
  const { within } = step['wait-for'] ?? {}
  if (within !== undefined) return { leastMs: 0, mostMs: within, watchedMs: within, asks: null }
  return { leastMs: 0, mostMs: longestActMs(step), watchedMs: 0, asks: null }
}

/** One after another. */
function sumOf(spans: readonly Span[]): Span {
  return {
    leastMs: spans.reduce((sum, each) => sum + each.leastMs, 0),
    mostMs: spans.reduce((sum, each) => sum + each.mostMs, 0),
    watchedMs: spans.reduce((sum, each) => sum + each.watchedMs, 0),
    asks: spans.find((each) => each.asks !== null)?.asks ?? null,
  }
}

/** Side by side. */
function longestOf(spans: readonly Span[]): Span {
  return {
    leastMs: Math.max(0, ...spans.map((each) => each.leastMs)),
    mostMs: Math.max(0, ...spans.map((each) => each.mostMs)),
    watchedMs: Math.max(0, ...spans.map((each) => each.watchedMs)),
    asks: spans.find((each) => each.asks !== null)?.asks ?? null,
  }
}

function spanOfAll(placed: readonly Placed[]): Span {
  return sumOf(placed.map(({ leaf }) => spanOf(leaf)))
}

function spanOfRow(row: Row): Span {
  return longestOf(row.map(spanOfAll))
}

/** The steps alone, rollback included: it is what the load runs for. */
export function spanOfSteps(runbook: Runbook): Span {
  return sumOf(rowsOf(runbook).map(spanOfRow))
}

/** How long the whole drill takes, from the first operation to the verdict. */
export function durationOf(runbook: Runbook): Span {
  const afterwards = { leastMs: 0, mostMs: longestSteadyMs + longestAfterwardsMs, watchedMs: 0, asks: null }
  return sumOf([spanOfSteps(runbook), afterwards])
}

/** Whether one thing is done before another, however long each takes: side by side there is no order. */
export function isBefore(one: Placed, other: Placed): boolean {
  return one.row === other.row ? one.branch === other.branch && one.index < other.index : one.row < other.row
}

/** From the end of one thing to the end of its row: its own branch goes on, and so may another that takes longer. */
function restOfRow(row: Row, after: Placed): Span {
  const own = row[after.branch] ?? []
  const ownRest = spanOfAll(own.slice(after.index + 1))
  const until = spanOfAll(own.slice(0, after.index + 1))
  const others = row
    .filter((_, branch) => branch !== after.branch)
    .map(spanOfAll)
    .map((all) => ({ ...all, leastMs: until.asks === null ? all.leastMs - until.mostMs : 0 }))
  return longestOf([ownRest, ...others])
}

/** What lies between the end of one thing and the beginning of another that comes after it. */
export function between(rows: readonly Row[], one: Placed, other: Placed): Span {
  const branch = rows[other.row]?.[other.branch] ?? []
  if (one.row === other.row) return spanOfAll(branch.slice(one.index + 1, other.index))
  const whole = rows.slice(one.row + 1, other.row).map(spanOfRow)
  return sumOf([restOfRow(rows[one.row] ?? [], one), ...whole, spanOfAll(branch.slice(0, other.index))])
}

/** What lies between the end of one thing and the end of the load. */
export function afterwards(rows: readonly Row[], one: Placed): Span {
  return sumOf([restOfRow(rows[one.row] ?? [], one), ...rows.slice(one.row + 1).map(spanOfRow)])
}
