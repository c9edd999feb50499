// A runbook's steps one by one, with their places: what stands in branches of a parallel step counts as steps of its own.
import type { Runbook, SingleStep, Step } from '#protocol/runbook.ts'

export type Path = readonly (string | number)[]

/** `method[3].parallel[0][1]`, as errors, journals and the live drill call a place. */
export function pathText(path: Path): string {
  return path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? key : `${text}.${key}`),
    '',
  )
}

/** One thing that is done. A parallel step is none; its children are. */
export interface Leaf {
  readonly path: Path
  readonly at: string
  readonly step: SingleStep
  /** What is done right before it, in its own branch. */
  readonly before: SingleStep | null
}

/** The branches of a parallel step; empty for any other. */
export function branchesOf(step: Step, path: Path): readonly (readonly Leaf[])[] {
  return (step.parallel ?? []).map((branch, index) => {
    const here: Path = [...path, 'parallel', index]
    if (!Array.isArray(branch)) return [leaf(branch, here, null)]
    return branch.map((each, within) => leaf(each, [...here, within], branch[within - 1] ?? null))
  })
}

function leaf(step: SingleStep, path: Path, before: SingleStep | null): Leaf {
  return { path, at: pathText(path), step, before }
}

/** Every leaf of the method, in the order of the file. */
export function methodLeaves(runbook: Runbook): readonly Leaf[] {
  return runbook.method.flatMap((step, index): readonly Leaf[] => {
    const path: Path = ['method', index]
    if (step.parallel !== undefined) return branchesOf(step, path).flat()
    return [leaf(step, path, runbook.method[index - 1] ?? null)]
  })
}

export function rollbackLeaves(runbook: Runbook): readonly Leaf[] {
  return runbook.rollback.map((step, index) => leaf(step, ['rollback', index], runbook.rollback[index - 1] ?? null))
}

export function allLeaves(runbook: Runbook): readonly Leaf[] {
  return [...methodLeaves(runbook), ...rollbackLeaves(runbook)]
}
