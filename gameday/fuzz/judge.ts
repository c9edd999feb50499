// What a fuzzed drill has shown: violations, or why nothing is known. Figures and checks are the drill's own; how fast it went is not judged. Pure.
import type { Journal } from '#protocol/journal.ts'

/** A run that takes longer is reported: the world did not recover as it should, or the machine is too small. */
export const longestRunMs = 60_000

export interface Judgement {
  readonly violations: readonly string[]
  /** What keeps a run without violations from counting as passed. */
  readonly unknown: readonly string[]
}

/** @param epochKnown the highest epoch of the runs before, in the same world; null: none */
export function judge(journal: Journal, tookMs: number, epochKnown: number | null): Judgement {
  const failedSteps = journal.steps.filter((step) => step.failed !== null && step.kind !== 'action')
  const promised = failedSteps.filter((step) => step.kind === 'wait-for' || step.kind === 'heal')
  const first = journal.epochs[0]?.epoch ?? null
  const violations = [
    ...promised.map((step) => `${step.title}: ${step.failed}`),
    ...journal.objectives.filter((each) => each.status === 'missed').map((each) => `${each.name}: ${each.measured}`),
    ...journal.checks.filter((each) => each.status === 'fail').map((each) => `${each.name}: ${each.reason}`),
    ...(epochKnown !== null && first !== null && first < epochKnown
      ? [`epochs grow: ${epochKnown} was seen before, and now the world is in epoch ${first}`]
      : []),
  ]
  const endedAsPromisedNot = promised.length > 0
  const unknown = [
    ...journal.objectives.filter((each) => each.status === 'unknown').map((each) => `${each.name}: ${each.measured}`),
    ...journal.checks
      .filter((each) => each.status === 'unknown' && !(each.name === 'drill complete' && endedAsPromisedNot))
      .map((each) => `${each.name}: ${each.reason}`),
    ...(tookMs > longestRunMs
      ? [`took ${(tookMs / 1000).toFixed(1)} s, at most ${longestRunMs / 1000} s are allowed`]
      : []),
  ]
  return { violations, unknown }
}

/** The highest epoch that a drill has seen; null if none. */
export function highestEpochOf(journal: Journal): number | null {
  return journal.epochs.reduce<number | null>((highest, { epoch }) => Math.max(highest ?? epoch, epoch), null)
}
